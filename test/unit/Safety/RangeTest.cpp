//===- RangeTest.cpp - No execution leaves its range -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Reference/Register.h"
#include "SelfOpt/Safety/RangeAnalysis.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cfloat>
#include <random>

using namespace mlir;
using namespace selfopt;
using reference::Interpreter;
using reference::Tensor;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

MLIRContext &context() {
  static auto *instance = [] {
    DialectRegistry registry;
    registry.insert<SelfOptDialect, nn::NNDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                    math::MathDialect, tensor::TensorDialect>();
    registerReferenceModels(registry);
    registerRangeModels(registry);
    auto *made = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *instance;
}
OwningOpRef<ModuleOp> parse(const std::string &text) {
  auto module = parseSourceString<ModuleOp>(text, ParserConfig(&context()));
  if (!module)
    ADD_FAILURE() << "does not parse:\n" << text;
  return module;
}

/// Intervals of all kinds: degenerate, tiny, huge, negative, around 0, infinite.
Interval randomInterval(std::mt19937 &engine) {
  auto number = [&]() -> double {
    switch (engine() % 12) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return -1;
    case 3:
      return std::ldexp(float(engine()) - 0x1p31f, -180 + int(engine() % 40));
    case 4:
      return std::ldexp(float(engine()) - 0x1p31f, 60 + int(engine() % 36));
    case 5:
      return (engine() % 2 ? 1 : -1) * double(std::numeric_limits<float>::denorm_min()) * (engine() % 5);
    case 6:
      return (engine() % 2 ? 1 : -1) * double(FLT_MAX);
    case 7:
      return int(engine() % 21) - 10;
    default:
      return float(std::ldexp(float(engine()) - 0x1p31f, -31 + int(engine() % 12) - 4));
    }
  };
  double a = float(number()), b = engine() % 5 == 0 ? a : float(number());
  Interval r = Interval::of(std::min(a, b), std::max(a, b));
  if (engine() % 12 == 0)
    r.high = inf;
  if (engine() % 12 == 0)
    r.low = -inf;
  if (engine() % 16 == 0)
    r.low = r.high;
  r.mayBeNaN = engine() % 8 == 0;
  return r;
}

/// An f32 inside an interval; its ends, zeros, infinities and NaN often.
double randomPoint(std::mt19937 &engine, const Interval &x) {
  double r;
  switch (engine() % 10) {
  case 0:
    if (x.mayBeNaN)
      return NAN;
    return x.low;
  case 1:
    return x.low;
  case 2:
    return x.high;
  case 3:
    r = engine() % 2 ? 0.0 : -0.0;
    return x.contains(r) ? r : x.high;
  case 4: // near zero
    r = std::ldexp(float(engine()) - 0x1p31f, -31 - int(engine() % 140));
    break;
  case 5: // near an end
    r = engine() % 2 ? std::nextafter(float(x.low), INFINITY) : std::nextafter(float(x.high), -INFINITY);
    break;
  case 6:
    r = int(engine() % 41) - 20;
    break;
  default: {
    double low = std::max(x.low, -double(FLT_MAX)), high = std::min(x.high, double(FLT_MAX));
    double u = std::uniform_real_distribution<double>(0, 1)(engine);
    r = low + u * (high - low);
  }
  }
  r = float(r);
  return x.contains(r) ? r : x.low;
}

/// Per op: 2000 choices of operand intervals, 100 points of each.
void checkSound(const std::string &op, unsigned operands, const std::string &result = "f32") {
  SCOPED_TRACE(op);
  constexpr int64_t points = 100;
  std::string arguments, names, type = "tensor<100xf32>", resultType = "tensor<100x" + result + ">";
  for (unsigned i = 0; i < operands; ++i) {
    arguments += (i ? ", %a" : "%a") + std::to_string(i) + ": " + type;
    names += (i ? ", %a" : "%a") + std::to_string(i);
  }
  auto module =
      parse("func.func @f(" + arguments + ") -> " + resultType + " { %r = " + op + " " + names + " : " + type +
            (result == "f32" || result == "i1" ? "" : " to " + resultType) + " return %r : " + resultType + " }");
  ASSERT_TRUE(module);
  auto function = module->lookupSymbol<func::FuncOp>("f");
  auto ranged = dyn_cast<RangeOpInterface>(function.getBody().front().front());
  ASSERT_TRUE(ranged);
  std::mt19937 engine(std::hash<std::string>()(op));
  // As numbers are, and with subnormal ones flushed, which is how programs run: of every other round most are about there.
  auto flush = [](double v) { return std::fabs(v) < 0x1p-126 ? std::copysign(0.0, v) : v; };
  for (int round = 0; round < 2000; ++round) {
    bool flushes = round % 2;
    SmallVector<Interval> x, y;
    SmallVector<Tensor> values, results;
    for (unsigned i = 0; i < operands; ++i) {
      x.push_back(randomInterval(engine));
      if (flushes && engine() % 3)
        x.back() = {double(float(x.back().low * 1e-38)), double(float(x.back().high * 1e-38)), x.back().mayBeNaN};
      values.push_back(Tensor::zeros({points}, true));
      for (double &v : values.back().floats) {
        v = randomPoint(engine, x.back());
        v = flushes ? flush(v) : v;
      }
    }
    ranged.inferRanges(x, y);
    ASSERT_EQ(y.size(), 1u);
    ASSERT_LE(y[0].low, y[0].high);
    Interpreter interpreter;
    ASSERT_TRUE(succeeded(interpreter.call(function, values, results)));
    for (int64_t p = 0; p < points; ++p) {
      double v = results[0].isFloat ? results[0].floats[p] : double(results[0].integers[p]);
      v = flushes && results[0].isFloat ? flush(v) : v;
      if (y[0].contains(v))
        continue;
      std::string where;
      for (unsigned i = 0; i < operands; ++i)
        where += " " + testing::PrintToString(values[i].floats[p]) + " in [" + testing::PrintToString(x[i].low) + ", " +
                 testing::PrintToString(x[i].high) + (x[i].mayBeNaN ? "] or NaN" : "]");
      ADD_FAILURE() << v << " is not in [" << y[0].low << ", " << y[0].high << (y[0].mayBeNaN ? "] or NaN" : "]")
                    << " of" << where;
      return;
    }
  }
}

TEST(Range, FloatOpsAreSound) {
  for (const char *op :
       {"arith.negf", "math.absf",  "math.ceil",  "math.floor", "math.round", "math.roundeven", "math.trunc",
        "math.sqrt",  "math.rsqrt", "math.cbrt",  "math.exp",   "math.exp2",  "math.expm1",     "math.log",
        "math.log2",  "math.log10", "math.log1p", "math.tanh",  "math.erf",   "math.erfc",      "math.sin",
        "math.cos",   "math.tan",   "math.asin",  "math.acos",  "math.atan",  "math.sinh",      "math.cosh",
        "math.asinh", "math.acosh", "math.atanh"})
    checkSound(op, 1);
  for (const char *op :
       {"arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.remf", "arith.maximumf", "arith.minimumf",
        "arith.maxnumf", "arith.minnumf", "math.powf", "math.atan2", "math.copysign"})
    checkSound(op, 2);
  checkSound("math.fma", 3);
}

TEST(Range, ComparesAndCastsAreSound) {
  for (const char *predicate : {"false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult",
                                "ule", "une", "uno", "true"})
    checkSound(std::string("arith.cmpf ") + predicate + ",", 2, "i1");
  for (const char *type : {"i8", "i32", "i64"}) {
    checkSound("arith.fptosi", 1, type);
    checkSound("arith.fptoui", 1, type);
  }
  checkSound("arith.bitcast", 1, "i32");
}

TEST(Range, IntegerOpsAreSound) {
  std::mt19937 engine(5);
  for (const std::string &type : {std::string("i32"), std::string("i8"), std::string("i1"), std::string("i64")})
    for (const char *op :
         {"arith.addi",     "arith.subi",      "arith.muli",      "arith.andi",      "arith.ori",      "arith.xori",
          "arith.shli",     "arith.shrui",     "arith.shrsi",     "arith.maxsi",     "arith.minsi",    "arith.maxui",
          "arith.minui",    "arith.divui",     "arith.divsi",     "arith.remui",     "arith.remsi",    "arith.cmpi eq,",
          "arith.cmpi ne,", "arith.cmpi slt,", "arith.cmpi sle,", "arith.cmpi ugt,", "arith.cmpi uge,"}) {
      SCOPED_TRACE(op + (" " + type));
      bool compares = std::string(op).find("cmpi") != std::string::npos;
      bool divides =
          std::string(op).find("div") != std::string::npos || std::string(op).find("rem") != std::string::npos;
      auto module = parse("func.func @f(%a: " + type + ", %b: " + type + ") -> " + (compares ? "i1" : type) +
                          " { %r = " + op + " %a, %b : " + type + " return %r : " + (compares ? "i1" : type) + " }");
      auto function = module->lookupSymbol<func::FuncOp>("f");
      auto ranged = cast<RangeOpInterface>(function.getBody().front().front());
      unsigned width = std::stoi(type.substr(1));
      for (int round = 0; round < 200; ++round) {
        auto number = [&]() -> int64_t {
          if (width == 1)
            return engine() % 2;
          int64_t x = engine() % 3 ? int64_t(engine() % 41) - 20 : int64_t(uint64_t(engine()) << 32 | engine());
          return width == 64 ? x >> 20 : width == 32 ? int32_t(x) : int8_t(x);
        };
        int64_t ends[4];
        for (int64_t &end : ends)
          end = number();
        if (engine() % 3 == 0)
          ends[3] = ends[2];
        std::sort(ends, ends + 2);
        std::sort(ends + 2, ends + 4);
        SmallVector<Interval> x{Interval::of(ends[0], ends[1]), Interval::of(ends[2], ends[3])}, y;
        ranged.inferRanges(x, y);
        for (int point = 0; point < 20; ++point) {
          auto pick = [&](int64_t low, int64_t high) {
            return point < 4 ? (engine() % 2 ? low : high) : low + int64_t(engine() % (uint64_t(high - low) + 1));
          };
          int64_t a = pick(ends[0], ends[1]), b = pick(ends[2], ends[3]);
          if (divides && (b == 0 || b == -1 || width == 1))
            continue;
          Interpreter interpreter;
          SmallVector<Tensor> results;
          ASSERT_TRUE(succeeded(interpreter.call(function, {Tensor::scalarInt(a), Tensor::scalarInt(b)}, results)));
          ASSERT_TRUE(y[0].contains(double(results[0].integers[0])))
              << a << ", " << b << " gives " << results[0].integers[0] << ", not in [" << y[0].low << ", " << y[0].high
              << "]";
        }
      }
    }
}

/// The ranges of a function's results.
SmallVector<Interval> resultRanges(ModuleOp module, StringRef name, ArrayRef<Interval> arguments) {
  Operation *function = module.lookupSymbol(name);
  Block &block = function->getRegion(0).front();
  DenseMap<Value, Interval> ranges;
  EXPECT_TRUE(succeeded(inferBlockRanges(block, arguments, ranges)));
  SmallVector<Interval> results;
  for (Value v : block.getTerminator()->getOperands())
    results.push_back(lookupRange(ranges, v));
  return results;
}
/// Runs a function on random tensors inside intervals and checks all results.
void checkFunction(ModuleOp module, StringRef name, ArrayRef<Interval> arguments, unsigned rounds, unsigned seed) {
  SmallVector<Interval> ranges = resultRanges(module, name, arguments);
  Operation *function = module.lookupSymbol(name);
  std::mt19937 engine(seed);
  for (unsigned round = 0; round < rounds; ++round) {
    SmallVector<Tensor> values, results;
    for (auto [argument, range] : llvm::zip(function->getRegion(0).getArguments(), arguments)) {
      auto tensor = dyn_cast<RankedTensorType>(argument.getType());
      bool isFloat = isa<FloatType>(getElementTypeOrSelf(argument.getType()));
      Tensor t = Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), isFloat);
      for (double &v : t.floats)
        v = randomPoint(engine, range);
      for (int64_t &v : t.integers)
        v = int64_t(range.low) + int64_t(engine() % uint64_t(range.high - range.low + 1));
      values.push_back(t);
    }
    Interpreter interpreter;
    ASSERT_TRUE(succeeded(interpreter.call(function, values, results)));
    for (auto [i, result] : llvm::enumerate(results)) {
      for (double v : result.floats)
        ASSERT_TRUE(ranges[i].contains(v)) << v << " is not in [" << ranges[i].low << ", " << ranges[i].high << "]";
      for (int64_t v : result.integers)
        ASSERT_TRUE(ranges[i].contains(double(v))) << v;
    }
  }
}

const char *structured = R"(
  func.func @sum(%x: tensor<4x1000xf32>, %i: tensor<4xf32>) -> tensor<4xf32> {
    %r = linalg.reduce { arith.addf } ins(%x : tensor<4x1000xf32>) outs(%i : tensor<4xf32>) dimensions = [1]
    return %r : tensor<4xf32>
  }
  func.func @max(%x: tensor<4x10xf32>, %i: tensor<4xf32>) -> tensor<4xf32> {
    %r = linalg.reduce { arith.maximumf } ins(%x : tensor<4x10xf32>) outs(%i : tensor<4xf32>) dimensions = [1]
    return %r : tensor<4xf32>
  }
  func.func @product(%x: tensor<4x5xf32>, %i: tensor<4xf32>) -> tensor<4xf32> {
    %r = linalg.reduce { arith.mulf } ins(%x : tensor<4x5xf32>) outs(%i : tensor<4xf32>) dimensions = [1]
    return %r : tensor<4xf32>
  }
  func.func @matmul(%a: tensor<4x8xf32>, %b: tensor<8x3xf32>, %i: tensor<4x3xf32>) -> tensor<4x3xf32> {
    %r = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x3xf32>) outs(%i : tensor<4x3xf32>) -> tensor<4x3xf32>
    return %r : tensor<4x3xf32>
  }
  func.func @coupled(%x: tensor<3x3xf32>, %a: tensor<3xf32>, %b: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
    %r:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>,
                                            affine_map<(d0, d1) -> (d1)>],
                           iterator_types = ["reduction", "reduction"]}
        ins(%x : tensor<3x3xf32>) outs(%a, %b : tensor<3xf32>, tensor<3xf32>) {
    ^bb0(%e: f32, %p: f32, %q: f32):
      %m = arith.maximumf %p, %q : f32
      %n = arith.minimumf %e, %q : f32
      linalg.yield %m, %n : f32, f32
    } -> (tensor<3xf32>, tensor<3xf32>)
    return %r#0, %r#1 : tensor<3xf32>, tensor<3xf32>
  }
  func.func @softmax(%x: tensor<2x5xf32>) -> tensor<2x5xf32> {
    %low = arith.constant dense<0xFF800000> : tensor<2xf32>
    %zero = arith.constant dense<0.0> : tensor<2xf32>
    %max = linalg.reduce { arith.maximumf } ins(%x : tensor<2x5xf32>) outs(%low : tensor<2xf32>) dimensions = [1]
    %e = tensor.empty() : tensor<2x5xf32>
    %shift = linalg.broadcast ins(%max : tensor<2xf32>) outs(%e : tensor<2x5xf32>) dimensions = [1]
    %d = arith.subf %x, %shift : tensor<2x5xf32>
    %exp = math.exp %d : tensor<2x5xf32>
    %sum = linalg.reduce { arith.addf } ins(%exp : tensor<2x5xf32>) outs(%zero : tensor<2xf32>) dimensions = [1]
    %all = linalg.broadcast ins(%sum : tensor<2xf32>) outs(%e : tensor<2x5xf32>) dimensions = [1]
    %r = arith.divf %exp, %all : tensor<2x5xf32>
    return %r : tensor<2x5xf32>
  }
  func.func @called(%x: f32, %y: f32) -> f32 {
    %s = func.call @square(%x) : (f32) -> f32
    %t = func.call @square(%y) : (f32) -> f32
    %u = arith.addf %s, %t : f32
    %r = math.sqrt %u : f32
    return %r : f32
  }
  func.func @square(%x: f32) -> f32 {
    %r = arith.mulf %x, %x : f32
    return %r : f32
  }
  func.func @moved(%x: tensor<2x3xf32>, %s: f32) -> tensor<4x5xf32> {
    %c = arith.constant 1 : index
    %i = tensor.insert %s into %x[%c, %c] : tensor<2x3xf32>
    %both = tensor.concat dim(0) %x, %i : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
    %two = arith.constant 2.0 : f32
    %r = tensor.pad %both low[0, 1] high[0, 1] {
    ^bb0(%a: index, %b: index):
      tensor.yield %two : f32
    } : tensor<4x3xf32> to tensor<4x5xf32>
    return %r : tensor<4x5xf32>
  })";

TEST(Range, StructuredOpsAreSound) {
  auto module = parse(structured);
  std::mt19937 engine(13);
  for (auto [name, count] : std::initializer_list<std::pair<const char *, unsigned>>{{"sum", 2},
                                                                                     {"max", 2},
                                                                                     {"product", 2},
                                                                                     {"matmul", 3},
                                                                                     {"coupled", 3},
                                                                                     {"softmax", 1},
                                                                                     {"called", 2},
                                                                                     {"moved", 2}})
    for (int choice = 0; choice < 60; ++choice) {
      SCOPED_TRACE(name);
      SmallVector<Interval> x;
      for (unsigned i = 0; i < count; ++i)
        x.push_back(randomInterval(engine));
      checkFunction(*module, name, x, 8, choice);
      if (HasFatalFailure())
        return;
    }
}

TEST(Range, IsNotMerelyTop) {
  auto module = parse(structured);
  Interval unit = Interval::of(0, 1), zero = Interval::point(0);
  auto one = [&](StringRef name, ArrayRef<Interval> x) { return resultRanges(*module, name, x)[0]; };
  auto expect = [](Interval r, double low, double high) {
    EXPECT_FALSE(r.mayBeNaN);
    EXPECT_LE(r.low, low);
    EXPECT_GE(r.high, high);
    EXPECT_GE(r.low, low - 1e-3 * (1 + std::fabs(low)));
    EXPECT_LE(r.high, high + 1e-3 * (1 + std::fabs(high)));
  };
  expect(one("sum", {unit, zero}), 0, 1000);
  EXPECT_EQ(one("sum", {unit, zero}).low, 0);
  expect(one("max", {unit, Interval::point(-inf)}), 0, 1);
  expect(one("product", {Interval::of(1, 2), Interval::point(1)}), 1, 32);
  expect(one("matmul", {Interval::of(-1, 1), Interval::of(0, 2), zero}), -16, 16);
  expect(one("called", {Interval::of(-3, 2), Interval::of(-4, 4)}), 0, 5);
  expect(one("moved", {unit, Interval::point(7)}), 0, 7);
  Interval softmax = one("softmax", {Interval::of(-5, 5)});
  EXPECT_GE(softmax.low, 0) << softmax.high << softmax.mayBeNaN;
}

TEST(Range, HoldsTheFusedValueToo) {
  // An engine may contract a product and a sum into one rounding; the difference of product and rounded product is 0
  // without, and not 0 with.
  auto module = parse("func.func @f(%a: f32, %b: f32, %c: f32) -> f32 { %p = arith.mulf %a, %b : f32"
                      " %r = arith.addf %p, %c : f32 return %r : f32 }");
  std::mt19937 engine(19);
  for (int round = 0; round < 1000; ++round) {
    float a = std::ldexp(float(engine()), -20), b = std::ldexp(float(engine()), -30), c = -(a * b);
    Interval r = resultRanges(*module, "f", {Interval::point(a), Interval::point(b), Interval::point(c)})[0];
    EXPECT_TRUE(r.contains(std::fma(a, b, c)) && r.contains(0)) << a << " " << b;
  }
}

TEST(Range, NaNAndInfinityAreTracked) {
  auto range = [](const std::string &op, ArrayRef<Interval> x) {
    std::string arguments, names;
    for (size_t i = 0; i < x.size(); ++i) {
      arguments += (i ? ", %a" : "%a") + std::to_string(i) + ": f32";
      names += (i ? ", %a" : "%a") + std::to_string(i);
    }
    auto module =
        parse("func.func @f(" + arguments + ") -> f32 { %r = " + op + " " + names + " : f32 return %r : f32 }");
    return resultRanges(*module, "f", x)[0];
  };
  Interval all = Interval::of(-inf, inf), unit = Interval::of(-1, 1), one = Interval::of(1, 2);
  EXPECT_TRUE(range("arith.addf", {all, all}).mayBeNaN);
  EXPECT_FALSE(range("arith.addf", {unit, all}).mayBeNaN);
  EXPECT_TRUE(range("arith.mulf", {unit, all}).mayBeNaN);
  EXPECT_FALSE(range("arith.mulf", {one, all}).mayBeNaN);
  EXPECT_TRUE(range("arith.divf", {unit, unit}).mayBeNaN);
  EXPECT_FALSE(range("arith.divf", {one, unit}).mayBeNaN);
  EXPECT_EQ(range("arith.divf", {one, Interval::of(0, 1)}).low, -inf); // 1 / -0
  EXPECT_TRUE(range("math.log", {unit}).mayBeNaN);
  EXPECT_FALSE(range("math.log", {Interval::of(0, 1)}).mayBeNaN);
  EXPECT_TRUE(range("math.sqrt", {unit}).mayBeNaN);
  EXPECT_EQ(range("math.exp", {Interval::of(0, 100)}).high, inf);
  EXPECT_EQ(range("arith.mulf", {Interval::of(1, 1e30), Interval::of(1, 1e30)}).high, inf);
  EXPECT_TRUE(range("arith.addf", {Interval::top(), unit}).mayBeNaN);
  // Decided comparisons choose a side.
  auto module = parse("func.func @f(%a: f32, %b: f32) -> f32 { %c = arith.cmpf olt, %a, %b : f32"
                      " %r = arith.select %c, %a, %b : f32 return %r : f32 }");
  EXPECT_EQ(resultRanges(*module, "f", {Interval::of(0, 1), Interval::of(2, 3)})[0].high, 1);
  EXPECT_EQ(resultRanges(*module, "f", {Interval::of(0, 2), Interval::of(2, 3)})[0].high, 3);
  EXPECT_EQ(resultRanges(*module, "f", {Interval{0, 1, true}, Interval::of(2, 3)})[0].high, 3);
}

TEST(Range, ProgramsAreSound) {
  auto module = parse(R"(
    selfopt.loss @cross_entropy(%logits: tensor<10xf32>, %label: i32) -> f32 {
      %lp = nn.log_softmax %logits : tensor<10xf32>
      %l = nn.pick %lp[%label] : f32
      %n = arith.negf %l : f32
      selfopt.return %n : f32
    }
    selfopt.loss @brier(%logits: tensor<10xf32>, %label: i32) -> f32 {
      %p = nn.softmax %logits : tensor<10xf32>
      %t = nn.one_hot %label : tensor<10xf32>
      %d = arith.subf %p, %t : tensor<10xf32>
      %s = arith.mulf %d, %d : tensor<10xf32>
      %r = nn.reduce sum %s : f32
      selfopt.return %r : f32
    }
    selfopt.loss @mse(%x: tensor<6xf32>, %y: tensor<6xf32>) -> f32 {
      %d = arith.subf %x, %y : tensor<6xf32>
      %s = arith.mulf %d, %d : tensor<6xf32>
      %r = nn.reduce mean %s : f32
      selfopt.return %r : f32
    }
    selfopt.loss @activations(%x: tensor<6xf32>, %y: tensor<6xf32>) -> f32 {
      %a = nn.activation relu %x : tensor<6xf32>
      %b = nn.activation tanh %x : tensor<6xf32>
      %c = nn.activation gelu %x : tensor<6xf32>
      %d = nn.activation sigmoid %x : tensor<6xf32>
      %ab = arith.addf %a, %b : tensor<6xf32>
      %cd = arith.addf %c, %d : tensor<6xf32>
      %abcd = arith.addf %ab, %cd : tensor<6xf32>
      %m = nn.reduce max %abcd : f32
      selfopt.return %m : f32
    }
    selfopt.model @random(%x: tensor<6xf32>) -> tensor<12xf32> {
      %n = nn.noise %x scale(0.5) : tensor<6xf32>
      %d = nn.dropout %n rate(0.25) : tensor<6xf32>
      %c = nn.concat %x, %d : tensor<12xf32>
      selfopt.return %c : tensor<12xf32>
    }
    selfopt.metric @accuracy(%logits: tensor<10xf32>, %label: i32) -> f32 {
      %best = nn.argmax %logits : i32
      %hit = arith.cmpi eq, %best, %label : i32
      %score = arith.uitofp %hit : i1 to f32
      selfopt.return %score : f32
    })");
  ASSERT_TRUE(module);
  std::mt19937 engine(17);
  Interval label = Interval::of(0, 9);
  for (int choice = 0; choice < 200; ++choice) {
    Interval x = randomInterval(engine), y = randomInterval(engine);
    for (const char *name : {"cross_entropy", "brier", "accuracy"}) {
      SCOPED_TRACE(std::string(name) + " of [" + testing::PrintToString(x.low) + ", " + testing::PrintToString(x.high) +
                   (x.mayBeNaN ? "] or NaN" : "]"));
      checkFunction(*module, name, {x, label}, 10, choice);
    }
    for (const char *name : {"mse", "activations"}) {
      SCOPED_TRACE(std::string(name) + " of [" + testing::PrintToString(x.low) + ", " + testing::PrintToString(x.high) +
                   (x.mayBeNaN ? "] or NaN" : "]"));
      checkFunction(*module, name, {x, y}, 10, choice);
    }
    checkFunction(*module, "random", {x}, 10, choice);
    if (HasFatalFailure())
      return;
  }
  // What training draws is inside too: the largest normal number is 5.42, and dropout divides by 3/4.
  Interval drawn = resultRanges(*module, "random", {Interval::of(-1, 2)})[0];
  EXPECT_LE(drawn.low, (-1 - 0.5 * 5.42) / 0.75);
  EXPECT_GE(drawn.high, (2 + 0.5 * 5.42) / 0.75);
  EXPECT_LE(drawn.high, 6.4);
  Interval loss = resultRanges(*module, "cross_entropy", {Interval::of(-10, 10), label})[0];
  EXPECT_TRUE(loss.isFinite());
  EXPECT_GE(loss.low, -1e-5);
  EXPECT_LE(loss.high, 22.4);
}

} // namespace
