//===- ProgramEquivalence.cpp - Proofs that rewrites keep a function -----------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===---------------------------------------------------------------------------------------------------------------===//

#include "SelfOpt/Safety/ProgramEquivalence.h"
#include "ProgramBits.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Support/Digest.h"
#include "Smt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Target/SMTLIB/ExportSMTLIB.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include <map>
#include <mutex>

using namespace mlir;
using namespace selfopt;

/// Z3's: some seconds. What comes up takes a thousandth of it.
static constexpr unsigned resources = 20'000'000;

namespace {

/// A value of either program. Those that are known to be equal have one number.
struct Term {
  Type type;
  std::optional<APInt> constant;
  Operation *op = nullptr; ///< None for an argument.
  unsigned number = 0;     ///< Of the argument, or of the op's result.
  SmallVector<unsigned, 3> operands;

  bool isElementwise() const { return op && op->hasTrait<OpTrait::Elementwise>(); }
};

class Sweep {
public:
  Sweep(ArrayRef<int64_t> below, OpBuilder *queries) : below(below), queries(queries) {}

  EquivalenceProof prove(Block &before, Block &after);

private:
  /// The terms of what the block returns; none where an op can't be looked at, which `reason` says.
  std::optional<SmallVector<unsigned>> number(Block &block);
  unsigned numberArgument(BlockArgument argument);
  /// By its bits, or as what `value` writes them.
  unsigned numberConstant(Type type, const APInt &bits, Attribute value);
  unsigned numberResult(Operation &op, unsigned result, ArrayRef<unsigned> operands);
  /// The number that a correctly rounded op makes of constants.
  std::optional<APInt> fold(Operation &op, ArrayRef<unsigned> operands);
  unsigned regionOf(Operation &op);

  bool areEqual(unsigned a, unsigned b);
  bool ask(unsigned a, unsigned b);
  /// The question whether two terms may differ, and the names in it of the arguments that they are made of.
  using Names = std::vector<std::pair<unsigned, std::string>>;
  std::string write(OpBuilder &b, unsigned x, unsigned y, Names &arguments);
  void readGuess(StringRef said, const Names &arguments);

  using Key = SmallVector<const void *, 8>;
  std::vector<Term> terms;
  unsigned firstOfSecond = 0; ///< Terms that the first program does not have.
  std::map<Key, unsigned> known;
  /// Whether a program reads which NaN something is: then only what is written alike is the same NaN.
  bool readNaNs = false;
  SmallVector<Operation *> regions;
  std::map<std::pair<unsigned, unsigned>, bool> asked;
  ArrayRef<int64_t> below;
  OpBuilder *queries;
  std::string reason, lastAnswer;
  EquivalenceProof proof;
};
} // namespace

static const void *asKey(unsigned n) { return reinterpret_cast<const void *>(uintptr_t(n)); }

unsigned Sweep::numberArgument(BlockArgument argument) {
  auto [it, isNew] = known.try_emplace(Key{asKey(argument.getArgNumber())}, terms.size());
  if (isNew)
    terms.push_back({argument.getType(), {}, nullptr, argument.getArgNumber(), {}});
  return it->second;
}

unsigned Sweep::numberConstant(Type type, const APInt &bits, Attribute value) {
  if (!value)
    value = IntegerAttr::get(IntegerType::get(type.getContext(), bits.getBitWidth()), bits);
  auto [it, isNew] = known.try_emplace(Key{type.getAsOpaquePointer(), value.getAsOpaquePointer()}, terms.size());
  if (isNew)
    terms.push_back({type, bits, nullptr, 0, {}});
  return it->second;
}

unsigned Sweep::regionOf(Operation &op) {
  for (auto [i, other] : llvm::enumerate(regions))
    if (OperationEquivalence::isRegionEquivalentTo(&op.getRegion(0), &other->getRegion(0),
                                                   OperationEquivalence::IgnoreLocations))
      return i + 1;
  regions.push_back(&op);
  return regions.size();
}

static bool isNaN(Type type, const APInt &bits) {
  auto number = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return number && APFloat(number.getFloatSemantics(), bits).isNaN();
}

/// Whether the result of an op is said for these operands, and one that is computed by way of f64 is rounded once.
static bool isDefinedOn(Operation &op, ArrayRef<APInt> x) {
  auto isZero = [](const APInt &bits) { return bits.shl(1).isZero(); };
  if (hasFlags(&op) || (isa<arith::MaxNumFOp, arith::MinNumFOp>(op) && isZero(x[0]) && isZero(x[1])))
    return false;
  if (isa<arith::FPToSIOp, arith::FPToUIOp>(op) ||
      (readsNaNs(&op) && isNaN(op.getOperand(op.getNumOperands() - 1).getType(), x.back())))
    return false;
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
    return x[0].abs().getActiveBits() <= 53;
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(op))
    return !x[1].isZero() && !x[1].isAllOnes();
  if (isa<arith::ShLIOp, arith::ShRSIOp, arith::ShRUIOp>(op))
    return x[1].ult(x[1].getBitWidth());
  return !isa<math::AbsIOp>(op);
}

std::optional<APInt> Sweep::fold(Operation &op, ArrayRef<unsigned> operands) {
  auto meaning = dyn_cast<EvaluableOpInterface>(op);
  if (!meaning || !isCorrectlyRounded(&op))
    return std::nullopt;
  SmallVector<APInt> bits;
  SmallVector<reference::Tensor> x, y;
  for (auto [type, operand] : llvm::zip(op.getOperandTypes(), operands)) {
    if (!terms[operand].constant)
      return std::nullopt;
    bits.push_back(*terms[operand].constant);
    auto tensor = dyn_cast<RankedTensorType>(type);
    auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
    x.push_back(reference::Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), bool(element)));
    if (element)
      llvm::fill(x.back().floats, APFloat(element.getFloatSemantics(), bits.back()).convertToDouble());
    else // As the interpreter keeps them.
      llvm::fill(x.back().integers, bits.back().getBitWidth() == 1 ? int64_t(bits.back().getZExtValue())
                                                                  : bits.back().getSExtValue());
  }
  reference::Interpreter interpreter;
  if (x.empty() || !isDefinedOn(op, bits) || failed(meaning.evaluate(interpreter, x, y)))
    return std::nullopt;
  Type to = getElementTypeOrSelf(op.getResult(0).getType());
  if (y.front().integers.empty() && y.front().floats.empty())
    return std::nullopt;
  if (!isa<FloatType>(to))
    return APInt(64, uint64_t(y.front().integers.front())).sextOrTrunc(*bitWidthOf(to));
  APFloat value(y.front().floats.front());
  bool lost;
  value.convert(cast<FloatType>(to).getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  return bitsOf(FloatAttr::get(to, value));
}

unsigned Sweep::numberResult(Operation &op, unsigned result, ArrayRef<unsigned> operands) {
  Key key = {op.getName().getAsOpaquePointer(), op.getAttrDictionary().getAsOpaquePointer(), asKey(result),
              asKey(op.getNumRegions() ? regionOf(op) : 0)};
  for (Type type : op.getResultTypes())
    key.push_back(type.getAsOpaquePointer());
  for (Type type : op.getOperandTypes())
    key.push_back(type.getAsOpaquePointer());
  SmallVector<unsigned, 3> sorted(operands);
  if (op.hasTrait<OpTrait::IsCommutative>() && !readNaNs)
    llvm::sort(sorted);
  for (unsigned operand : sorted)
    key.push_back(asKey(operand));
  if (auto it = known.find(key); it != known.end())
    return it->second;
  terms.push_back({op.getResult(result).getType(), {}, &op, result, sorted});
  return known[key] = terms.size() - 1;
}

std::optional<SmallVector<unsigned>> Sweep::number(Block &block) {
  llvm::DenseMap<Value, unsigned> numbers;
  for (BlockArgument argument : block.getArguments())
    numbers[argument] = numberArgument(argument);
  for (Operation &op : block.without_terminator()) {
    bool captures = false;
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        captures |= inner != &op && numbers.contains(operand);
    });
    SmallVector<ParameterSpec> parameters;
    if (auto layer = dyn_cast<LayerOpInterface>(op))
      layer.getParameters(parameters);
    if (captures || op.getNumRegions() > 1 || !isMemoryEffectFree(&op) || !parameters.empty() ||
        isa<StochasticLayerOpInterface>(op)) {
      reason = (op.getName().getStringRef() + " is no function of its operands alone").str();
      return std::nullopt;
    }
    Attribute value;
    std::optional<APInt> bits;
    if (matchPattern(&op, m_Constant(&value)))
      bits = bitsOf(value);
    SmallVector<unsigned> operands;
    for (Value operand : op.getOperands())
      operands.push_back(numbers[operand]);
    if (!bits && op.getNumResults() == 1 && op.hasTrait<OpTrait::Elementwise>())
      bits = fold(op, operands);
    // To who reads it, a NaN is what is written for it, and one that is computed is another.
    bool isRead = readNaNs && bits && isNaN(op.getResult(0).getType(), *bits);
    if (isRead && !value)
      bits = std::nullopt;
    for (OpResult result : op.getResults())
      numbers[result] = bits ? numberConstant(result.getType(), *bits, isRead ? value : Attribute())
                             : numberResult(op, result.getResultNumber(), operands);
  }
  return llvm::map_to_vector(block.getTerminator()->getOperands(), [&](Value v) { return numbers[v]; });
}

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

bool Sweep::areEqual(unsigned a, unsigned b) {
  if (a == b)
    return true;
  const Term &one = terms[a], &other = terms[b];
  if (one.type != other.type)
    return false;
  if (auto it = asked.find({a, b}); it != asked.end())
    return it->second;
  // The same op of equal operands, unless it reads which NaN they are, or its region may. Operands first: so questions
  // stay as small as what was rewritten.
  bool same = one.op && other.op && one.number == other.number && one.op->getName() == other.op->getName() &&
              one.op->getAttrDictionary() == other.op->getAttrDictionary() && !readsNaNs(one.op) &&
              !one.op->getNumRegions() && one.op->getOperandTypes() == other.op->getOperandTypes() &&
              llvm::all_of(llvm::zip(SmallVector(one.operands), SmallVector(other.operands)),
                           [&](auto pair) { return areEqual(std::get<0>(pair), std::get<1>(pair)); });
  // Of two that no element says anything of, there is nothing to ask.
  bool isOpen = (one.isElementwise() || other.isElementwise()) && bitWidthOf(getElementTypeOrSelf(one.type));
  return asked[{a, b}] = same || (isOpen && ask(a, b));
}

std::string Sweep::write(OpBuilder &b, unsigned x, unsigned y, Names &arguments) {
  // Operands have lower numbers than what is made of them.
  llvm::SmallBitVector needed(std::max(x, y) + 1);
  needed.set(x);
  needed.set(y);
  for (unsigned i = needed.size(); i-- > 0;)
    if (needed[i] && terms[i].isElementwise())
      for (unsigned operand : terms[i].operands)
        needed.set(operand);
  // What ops on whole tensors return, and which of the first program's are the second's.
  llvm::SmallMapVector<unsigned, unsigned, 8> whole;
  for (unsigned i : needed.set_bits()) {
    if (!terms[i].op || terms[i].isElementwise())
      continue;
    auto *first = llvm::find_if(
        whole, [&](auto other) { return other.first < firstOfSecond && i >= firstOfSecond && areEqual(other.first, i); });
    whole[i] = first == whole.end() ? i : first->first;
  }

  OpBuilder::InsertionGuard guard(b);
  Location loc = b.getUnknownLoc();
  auto solver = mlir::smt::SolverOp::create(b, loc, TypeRange(), ValueRange());
  b.setInsertionPointToStart(&solver.getBodyRegion().emplaceBlock());
  mlir::smt::SetLogicOp::create(b, loc, "QF_UFBV");
  BitBuilder bits(b, loc);
  llvm::DenseMap<unsigned, Value> values;
  SmallVector<Value> claims;
  for (unsigned i : needed.set_bits()) {
    const Term &term = terms[i];
    Value &value = values[i];
    if (term.constant) {
      value = bits.constant(*term.constant);
    } else if (term.isElementwise()) {
      value = bits.apply(term.op, term.number,
                         llvm::map_to_vector(term.operands, [&](unsigned operand) { return values.at(operand); }));
    } else if (term.op && whole[i] != i) {
      value = values.at(whole[i]);
    } else {
      std::string name = term.op ? term.op->getName().getStringRef().str() + "." + std::to_string(i)
                                 : "argument." + std::to_string(term.number);
      if (!term.op)
        arguments.emplace_back(term.number, name);
      value = bits.unknown(getElementTypeOrSelf(term.type), name);
      if (!term.op && term.number < below.size() && below[term.number] && getElementTypeOrSelf(term.type).isIntOrIndex())
        claims.push_back(bits.isBelow(value, below[term.number]));
    }
  }
  llvm::append_range(claims, bits.getLaws());
  claims.push_back(mlir::smt::DistinctOp::create(b, loc, ValueRange{values[x], values[y]}));
  mlir::smt::AssertOp::create(b, loc, claims.size() == 1 ? claims.front() : Value(mlir::smt::AndOp::create(b, loc, claims)));
  auto check = mlir::smt::CheckOp::create(b, loc, TypeRange());
  for (Region &region : check->getRegions()) {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(&region.emplaceBlock());
    mlir::smt::YieldOp::create(b, loc);
  }
  mlir::smt::YieldOp::create(b, loc);
  IRRewriter rewriter(b.getContext());
  DominanceInfo dominance(solver);
  eliminateCommonSubExpressions(rewriter, dominance, solver);
  std::string text;
  llvm::raw_string_ostream os(text);
  bool ok = succeeded(mlir::smt::exportSMTLIB(solver, os));
  if (!queries || !ok)
    solver.erase();
  if (!ok)
    return "";
  // Of what differs, which arguments: printed by Z3 only after sat.
  std::string names;
  for (const auto &[number, name] : arguments)
    names += " " + name;
  StringRef asserted = text;
  return names.empty() ? text : (asserted.split("(reset)").first + "(get-value (" + names + "))\n(reset)\n").str();
}

/// Whether a question was answered by unsat before: a search asks the same of many candidates, and Z3 takes some 20 ms.
static bool isKnown(StringRef digest, bool learn = false) {
  static std::mutex mutex;
  static llvm::StringSet<> known;
  std::lock_guard<std::mutex> lock(mutex);
  if (learn && known.size() == 10'000)
    known.clear();
  return learn ? known.insert(digest).second : known.contains(digest);
}

void Sweep::readGuess(StringRef said, const Names &arguments) {
  for (const auto &[number, name] : arguments) {
    StringRef digits = said.split((name + " #").c_str()).second.take_until([](char c) { return c == ')'; });
    unsigned radix = digits.consume_front("x") ? 16 : digits.consume_front("b") ? 2 : 0;
    if (APInt bits; radix && !digits.getAsInteger(radix, bits))
      proof.guess[number] = bits.zextOrTrunc(*bitWidthOf(getElementTypeOrSelf(terms[number].type)));
  }
}

bool Sweep::ask(unsigned a, unsigned b) {
  Names arguments;
  std::string text;
  if (queries) {
    text = write(*queries, a, b, arguments);
  } else {
    MLIRContext context(MLIRContext::Threading::DISABLED);
    context.loadDialect<mlir::smt::SMTDialect>();
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
    OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
    text = write(builder, a, b, arguments);
  }
  std::string digest = digestHex(text);
  if (isKnown(digest))
    return true;
  std::string said = selfopt::smt::run(text, resources);
  StringRef answer = StringRef(said).take_until([](char c) { return c == '\n'; });
  if (answer == "sat")
    readGuess(said, arguments);
  if (answer == "unsat")
    isKnown(digest, /*learn=*/true);
  lastAnswer = answer == "sat"       ? "a solver finds numbers, and functions for the ops that round, by which they differ"
               : answer == "unknown" ? "a solver gives up"
                                     : "a solver can't read the question: " + answer.str();
  return answer == "unsat";
}

EquivalenceProof Sweep::prove(Block &before, Block &after) {
  ProofResult &result = proof.result;
  result.engine = "smt";
  for (Block *block : {&before, &after})
    block->walk([&](Operation *op) { readNaNs |= readsNaNs(op); });
  auto one = number(before);
  firstOfSecond = terms.size();
  auto other = one ? number(after) : std::nullopt;
  if (!one || !other) {
    result.detail = reason;
    return std::move(proof);
  }
  auto name = [&](unsigned term) {
    const Term &t = terms[term];
    return t.op ? t.op->getName().getStringRef().str() : t.constant ? "constant" : "argument";
  };
  proof.guess.clear();
  for (auto [i, a, b] : llvm::enumerate(*one, *other))
    if (lastAnswer = "they are made of whole tensors by other ops, or of other ones"; !areEqual(a, b)) {
      result.detail = ("result " + Twine(i) + ", of a " + name(a) + " and of a " + name(b) + ": " + lastAnswer).str();
      return std::move(proof);
    }
  result.verdict = Verdict::Holds;
  return std::move(proof);
}

EquivalenceProof selfopt::proveEquivalence(Operation *before, Operation *after, ArrayRef<int64_t> below,
                                           OpBuilder *queries) {
  return Sweep(below, queries).prove(before->getRegion(0).front(), after->getRegion(0).front());
}
