//===- EquivalenceTest.cpp - Wrong rewrites are refused ---------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Equivalence.h"
#include "../../../lib/Mutation/Edits.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Safety/ProgramEquivalence.h"
#include "Specs.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

/// A schedule of one line.
std::string schedule(const std::string &body) {
  return "selfopt.schedule @s(%t: f32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}";
}
std::string sampler(const std::string &body) {
  return "selfopt.sampler @s(%a: f32, %b: f32, %t: f32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}";
}

/// What the validator says of two programs @s; empty where they agree.
std::string compare(const std::string &before, const std::string &after) {
  OwningOpRef<ModuleOp> one = parse(before), other = parse(after);
  if (!one || !other)
    return "does not parse";
  std::string text;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    text += d.str();
    return success();
  });
  bool ok = succeeded(validateEquivalence(one->lookupSymbol("s"), other->lookupSymbol("s")));
  EXPECT_EQ(ok, text.empty());
  return text;
}

/// What is proved without any input tried first.
Verdict prove(const std::string &before, const std::string &after) {
  OwningOpRef<ModuleOp> one = parse(before), other = parse(after);
  return proveEquivalence(one->lookupSymbol("s"), other->lookupSymbol("s")).result.verdict;
}

TEST(Equivalence, SamePrograms) {
  for (StringRef text : {StringRef(regression), StringRef(noisy), StringRef(classification)}) {
    OwningOpRef<ModuleOp> one = parse(text), other = parse(text);
    for (Operation &op : *one->getBody())
      if (isa<LossOp, RewardOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(op))
        EXPECT_TRUE(succeeded(
            validateEquivalence(&op, other->lookupSymbol(SymbolTable::getSymbolName(&op).getValue()))));
  }
}

/// Rewrites that are right in exact arithmetic, and others that look right. Each is refused, and has a twin that holds.
struct Pair {
  const char *before, *wrong, *right;
};
TEST(Equivalence, WrongRewritesAreRefused) {
  const char *constants = "%zero = arith.constant 0.0 : f32\n%minus = arith.constant -0.0 : f32\n"
                          "%one = arith.constant 1.0 : f32\n%two = arith.constant 2.0 : f32\n";
  Pair pairs[] = {
      // -0 + 0 is 0.
      {"%r = arith.addf %t, %zero : f32", "%r = arith.addf %t, %minus : f32", "%r = arith.addf %zero, %t : f32"},
      // Infinity and NaN times 0.
      {"%r = arith.mulf %t, %zero : f32", "%r = arith.mulf %zero, %zero : f32", "%r = arith.mulf %zero, %t : f32"},
      {"%r = arith.subf %t, %t : f32", "%r = arith.subf %one, %one : f32",
       "%k = arith.negf %t : f32\n%r = arith.addf %t, %k : f32"},
      {"%r = arith.divf %t, %t : f32", "%r = arith.divf %one, %one : f32", "%r = arith.divf %t, %t : f32"},
      // 0 - x of 0 is 0, the negation is -0.
      {"%r = arith.subf %zero, %t : f32", "%r = arith.negf %t : f32", "%k = arith.negf %t : f32\n"
                                                                     "%r = arith.addf %k, %zero : f32"},
      // Twice and half overflow.
      {"%k = arith.mulf %t, %two : f32\n%r = arith.divf %k, %two : f32", "%r = arith.mulf %t, %one : f32",
       "%k = arith.addf %t, %t : f32\n%r = arith.divf %k, %two : f32"},
      // A third is rounded, a quarter is not.
      {"%k = arith.constant 3.0 : f32\n%r = arith.divf %t, %k : f32",
       "%k = arith.constant 0.333333343 : f32\n%r = arith.mulf %t, %k : f32",
       "%k = arith.constant -3.0 : f32\n%n = arith.negf %t : f32\n%r = arith.divf %n, %k : f32"},
      // The root of a square.
      {"%k = arith.mulf %t, %t : f32\n%r = math.sqrt %k : f32", "%r = math.absf %t : f32",
       "%n = arith.negf %t : f32\n%k = arith.mulf %n, %n : f32\n%r = math.sqrt %k : f32"}};
  for (const Pair &pair : pairs) {
    std::string before = schedule(std::string(constants) + pair.before);
    EXPECT_NE(compare(before, schedule(std::string(constants) + pair.wrong)).find("is not equivalent: expected result 0"),
              std::string::npos)
        << pair.wrong;
    EXPECT_EQ(prove(before, schedule(std::string(constants) + pair.wrong)), Verdict::Unknown) << pair.wrong;
    EXPECT_EQ(compare(before, schedule(std::string(constants) + pair.right)), "") << pair.right;
  }
  // Neither sums nor products associate.
  EXPECT_NE(compare(sampler("%k = arith.addf %a, %b : f32\n%r = arith.addf %k, %t : f32"),
                    sampler("%k = arith.addf %b, %t : f32\n%r = arith.addf %a, %k : f32")),
            "");
  EXPECT_EQ(compare(sampler("%k = arith.addf %a, %b : f32\n%r = arith.addf %k, %t : f32"),
                    sampler("%k = arith.addf %b, %a : f32\n%r = arith.addf %t, %k : f32")),
            "");
  // Only a pair of special values tells these apart: 0 and -0.
  EXPECT_NE(compare(sampler("%r = arith.maximumf %a, %b : f32"),
                    sampler("%c = arith.cmpf oge, %a, %b : f32\n%m = arith.select %c, %a, %b : f32\n"
                            "%n = arith.cmpf uno, %a, %b : f32\n%s = arith.addf %a, %b : f32\n"
                            "%r = arith.select %n, %s, %m : f32")),
            "");
}

/// Inputs that no test tries, one of 2^32: a solver finds it, and it is a witness.
TEST(Equivalence, NeedlesAreFound) {
  std::string plain = schedule("%r = arith.mulf %t, %t : f32");
  EXPECT_EQ(compare(plain, schedule("%x = arith.mulf %t, %t : f32\n%k = arith.constant 1.2345 : f32\n"
                                    "%c = arith.cmpf oeq, %t, %k : f32\n%r = arith.select %c, %k, %x : f32")),
            "'selfopt.schedule' op is not equivalent: expected result 0 to be 1.52399039 on the input (1.23450005), found "
            "1.23450005");
  EXPECT_EQ(compare(plain, schedule("%x = arith.mulf %t, %t : f32\n%i = arith.bitcast %t : f32 to i32\n"
                                    "%k = arith.constant 123456789 : i32\n%c = arith.cmpi eq, %i, %k : i32\n"
                                    "%r = arith.select %c, %t, %x : f32")),
            "'selfopt.schedule' op is not equivalent: expected result 0 to be 0 on the input (1.6535997e-34), found "
            "1.6535997e-34");
  // Where functions that a solver made up tell them apart, no input does.
  EXPECT_EQ(compare(sampler("%x = arith.addf %a, %b : f32\n%r = math.sqrt %x : f32"),
                    sampler("%x = arith.addf %a, %b : f32\n%y = math.sqrt %x : f32\n%k = arith.constant 1.2345 : f32\n"
                            "%s = math.sin %a : f32\n%c = arith.cmpf oeq, %s, %k : f32\n%r = arith.select %c, %k, %y : f32")),
            "'selfopt.sampler' op is not proved equivalent: result 0, of a math.sqrt and of a arith.select: a solver finds "
            "numbers, and functions for the ops that round, by which they differ");
}

/// Tensors: by elements where ops are elementwise, and as a whole where they are not.
TEST(Equivalence, Tensors) {
  auto loss = [](const std::string &body) {
    return "selfopt.loss @s(%p: tensor<3xf32>, %label: i32) -> f32 {\n%one = arith.constant dense<1.0> : tensor<3xf32>\n"
           "%some = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>\n" +
           body + "\n%r = nn.reduce sum %l : f32\nselfopt.return %r : f32\n}";
  };
  std::string before = loss("%a = arith.mulf %p, %one : tensor<3xf32>\n%n = arith.negf %a : tensor<3xf32>\n"
                            "%m = arith.negf %n : tensor<3xf32>\n%l = nn.log_softmax %m : tensor<3xf32>");
  EXPECT_EQ(compare(before, loss("%l = nn.log_softmax %p : tensor<3xf32>")), "");
  EXPECT_EQ(prove(before, loss("%l = nn.softmax %p : tensor<3xf32>")), Verdict::Unknown);
  EXPECT_EQ(prove(before, loss("%a = arith.mulf %p, %some : tensor<3xf32>\n%l = nn.log_softmax %a : tensor<3xf32>")),
            Verdict::Unknown);
  // An operand of two, an attribute, a result of two.
  auto scaled = [&](const std::string &body) {
    return "selfopt.loss @s(%p: tensor<3xf32>, %label: i32) -> f32 {\n%one = arith.constant dense<1.0> : tensor<3xf32>\n"
           "%k = arith.constant 1 : i32\n" + body + "\nselfopt.return %r : f32\n}";
  };
  std::string picked = "%q = arith.mulf %p, %one : tensor<3xf32>\n%r = nn.pick %q[%label] : f32";
  EXPECT_EQ(prove(scaled(picked), scaled("%r = nn.pick %p[%label] : f32")), Verdict::Holds);
  EXPECT_EQ(prove(scaled(picked), scaled("%r = nn.pick %p[%k] : f32")), Verdict::Unknown);
  EXPECT_EQ(prove(scaled("%r = nn.reduce sum %p : f32"), scaled("%r = nn.reduce mean %p : f32")), Verdict::Unknown);
  auto half = [](const std::string &n) {
    return "func.func @s(%a: i32, %b: i32) -> i32 {\n%x:2 = arith.mului_extended %a, %b : i32\nreturn %x#" + n + " : i32\n}";
  };
  EXPECT_EQ(prove(half("0"), half("0")), Verdict::Holds);
  EXPECT_EQ(prove(half("0"), half("1")), Verdict::Unknown);
  // Equal where the element is above 0; but its softmax is of them all.
  std::string guarded = "%zero = arith.constant dense<0.0> : tensor<3xf32>\n"
                        "%c = arith.cmpf ogt, %p, %zero : tensor<3xf32>\n%x = arith.select %c, %p, %one : tensor<3xi1>, tensor<3xf32>\n";
  EXPECT_EQ(prove(loss(guarded + "%s = nn.softmax %p : tensor<3xf32>\n%l = arith.select %c, %s, %one : tensor<3xi1>, tensor<3xf32>"),
                  loss(guarded + "%s = nn.softmax %x : tensor<3xf32>\n%l = arith.select %c, %s, %one : tensor<3xi1>, tensor<3xf32>")),
            Verdict::Unknown);
}

/// Numbers that two layers make of one input are not the same: they have weights of their own.
TEST(Equivalence, LayersAreNoFunctions) {
  auto model = [](const std::string &body) {
    return "selfopt.model @s(%x: tensor<3xf32>) -> tensor<3xf32> {\n%a = nn.dense %x units(3) : tensor<3xf32>\n" + body +
           "\nselfopt.return %r : tensor<3xf32>\n}";
  };
  std::string two = model("%b = nn.dense %x units(3) : tensor<3xf32>\n%r = arith.subf %a, %b : tensor<3xf32>");
  EXPECT_EQ(prove(two, two), Verdict::Unknown);
}

/// An op on two operands of a type, at one pair of constants.
struct Point {
  std::string op, type, a, b;

  std::string result() const { return StringRef(op).contains("cmp") ? "i1" : type; }
  std::string head(StringRef returns) const { return "func.func @s(%a: " + type + ", %b: " + type + ") -> " + returns.str() + " {\n"; }
  std::string apply() const { return "%r0 = " + op + " %a, %b : " + type + "\n"; }
  static std::string tail(const std::string &value, StringRef type) { return "return " + value + " : " + type.str() + "\n}\n"; }

  /// What the interpreter says, as a constant.
  std::string value() const {
    OwningOpRef<ModuleOp> at = parse("func.func @s() -> " + result() + " {\n%a = arith.constant " + a + " : " + type +
                                     "\n%b = arith.constant " + b + " : " + type + "\n" + apply() + tail("%r0", result()));
    SmallVector<reference::Tensor> found;
    EXPECT_TRUE(succeeded(reference::Interpreter().call(at->lookupSymbol("s"), {}, found)));
    if (!found[0].isFloat)
      return result() == "i1" ? (found[0].integers[0] & 1 ? "true" : "false") : std::to_string(found[0].integers[0]);
    float x = float(found[0].floats[0]);
    return "0x" + llvm::utohexstr(std::isnan(x) ? 0x7fc00000u : llvm::bit_cast<uint32_t>(x), false, 8);
  }
  /// Code for %m, whether %a and %b are the constants, and %v, what the interpreter says then; with a number.
  std::string match(const std::string &n) const {
    std::string text;
    for (auto [x, constant] : {std::pair(std::string("%a"), a), std::pair(std::string("%b"), b)}) {
      text += x + "k" + n + " = arith.constant " + constant + " : " + type + "\n";
      std::string one = x, other = x + "k" + n, bits = type;
      if (type == "f32") {
        bits = "i32";
        text += x + "x" + n + " = arith.bitcast " + one + " : f32 to i32\n" + x + "y" + n + " = arith.bitcast " + other +
                " : f32 to i32\n";
        one = x + "x" + n;
        other = x + "y" + n;
      }
      text += x + "e" + n + " = arith.cmpi eq, " + one + ", " + other + " : " + bits + "\n";
    }
    return text + "%m" + n + " = arith.andi %ae" + n + ", %be" + n + " : i1\n%v" + n + " = arith.constant " + value() +
           (result() == "i1" ? "" : " : " + result()) + "\n";
  }
};

/// Where %a and %b are some pair of constants, what the interpreter computes, and the op otherwise: proved to be the op.
void expectExact(const std::string &op, const std::string &type, ArrayRef<StringRef> constants) {
  Point point{op, type, "", ""};
  std::string text = point.head(point.result()) + point.apply(), before = text + Point::tail("%r0", point.result());
  int n = 0;
  for (StringRef a : constants)
    for (StringRef b : constants) {
      std::string number = std::to_string(++n);
      point.a = a;
      point.b = b;
      text += point.match(number) + "%r" + number + " = arith.select %m" + number + ", %v" + number + ", %r" +
              std::to_string(n - 1) + " : " + point.result() + "\n";
    }
  EXPECT_EQ(prove(before, text + Point::tail("%r" + std::to_string(n), point.result())), Verdict::Holds) << op;
}

/// Of an op that rounds only laws are known. That it is never what the interpreter computes must not follow from them.
void expectConsistent(const std::string &op, ArrayRef<StringRef> constants) {
  for (StringRef a : constants)
    for (StringRef b : constants) {
      Point point{op, "f32", a.str(), b.str()};
      std::string never = point.head("i1") + "%r = arith.constant false\n" + Point::tail("%r", "i1");
      std::string sometimes = point.head("i1") + point.apply() + point.match("1") +
                              "%x = arith.bitcast %r0 : f32 to i32\n%y = arith.bitcast %v1 : f32 to i32\n"
                              "%e = arith.cmpi eq, %x, %y : i32\n%r = arith.andi %e, %m1 : i1\n" + Point::tail("%r", "i1");
      EXPECT_EQ(prove(sometimes, never), Verdict::Unknown) << op << " of " << a.str() << " and " << b.str();
    }
}

TEST(Equivalence, LawsOfRounding) {
  StringRef constants[] = {"0.0", "-0.0", "1.0", "-2.0", "3.3", "-3.0e38", "1.0e-42", "0x7F800000", "0xFF800000", "0x7FC00000"};
  for (const char *op : {"arith.addf", "arith.subf", "arith.mulf", "arith.divf"})
    expectConsistent(op, constants);
}

/// Pairs that look alike, and differ on inputs that no interpreter tries.
TEST(Equivalence, TwinsAreNotOne) {
  auto text = [](const std::string &body) {
    return "func.func @s(%t: f32, %c: i1) -> f32 {\n%one = arith.constant 1.0 : f32\n%two = arith.constant 2.0 : f32\n" + body +
           "\nreturn %r : f32\n}";
  };
  auto expectTold = [&](const std::string &before, const std::string &after) {
    EXPECT_EQ(prove(text(before), text(after)), Verdict::Unknown) << before << after;
  };
  // A choice of two constants that are the same one.
  std::string truths = "%a = arith.cmpf true, %t, %t : f32\n%b = arith.cmpf true, %t, %one : f32\n"
                       "%x = arith.select %c, %a, %b : i1\n";
  expectTold(truths + "%r = arith.select %x, %one, %two : f32", "%r = arith.select %c, %one, %two : f32");
  // Two formats of sixteen bits.
  for (std::string from : {"%n = arith.truncf %t : f32 to ", "%i = arith.fptosi %t : f32 to i32\n%n = arith.sitofp %i : i32 to "}) {
    auto half = [&](const std::string &type) {
      return from + type + "\n%b = arith.bitcast %n : " + type + " to i16\n%all = arith.constant 32767 : i16\n"
             "%m = arith.andi %b, %all : i16\n%k = arith.constant 15360 : i16\n%x = arith.cmpi ult, %m, %k : i16\n"
             "%r = arith.select %x, %one, %two : f32";
    };
    expectTold(half("f16"), half("bf16"));
  }
  // Which NaN.
  auto bits = [](const std::string &nan) { return nan + "%i = arith.bitcast %n : f32 to i32\n%r = arith.sitofp %i : i32 to f32"; };
  std::string nan = "%z = math.log %t : f32\n", same = "%n = arith.mulf %z, %one : f32\n";
  expectTold(bits(nan + "%n = arith.negf %z : f32\n%m = arith.negf %n : f32\n"), bits(nan + same));
  expectTold(bits("%n = arith.constant 0x7FE00000 : f32\n"), "%i = arith.constant 0x7FC00000 : i32\n%r = arith.sitofp %i : i32 to f32");
  expectTold(bits("%n = arith.constant 0x7FE00000 : f32\n"), bits("%n = arith.constant 0x7FC00000 : f32\n"));
  expectTold(bits("%n = arith.addf %t, %two : f32\n"), bits("%n = arith.addf %two, %t : f32\n"));
  expectTold(nan + "%n = arith.negf %z : f32\n%r = math.copysign %one, %n : f32", nan + "%r = math.copysign %one, %z : f32");
  EXPECT_EQ(prove(text(bits(nan + same)), text(bits(nan + same))), Verdict::Holds);
  EXPECT_EQ(prove(text("%r = arith.addf %t, %two : f32"), text("%r = arith.addf %two, %t : f32")), Verdict::Holds);
  // Which of two zeros, and in which direction.
  expectTold("%p = arith.constant 0.0 : f32\n%m = arith.constant -0.0 : f32\n%z = arith.maxnumf %m, %p : f32\n%r = math.copysign %one, %z : f32",
             "%r = math.copysign %one, %one : f32");
  expectTold("%k = arith.constant 1.1 : f64\n%r = arith.truncf %k upward : f64 to f32",
             "%k = arith.constant 1.1 : f64\n%r = arith.truncf %k : f64 to f32");
  // And through an op that hands it on.
  auto picked = [](const std::string &body) {
    return "selfopt.loss @s(%p: tensor<3xf32>, %label: i32) -> f32 {\n" + body +
           "%k = nn.pick %q[%label] : f32\n%i = arith.bitcast %k : f32 to i32\n%r = arith.sitofp %i : i32 to f32\n"
           "selfopt.return %r : f32\n}";
  };
  EXPECT_EQ(prove(picked("%n = arith.negf %p : tensor<3xf32>\n%q = arith.negf %n : tensor<3xf32>\n"),
                  picked("%one = arith.constant dense<1.0> : tensor<3xf32>\n%q = arith.mulf %p, %one : tensor<3xf32>\n")),
            Verdict::Unknown);
  // The constant true is -1 as a number with a sign.
  expectTold("%k = arith.constant true\n%r = arith.sitofp %k : i1 to f32", "%r = arith.addf %one, %one : f32\n");
  expectTold("%k = arith.constant true\n%r = arith.sitofp %k : i1 to f32", "%r = arith.mulf %one, %one : f32\n");
  expectTold("%k = arith.constant true\n%w = arith.extsi %k : i1 to i32\n%r = arith.sitofp %w : i32 to f32",
             "%r = arith.mulf %one, %one : f32\n");
  expectTold("%k = arith.constant true\n%f = arith.constant false\n%x = arith.cmpi slt, %k, %f : i1\n"
             "%r = arith.select %x, %one, %two : f32",
             "%r = arith.addf %one, %one : f32\n");
}

TEST(Equivalence, CastsOfZeroAndOne) {
  auto cast = [](const std::string &body) {
    return "func.func @s(%a: i32, %c: i1) -> f32 {\n%zero = arith.constant 0.0 : f32\n%one = arith.constant 1.0 : f32\n" + body +
           "\nreturn %r : f32\n}";
  };
  for (const char *op : {"sitofp", "uitofp"})
    EXPECT_EQ(prove(cast("%z = arith.subi %a, %a : i32\n%r = arith." + std::string(op) + " %z : i32 to f32"),
                    cast("%r = arith.addf %zero, %zero : f32")),
              Verdict::Holds);
  std::string chosen = cast("%r = arith.select %c, %one, %zero : f32"), wide = "%w = arith.extui %c : i1 to i32\n";
  EXPECT_EQ(prove(cast(wide + "%r = arith.sitofp %w : i32 to f32"), chosen), Verdict::Holds);
  // Of one bit, 1 is -1.
  EXPECT_EQ(prove(cast("%r = arith.sitofp %c : i1 to f32"), chosen), Verdict::Unknown);
}

TEST(Equivalence, ExactOps) {
  StringRef floats[] = {"0.0", "-0.0", "1.0", "-1.5", "3.4e38", "1.0e-42", "-1.0e-42", "0x7F800000", "0xFF800000", "0x7FC00000"};
  for (const char *op : {"maximumf", "minimumf", "cmpf oeq,", "cmpf ogt,", "cmpf oge,", "cmpf olt,", "cmpf ole,", "cmpf one,",
                         "cmpf ord,", "cmpf ueq,", "cmpf ugt,", "cmpf uge,", "cmpf ult,", "cmpf ule,", "cmpf une,", "cmpf uno,"})
    expectExact(std::string("arith.") + op, "f32", floats);
  // Which of two zeros, and the sign of a NaN, are not said.
  StringRef numbers[] = {"0.0", "1.0", "-1.5", "3.4e38", "-1.0e-42", "0x7F800000", "0xFF800000"};
  for (const char *op : {"math.copysign", "arith.maxnumf", "arith.minnumf"})
    expectExact(op, "f32", numbers);
  StringRef integers[] = {"0", "1", "-1", "7", "-8", "100", "-128", "127"};
  for (const char *op : {"addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi", "maxui", "minui", "cmpi eq,", "cmpi ne,",
                         "cmpi slt,", "cmpi sle,", "cmpi sgt,", "cmpi sge,", "cmpi ult,", "cmpi ule,", "cmpi ugt,", "cmpi uge,"})
    expectExact(std::string("arith.") + op, "i8", integers);
  StringRef shifts[] = {"1", "7", "3", "5"}, divisors[] = {"1", "7", "-3", "5", "-128"};
  for (const char *op : {"shli", "shrsi", "shrui"})
    expectExact(std::string("arith.") + op, "i8", shifts);
  for (const char *op : {"divsi", "divui", "remsi", "remui"})
    expectExact(std::string("arith.") + op, "i8", divisors);
}

TEST(Equivalence, SaysWhere) {
  std::string text = compare(schedule("%one = arith.constant 1.0 : f32\n%r = arith.addf %t, %one : f32"),
                             schedule("%one = arith.constant 1.0 : f32\n%r = arith.subf %t, %one : f32"));
  EXPECT_EQ(text, "'selfopt.schedule' op is not equivalent: expected result 0 to be 1 on the input (0), found -1");
  text = compare(schedule("%r = arith.addf %t, %t : f32"), sampler("%r = arith.addf %t, %t : f32"));
  EXPECT_NE(text.find("is not equivalent: expected the types that it took and returned, found others"), std::string::npos);
}

/// Tensors and labels.
TEST(Equivalence, Losses) {
  auto loss = [](StringRef body) {
    return ("selfopt.loss @s(%p: tensor<3xf32>, %label: i32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}").str();
  };
  StringRef pick = "%l = nn.log_softmax %p : tensor<3xf32>\n%k = nn.pick %l[%label] : f32\n";
  EXPECT_EQ(compare(loss((pick + "%r = arith.negf %k : f32").str()),
                    loss((pick + "%n = arith.negf %k : f32\n%z = arith.negf %n : f32\n%r = arith.negf %z : f32").str())),
            "");
  EXPECT_NE(compare(loss((pick + "%r = arith.negf %k : f32").str()),
                    loss("%l = nn.log_softmax %p : tensor<3xf32>\n%n = arith.constant 1 : i32\n"
                         "%k = nn.pick %l[%n] : f32\n%r = arith.negf %k : f32")),
            "");
}

/// In the frame of a mutation, what does not validate is taken back.
TEST(Equivalence, WrongMutationsAreTakenBack) {
  OwningOpRef<ModuleOp> spec = parse(regression), list = parse("evolve.simplify @momentum");
  std::string before = printSpec(*spec), text;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    text += d.str();
    return success();
  });
  Operation *mutation = &list->getBody()->front();
  EXPECT_TRUE(failed(editEquivalently(mutation, spec->lookupSymbol("momentum"), [&](Operation *program) {
    // beta m + g, with the gradient twice.
    auto sum = *program->getRegion(0).getOps<arith::AddFOp>().begin();
    sum.setOperand(0, sum.getRhs());
    return success();
  })));
  EXPECT_EQ(printSpec(*spec), before);
  EXPECT_TRUE(StringRef(text).starts_with("'evolve.simplify' op does not apply: 'selfopt.optimizer' op is not equivalent: expected "
                                         "result "))
      << text;
}

/// Mutants of every example, simplified: it validates each time, and does not change the canonical form.
TEST(Simplify, Mutants) {
  int applied = 0;
  for (const std::string &text : specTexts())
    for (uint64_t seed = 0; seed < 6; ++seed) {
      Philox random(seed);
      OwningOpRef<ModuleOp> spec = parse(text);
      MutationScope scope = scopeOf(*spec);
      scope.architecture.clear();
      Block list;
      for (int i = 0; i < 12; ++i)
        mutate(*spec, scope, random, list);
      std::string digest = canonicalDigest(*spec);
      for (int i = 0; i < 3; ++i) {
        Operation *mutation = mutate(*spec, scope, random, list, {"simplify"});
        if (!mutation)
          break;
        ++applied;
        EXPECT_EQ(canonicalDigest(*spec), digest);
      }
    }
  EXPECT_GT(applied, 20);
}

/// What is folded is always proved, so that no simplification is lost.
TEST(Simplify, IsProvedOfMutants) {
  int folded = 0;
  for (const std::string &text : specTexts())
    for (uint64_t seed = 100; seed < 140; ++seed) {
      Philox random(seed);
      OwningOpRef<ModuleOp> spec = parse(text);
      MutationScope scope = scopeOf(*spec);
      scope.architecture.clear();
      Block list;
      for (int i = 0; i < 20; ++i) {
        mutate(*spec, scope, random, list);
        for (Operation &program : llvm::make_early_inc_range(*spec->getBody())) {
          if (!isa<LossOp, RewardOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(program))
            continue;
          Operation *before = program.clone();
          if (simplifyProgram(&program)) {
            ++folded;
            bool isDivided = false;
            ScopedDiagnosticHandler say(&context(), [&](Diagnostic &d) {
              // Of states and actions by which some are divided nothing is said.
              if (isDivided = StringRef(d.str()).contains("op divides by zero"); isDivided)
                return success();
              std::string texts;
              llvm::raw_string_ostream(texts) << *before << "\n" << program;
              ADD_FAILURE() << d.str() << "\n" << texts;
              return success();
            });
            bool isProved = succeeded(validateEquivalence(before, &program));
            EXPECT_TRUE(isProved || isDivided);
          }
          before->destroy();
        }
      }
    }
  EXPECT_GT(folded, 500);
}

TEST(Equivalence, Rewards) {
  // Their integers are the states and actions that there are, each of them.
  auto reward = [](const std::string &body) {
    return R"(selfopt.environment @e(%s: i32, %a: i32) -> (i32, f32, i1) states(250) actions(4) discount(0.9) {
      %r = arith.constant 0.0 : f32
      %d = arith.constant false
      selfopt.return %s, %r, %d : i32, f32, i1
    }
    selfopt.reward @s(%a: i32, %b: i32, %n: i32) -> f32 environment(@e) {
      %states = arith.constant 250 : i32
      %actions = arith.constant 4 : i32
      %one = arith.constant 1 : i32
)" + body + "\nselfopt.return %r : f32\n}";
  };
  std::string before = reward("%x = arith.addi %a, %n : i32\n%r = arith.sitofp %x : i32 to f32");
  EXPECT_EQ(compare(before, reward("%k = arith.remui %a, %states : i32\n%x = arith.addi %n, %k : i32\n%r = arith.sitofp %x : i32 to f32")), "");
  for (const char *wrong : {"%last = arith.subi %states, %one : i32\n%k = arith.remui %a, %last : i32\n%x = arith.addi %n, %k : i32",
                            "%last = arith.subi %states, %one : i32\n%k = arith.remui %n, %last : i32\n%x = arith.addi %a, %k : i32",
                            "%last = arith.subi %actions, %one : i32\n%k = arith.divui %b, %last : i32\n%y = arith.addi %a, %k : i32\n"
                            "%x = arith.addi %y, %n : i32"})
    EXPECT_NE(compare(before, reward(std::string(wrong) + "\n%r = arith.sitofp %x : i32 to f32")).find("is not equivalent: expected result 0"),
              std::string::npos)
        << wrong;
}

} // namespace
