//===- ProgramBits.cpp - What ops do to bits ------------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramBits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;
using smt::BVCmpPredicate;

std::optional<unsigned> selfopt::bitWidthOf(Type element) {
  if (isa<IndexType>(element))
    return 64;
  return element.isIntOrFloat() ? std::optional(element.getIntOrFloatBitWidth()) : std::nullopt;
}

bool selfopt::readsNaNs(Operation *op) {
  auto cast = dyn_cast<arith::BitcastOp>(op);
  return isa<math::CopySignOp>(op) || (cast && isa<FloatType>(getElementTypeOrSelf(cast.getIn().getType())));
}

std::optional<APInt> selfopt::bitsOf(Attribute constant) {
  if (auto elements = dyn_cast<SplatElementsAttr>(constant))
    constant = elements.getSplatValue<Attribute>();
  if (auto integer = dyn_cast<IntegerAttr>(constant))
    return integer.getValue();
  auto number = dyn_cast<FloatAttr>(constant);
  if (!number)
    return std::nullopt;
  APFloat value = number.getValue();
  return (value.isNaN() ? APFloat::getQNaN(value.getSemantics()) : value).bitcastToAPInt();
}

/// Patterns of a float type.
struct BitBuilder::Format {
  explicit Format(Type type)
      : type(cast<FloatType>(type)), semantics(this->type.getFloatSemantics()), width(this->type.getWidth()),
        sign(APInt::getSignMask(width)), zero(width, 0), infinity(APFloat::getInf(semantics).bitcastToAPInt()),
        nan(APFloat::getQNaN(semantics).bitcastToAPInt()) {}

  APInt number(double value) const {
    APFloat rounded(value);
    bool lost;
    rounded.convert(semantics, APFloat::rmNearestTiesToEven, &lost);
    return rounded.bitcastToAPInt();
  }

  FloatType type;
  const llvm::fltSemantics &semantics;
  unsigned width;
  APInt sign, zero, infinity, nan;
};

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

// Of constants, what is known is written down: most questions are about programs with few arguments.

static unsigned widthOf(Value x) { return unsigned(cast<smt::BitVectorType>(x.getType()).getWidth()); }

static std::optional<APInt> constantOf(Value x) {
  auto constant = x.getDefiningOp<smt::BVConstantOp>();
  return constant ? std::optional(constant.getValue().getValue()) : std::nullopt;
}
static std::optional<bool> truthOf(Value condition) {
  auto constant = condition.getDefiningOp<smt::BoolConstantOp>();
  return constant ? std::optional(constant.getValue()) : std::nullopt;
}

Value BitBuilder::constant(const APInt &bits) { return smt::BVConstantOp::create(b, loc, bits); }
Value BitBuilder::truth(bool value) { return smt::BoolConstantOp::create(b, loc, value); }
Value BitBuilder::equal(Value x, Value y) {
  auto one = constantOf(x), other = constantOf(y);
  if (x == y || (one && other))
    return truth(x == y || *one == *other);
  return smt::EqOp::create(b, loc, ValueRange{x, y});
}
Value BitBuilder::is(Value x, const APInt &bits) { return equal(x, constant(bits)); }
Value BitBuilder::choose(Value condition, Value x, Value y) {
  if (auto known = truthOf(condition); known || x == y)
    return !known || *known ? x : y;
  return smt::IteOp::create(b, loc, condition, x, y);
}
Value BitBuilder::compare(BVCmpPredicate predicate, Value x, Value y) {
  auto one = constantOf(x), other = constantOf(y);
  if (one && other && predicate == BVCmpPredicate::ult)
    return truth(one->ult(*other));
  if (one && other && predicate == BVCmpPredicate::ugt)
    return truth(one->ugt(*other));
  return smt::BVCmpOp::create(b, loc, predicate, x, y);
}
Value BitBuilder::isBelow(Value x, uint64_t bound) {
  unsigned width = widthOf(x);
  return width < 64 && bound >> width ? truth(true) : compare(BVCmpPredicate::ult, x, constant(APInt(width, bound)));
}
Value BitBuilder::any(ArrayRef<Value> conditions) {
  SmallVector<Value> open;
  for (Value condition : conditions) {
    auto known = truthOf(condition);
    if (known && *known)
      return condition;
    if (!known)
      open.push_back(condition);
  }
  if (open.size() < 2)
    return open.empty() ? truth(false) : open.front();
  return smt::OrOp::create(b, loc, open);
}
Value BitBuilder::all(ArrayRef<Value> conditions) {
  return no(any(llvm::map_to_vector(conditions, [&](Value condition) { return no(condition); })));
}
Value BitBuilder::no(Value condition) {
  if (auto known = truthOf(condition))
    return truth(!*known);
  if (auto negation = condition.getDefiningOp<smt::NotOp>())
    return negation.getInput();
  return smt::NotOp::create(b, loc, condition);
}
Value BitBuilder::exclusive(Value x, Value y) {
  auto one = constantOf(x), other = constantOf(y);
  if (one && other)
    return constant(*one ^ *other);
  if (one && one->isZero())
    return y;
  return other && other->isZero() ? x : Value(smt::BVXOrOp::create(b, loc, x, y));
}
Value BitBuilder::join(Value high, Value low) {
  auto one = constantOf(high), other = constantOf(low);
  if (one && other)
    return constant(one->concat(*other));
  return smt::ConcatOp::create(b, loc, high, low);
}
Value BitBuilder::bitOf(Value condition) { return choose(condition, constant(APInt(1, 1)), constant(APInt(1, 0))); }
Value BitBuilder::isSet(Value bit) {
  // Of what bitOf wrote.
  if (auto choice = bit.getDefiningOp<smt::IteOp>())
    if (auto one = constantOf(choice.getThenValue()), other = constantOf(choice.getElseValue()); one && other)
      return *one == *other ? truth(one->isOne()) : one->isOne() ? choice.getCond() : no(choice.getCond());
  return is(bit, APInt(1, 1));
}
Value BitBuilder::extract(Value x, unsigned low, unsigned width) {
  if (auto known = constantOf(x))
    return constant(known->extractBits(width, low));
  // Of a sign and a magnitude, either.
  if (auto joined = x.getDefiningOp<smt::ConcatOp>()) {
    unsigned below = widthOf(joined.getRhs());
    if (low + width <= below)
      return extract(joined.getRhs(), low, width);
    if (low >= below)
      return extract(joined.getLhs(), low - below, width);
  }
  if (width == widthOf(x))
    return x;
  return smt::ExtractOp::create(b, loc, smt::BitVectorType::get(b.getContext(), width), low, x);
}
Value BitBuilder::resize(Value x, unsigned width, bool isSigned) {
  unsigned has = widthOf(x);
  if (width <= has)
    return extract(x, 0, width);
  if (!isSigned)
    return join(constant(APInt(width - has, 0)), x);
  return join(smt::RepeatOp::create(b, loc, width - has, extract(x, has - 1, 1)), x);
}
void BitBuilder::law(Value condition, Value x, Value y) {
  addLaw(any({no(condition), equal(x, y)}));
}
void BitBuilder::addLaw(Value law) {
  if (!truthOf(law).value_or(false))
    laws.push_back(law);
}

Value BitBuilder::isNaN(Value x, const Format &f) {
  return compare(BVCmpPredicate::ugt, magnitude(x, f), constant(f.infinity.trunc(f.width - 1)));
}
Value BitBuilder::oneNaN(Value x, const Format &f) { return choose(isNaN(x, f), constant(f.nan), x); }
Value BitBuilder::magnitude(Value x, const Format &f) { return extract(x, 0, f.width - 1); }
Value BitBuilder::negated(Value x, const Format &f) {
  return choose(isNaN(x, f), x, exclusive(x, constant(f.sign)));
}
Value BitBuilder::ordered(Value x, const Format &f) {
  return choose(isSet(extract(x, f.width - 1, 1)), smt::BVNotOp::create(b, loc, x),
                smt::BVOrOp::create(b, loc, x, constant(f.sign)));
}
Value BitBuilder::lessThan(Value x, Value y, const Format &f) {
  Value zeros = all({is(magnitude(x, f), APInt(f.width - 1, 0)), is(magnitude(y, f), APInt(f.width - 1, 0))});
  return all({no(isNaN(x, f)), no(isNaN(y, f)), no(zeros),
              compare(BVCmpPredicate::ult, ordered(x, f), ordered(y, f))});
}

Value BitBuilder::unknown(Type element, StringRef name) {
  Value x = smt::DeclareFunOp::create(b, loc, smt::BitVectorType::get(b.getContext(), *bitWidthOf(element)),
                                      b.getStringAttr(name));
  return isa<FloatType>(element) ? oneNaN(x, Format(element)) : x;
}

Value BitBuilder::anything(unsigned width) {
  return smt::DeclareFunOp::create(b, loc, smt::BitVectorType::get(b.getContext(), width), b.getStringAttr("nan"));
}

Value BitBuilder::function(Twine name, unsigned width, ArrayRef<Value> x) {
  SmallVector<Type> types(ValueRange(x).getTypes());
  auto result = smt::BitVectorType::get(b.getContext(), width);
  std::string key = name.str(), shown = StringRef(key).take_until([](char c) { return c == ' '; }).str();
  for (Type type : types)
    key += " " + std::to_string(cast<smt::BitVectorType>(type).getWidth());
  Value &declared = functions[key + " " + std::to_string(width)];
  if (!declared)
    declared = smt::DeclareFunOp::create(
        b, loc, x.empty() ? Type(result) : smt::SMTFuncType::get(b.getContext(), types, result), b.getStringAttr(shown));
  return x.empty() ? declared : Value(smt::ApplyFuncOp::create(b, loc, declared, x));
}

Value BitBuilder::functionOf(Operation *op, unsigned result, ArrayRef<Value> x) {
  // Attributes and types tell functions apart.
  Type type = getElementTypeOrSelf(op->getResult(result).getType());
  std::string name = op->getName().getStringRef().str() + " " + std::to_string(result);
  llvm::raw_string_ostream os(name);
  os << op->getAttrDictionary() << type;
  for (Type operand : op->getOperandTypes())
    os << getElementTypeOrSelf(operand);
  Value y = function(name, *bitWidthOf(type), x);
  return isa<FloatType>(type) ? oneNaN(y, Format(type)) : y;
}

//===----------------------------------------------------------------------===//
// Rounded ops
//===----------------------------------------------------------------------===//

Value BitBuilder::sum(Value x, Value y, const Format &f) {
  unsigned width = f.width - 1;
  std::string name = llvm::formatv("sum {0}", f.type);
  APInt zero(width, 0);
  // What rounds to nearest is the same of both signs, but for a sum that cancels: a function of numbers that the first
  // makes positive.
  auto of = [&](Value x, Value y) {
    Value sign = join(extract(x, width, 1), constant(zero));
    Value first = join(constant(APInt(1, 0)), magnitude(x, f));
    Value second = exclusive(y, sign), s = function(name, f.width, {first, second});
    Value opposes = isSet(extract(second, width, 1)), nothing = is(magnitude(y, f), zero);
    law(no(opposes), extract(s, width, 1), constant(APInt(1, 0)));
    law(nothing, s, first);
    law(all({is(magnitude(x, f), zero), no(nothing)}), s, second);
    Value cancels = all({equal(magnitude(x, f), magnitude(y, f)), no(equal(x, y)),
                         compare(BVCmpPredicate::ult, magnitude(x, f), constant(f.infinity.trunc(width)))});
    law(cancels, s, constant(f.zero));
    Value number = choose(all({is(s, f.zero), opposes}), s, exclusive(s, sign));
    return oneNaN(choose(any({isNaN(x, f), isNaN(y, f)}), constant(f.nan), number), f);
  };
  Value s = of(x, y);
  addLaw(equal(s, of(y, x)));
  return s;
}

/// The number whose product is the quotient by `x`, where that is exact: a power of two.
static std::optional<APInt> reciprocalOf(const APInt &bits, const llvm::fltSemantics &semantics) {
  APFloat inverse(semantics), value(semantics, bits);
  // Smaller and larger ones are left alone: a reciprocal that is subnormal may be flushed.
  if (!value.isFiniteNonZero() || !value.getExactInverse(&inverse))
    return std::nullopt;
  return inverse.bitcastToAPInt();
}

Value BitBuilder::scaled(bool divides, Value x, Value y, const Format &f) {
  if (auto divisor = divides ? constantOf(y) : std::nullopt)
    if (auto factor = reciprocalOf(*divisor, f.semantics)) {
      y = constant(*factor);
      divides = false;
    }
  unsigned width = f.width - 1;
  std::string name = llvm::formatv("{0} {1}", divides ? "quotient" : "product", f.type);
  APInt zero(width, 0), one = f.number(1).trunc(width), two = f.number(2).trunc(width),
      infinity = f.infinity.trunc(width);
  Value a = magnitude(x, f), c = magnitude(y, f), size = function(name, width, {a, c});
  auto scaledBy = [&](Value value, Value scale, Value number) {
    law(is(scale, one), size, value);
    if (divides)
      return;
    law(all({is(scale, zero), compare(BVCmpPredicate::ult, value, constant(infinity))}), size, constant(zero));
    // Twice a number is its sum with itself.
    if (auto bits = constantOf(number); bits && bits->trunc(width) == two) {
      Value positive = join(constant(APInt(1, 0)), value);
      law(compare(BVCmpPredicate::ule, value, constant(infinity)), size, magnitude(sum(positive, positive, f), f));
    }
  };
  scaledBy(a, c, y);
  if (!divides) {
    scaledBy(c, a, x);
    addLaw(equal(size, function(name, width, {c, a})));
  }
  Value sign = exclusive(extract(x, width, 1), extract(y, width, 1));
  Value number = join(sign, size);
  return oneNaN(choose(any({isNaN(x, f), isNaN(y, f)}), constant(f.nan), number), f);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

bool selfopt::hasFlags(Operation *op) {
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(op))
    if (fast.getFastMathFlagsAttr() && fast.getFastMathFlagsAttr().getValue() != arith::FastMathFlags::none)
      return true;
  if (auto overflow = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(op))
    if (overflow.getOverflowAttr().getValue() != arith::IntegerOverflowFlags::none)
      return true;
  return op->hasAttr("isExact") || op->hasAttr("nonNeg") || op->hasAttr("roundingmode");
}

Value BitBuilder::applyExactly(Operation *op, ArrayRef<Value> x) {
  Type from = op->getNumOperands() ? getElementTypeOrSelf(op->getOperand(0).getType()) : Type(),
       to = getElementTypeOrSelf(op->getResult(0).getType());
  std::optional<Format> format;
  if (isa_and_nonnull<FloatType>(from))
    format.emplace(from);
  // Of a float type, where `format` is used.
  auto &f = format;
  auto where = [&](Value undefined, Value y) { return choose(undefined, functionOf(op, 0, x), y); };
  auto zeroOf = [&](Value y) { return is(y, APInt(widthOf(y), 0)); };
  auto shiftedBy = [&](Value y, Value result) {
    return where(compare(BVCmpPredicate::uge, y, constant(APInt(widthOf(y), widthOf(y)))), result);
  };
  auto overflows = [&] {
    return all({is(x[0], APInt::getSignedMinValue(widthOf(x[0]))), is(x[1], APInt::getAllOnes(widthOf(x[1])))});
  };
  auto best = [&](BVCmpPredicate predicate) { return choose(compare(predicate, x[0], x[1]), x[0], x[1]); };
  auto bestFloat = [&](bool greatest) {
    Value less = compare(BVCmpPredicate::ult, ordered(x[0], *f), ordered(x[1], *f));
    return greatest ? choose(less, x[1], x[0]) : choose(less, x[0], x[1]);
  };
  auto orNaN = [&](Value y) { return choose(any({isNaN(x[0], *f), isNaN(x[1], *f)}), constant(f->nan), y); };
  auto orOther = [&](Value y) {
    // Which of two zeros is not said.
    Value zeros = all({zeroOf(magnitude(x[0], *f)), zeroOf(magnitude(x[1], *f)), no(equal(x[0], x[1]))});
    return choose(isNaN(x[0], *f), x[1], choose(isNaN(x[1], *f), x[0], where(zeros, y)));
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<arith::SelectOp>([&](auto) { return choose(isSet(x[0]), x[1], x[2]); })
      .Case<arith::AddFOp>([&](auto) { return sum(x[0], x[1], *f); })
      .Case<arith::SubFOp>([&](auto) { return sum(x[0], negated(x[1], *f), *f); })
      .Case<arith::MulFOp, arith::DivFOp>([&](auto) { return scaled(isa<arith::DivFOp>(op), x[0], x[1], *f); })
      .Case<arith::NegFOp>([&](auto) { return negated(x[0], *f); })
      .Case<math::AbsFOp>([&](auto) {
        return join(constant(APInt(1, 0)), magnitude(x[0], *f));
      })
      .Case<math::CopySignOp>([&](auto) {
        Value sign = choose(isNaN(x[1], *f), anything(1), extract(x[1], f->width - 1, 1));
        return choose(isNaN(x[0], *f), x[0], join(sign, magnitude(x[0], *f)));
      })
      .Case<arith::MaximumFOp>([&](auto) { return orNaN(bestFloat(true)); })
      .Case<arith::MinimumFOp>([&](auto) { return orNaN(bestFloat(false)); })
      .Case<arith::MaxNumFOp>([&](auto) { return orOther(bestFloat(true)); })
      .Case<arith::MinNumFOp>([&](auto) { return orOther(bestFloat(false)); })
      .Case<arith::CmpFOp>([&](arith::CmpFOp cmp) {
        using P = arith::CmpFPredicate;
        Value unordered = any({isNaN(x[0], *f), isNaN(x[1], *f)}), less = lessThan(x[0], x[1], *f),
              greater = lessThan(x[1], x[0], *f), same = no(any({unordered, less, greater}));
        switch (cmp.getPredicate()) {
        case P::AlwaysFalse:
          return constant(APInt(1, 0));
        case P::AlwaysTrue:
          return constant(APInt(1, 1));
        case P::OEQ:
          return bitOf(same);
        case P::OGT:
          return bitOf(greater);
        case P::OGE:
          return bitOf(any({greater, same}));
        case P::OLT:
          return bitOf(less);
        case P::OLE:
          return bitOf(any({less, same}));
        case P::ONE:
          return bitOf(any({less, greater}));
        case P::ORD:
          return bitOf(no(unordered));
        case P::UEQ:
          return bitOf(any({unordered, same}));
        case P::UGT:
          return bitOf(any({unordered, greater}));
        case P::UGE:
          return bitOf(no(less));
        case P::ULT:
          return bitOf(any({unordered, less}));
        case P::ULE:
          return bitOf(no(greater));
        case P::UNE:
          return bitOf(no(same));
        case P::UNO:
          return bitOf(unordered);
        }
        llvm_unreachable("a predicate");
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) {
        // Both dialects call the orders alike; eq and ne are no orders.
        if (auto order = smt::symbolizeBVCmpPredicate(arith::stringifyCmpIPredicate(cmp.getPredicate())))
          return bitOf(compare(*order, x[0], x[1]));
        bool asksEqual = cmp.getPredicate() == arith::CmpIPredicate::eq;
        return bitOf(asksEqual ? equal(x[0], x[1]) : no(equal(x[0], x[1])));
      })
      .Case<arith::AddIOp>([&](auto) { return smt::BVAddOp::create(b, loc, x[0], x[1]); })
      .Case<arith::SubIOp>([&](auto) {
        return smt::BVAddOp::create(b, loc, x[0], smt::BVNegOp::create(b, loc, x[1]));
      })
      .Case<arith::MulIOp>([&](auto) { return smt::BVMulOp::create(b, loc, x[0], x[1]); })
      .Case<arith::AndIOp>([&](auto) { return smt::BVAndOp::create(b, loc, x[0], x[1]); })
      .Case<arith::OrIOp>([&](auto) { return smt::BVOrOp::create(b, loc, x[0], x[1]); })
      .Case<arith::XOrIOp>([&](auto) { return exclusive(x[0], x[1]); })
      .Case<arith::ShLIOp>([&](auto) { return shiftedBy(x[1], smt::BVShlOp::create(b, loc, x[0], x[1])); })
      .Case<arith::ShRSIOp>([&](auto) { return shiftedBy(x[1], smt::BVAShrOp::create(b, loc, x[0], x[1])); })
      .Case<arith::ShRUIOp>([&](auto) { return shiftedBy(x[1], smt::BVLShrOp::create(b, loc, x[0], x[1])); })
      .Case<arith::DivUIOp>([&](auto) { return where(zeroOf(x[1]), smt::BVUDivOp::create(b, loc, x[0], x[1])); })
      .Case<arith::RemUIOp>([&](auto) { return where(zeroOf(x[1]), smt::BVURemOp::create(b, loc, x[0], x[1])); })
      .Case<arith::DivSIOp>([&](auto) {
        return where(any({zeroOf(x[1]), overflows()}), smt::BVSDivOp::create(b, loc, x[0], x[1]));
      })
      .Case<arith::RemSIOp>([&](auto) {
        return where(any({zeroOf(x[1]), overflows()}), smt::BVSRemOp::create(b, loc, x[0], x[1]));
      })
      .Case<arith::MaxSIOp>([&](auto) { return best(BVCmpPredicate::sgt); })
      .Case<arith::MinSIOp>([&](auto) { return best(BVCmpPredicate::slt); })
      .Case<arith::MaxUIOp>([&](auto) { return best(BVCmpPredicate::ugt); })
      .Case<arith::MinUIOp>([&](auto) { return best(BVCmpPredicate::ult); })
      .Case<math::AbsIOp>([&](auto) {
        Value negative = isSet(extract(x[0], widthOf(x[0]) - 1, 1));
        return where(is(x[0], APInt::getSignedMinValue(widthOf(x[0]))),
                     choose(negative, smt::BVNegOp::create(b, loc, x[0]), x[0]));
      })
      .Case<arith::ExtSIOp, arith::IndexCastOp>([&](auto) { return resize(x[0], *bitWidthOf(to), true); })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp, arith::TruncIOp>(
          [&](auto) { return resize(x[0], *bitWidthOf(to), false); })
      .Case<arith::SIToFPOp, arith::UIToFPOp>([&](auto) {
        // The numbers that programs turn into floats most often.
        Value y = functionOf(op, 0, x);
        Format result(to);
        law(zeroOf(x[0]), y, constant(result.zero));
        if (widthOf(x[0]) > 1)
          law(is(x[0], APInt(widthOf(x[0]), 1)), y, constant(result.number(1)));
        return y;
      })
      .Case<arith::BitcastOp>([&](auto) {
        if (isa<FloatType>(to))
          return oneNaN(x[0], Format(to));
        if (!f)
          return x[0];
        Value y = choose(isNaN(x[0], *f), anything(f->width), x[0]);
        addLaw(any({no(isNaN(x[0], *f)), isNaN(y, *f)}));
        return y;
      })
      .Default([](Operation *) { return Value(); });
}

Value BitBuilder::apply(Operation *op, unsigned result, ArrayRef<Value> operands) {
  if (op->getNumResults() == 1 && !hasFlags(op))
    if (Value y = applyExactly(op, operands))
      return y;
  return functionOf(op, result, operands);
}
