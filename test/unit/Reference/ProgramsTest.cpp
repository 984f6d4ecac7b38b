//===- ProgramsTest.cpp - Programs of a spec against published numbers -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include <fstream>
#include <sstream>

using namespace selfopt::reference;
using namespace selfopt::reference::test;

namespace {

std::string digits() {
  std::ifstream file(SELFOPT_SOURCE_DIR "/docs/examples/digits.mlir");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// An update rule's body, of `states` state variables.
struct Rule {
  const char *name, *body;
  unsigned states;
  double lr;
  double p1[2], p10[2], f1000;
  bool exactConstants; ///< All constants are f32 numbers.
};

// Rosenbrock's (1 - x)^2 + 100 (y - x^2)^2 from (-1.2, 1). Expected values are computed in f64 from the rules'
// published equations.
const Rule rules[] = {
    {"sgd",
     "%u = arith.mulf %lr, %g : f32 %w1 = arith.subf %w, %u : f32 selfopt.return %w1 : f32",
     0,
     1e-3,
     {-0.9844, 1.088},
     {-1.0214113342697504, 1.0512622673760386},
     0.45352902482768304,
     true},
    {"momentum",
     "%beta = arith.constant 0.9 : f32 %d = arith.mulf %beta, %s0 : f32 %m1 = arith.addf %d, %g : f32 "
     "%u = arith.mulf %lr, %m1 : f32 %w1 = arith.subf %w, %u : f32 selfopt.return %w1, %m1 : f32, f32",
     1,
     1e-3,
     {-0.9844, 1.088},
     {-0.8139232312953054, 0.7548677722225033},
     2.5050280577861867e-05,
     false},
    {"rmsprop",
     "%one = arith.constant 1.0 : f32 %r = arith.constant 0.9 : f32 %eps = arith.constant 1.0e-8 : f32 "
     "%n = arith.subf %one, %r : f32 %v0 = arith.mulf %r, %s0 : f32 %gg = arith.mulf %g, %g : f32 "
     "%vg = arith.mulf %n, %gg : f32 %v1 = arith.addf %v0, %vg : f32 %root = math.sqrt %v1 : f32 "
     "%den = arith.addf %root, %eps : f32 %dir = arith.divf %g, %den : f32 %u = arith.mulf %lr, %dir : f32 "
     "%w1 = arith.subf %w, %u : f32 selfopt.return %w1, %v1 : f32, f32",
     1,
     1e-2,
     {-1.1683772234029544, 1.03162277659032},
     {-1.0824434602510502, 1.1184711318970506},
     0.03579381758982944,
     false},
    {"adam",
     "%one = arith.constant 1.0 : f32 %b1 = arith.constant 0.9 : f32 %b2 = arith.constant 0.999 : f32 "
     "%eps = arith.constant 1.0e-8 : f32 %n1 = arith.subf %one, %b1 : f32 %n2 = arith.subf %one, %b2 : f32 "
     "%m0 = arith.mulf %b1, %s0 : f32 %mg = arith.mulf %n1, %g : f32 %m1 = arith.addf %m0, %mg : f32 "
     "%v0 = arith.mulf %b2, %s1 : f32 %gg = arith.mulf %g, %g : f32 %vg = arith.mulf %n2, %gg : f32 "
     "%v1 = arith.addf %v0, %vg : f32 %p1 = math.powf %b1, %step : f32 %p2 = math.powf %b2, %step : f32 "
     "%c1 = arith.subf %one, %p1 : f32 %c2 = arith.subf %one, %p2 : f32 %mh = arith.divf %m1, %c1 : f32 "
     "%vh = arith.divf %v1, %c2 : f32 %root = math.sqrt %vh : f32 %den = arith.addf %root, %eps : f32 "
     "%dir = arith.divf %mh, %den : f32 %move = arith.mulf %lr, %dir : f32 %w1 = arith.subf %w, %move : f32 "
     "selfopt.return %w1, %m1, %v1 : f32, f32, f32",
     2,
     1e-2,
     {-1.1900000000004638, 1.0099999999988636},
     {-1.1049555420644475, 1.0953346172030316},
     1.2549748184577754,
     false},
    {"lion",
     "%one = arith.constant 1.0 : f32 %b1 = arith.constant 0.9 : f32 %b2 = arith.constant 0.99 : f32 "
     "%zero = arith.constant 0.0 : f32 %n1 = arith.subf %one, %b1 : f32 %n2 = arith.subf %one, %b2 : f32 "
     "%c0 = arith.mulf %b1, %s0 : f32 %cg = arith.mulf %n1, %g : f32 %c = arith.addf %c0, %cg : f32 "
     "%up = arith.cmpf ogt, %c, %zero : f32 %down = arith.cmpf olt, %c, %zero : f32 "
     "%minus = arith.negf %one : f32 %neg = arith.select %down, %minus, %zero : f32 "
     "%sign = arith.select %up, %one, %neg : f32 %u = arith.mulf %lr, %sign : f32 %w1 = arith.subf %w, %u : f32 "
     "%m0 = arith.mulf %b2, %s0 : f32 %mg = arith.mulf %n2, %g : f32 %m1 = arith.addf %m0, %mg : f32 "
     "selfopt.return %w1, %m1 : f32, f32",
     1,
     1e-3,
     {-1.199, 1.001},
     {-1.190000000000001, 1.009999999999999},
     2.7305353216000023,
     false},
};

std::string replaceAll(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// The same rule as a program of a spec, and as a function of f64, whose constants are not rounded to f32.
std::string asProgram(const Rule &rule) {
  std::string states;
  for (unsigned s = 0; s < rule.states; ++s)
    states += (s ? ", %s" : " state(%s") + std::to_string(s) + ": f32 = 0.0";
  return std::string("selfopt.optimizer @f(%w: f32, %g: f32, %lr: f32, %step: f32)") + states +
         (rule.states ? ") { " : " { ") + rule.body + " }";
}
std::string asFunction(const Rule &rule) {
  std::string states, results = "f32";
  for (unsigned s = 0; s < rule.states; ++s) {
    states += ", %s" + std::to_string(s) + ": f32";
    results += ", f32";
  }
  std::string text =
      "func.func @f(%w: f32, %g: f32, %lr: f32, %step: f32" + states + ") -> (" + results + ") { " + rule.body + " }";
  return replaceAll(replaceAll(text, "selfopt.return", "return"), "f32", "f64");
}

struct Path {
  double p1[2], p10[2], f1000;
};
Path descend(mlir::ModuleOp module, const char *name, unsigned states, double lr) {
  double p[2] = {-1.2, 1};
  std::vector<double> state[2] = {std::vector<double>(states), std::vector<double>(states)};
  Path path;
  for (int step = 1; step <= 1000; ++step) {
    double g[2] = {-2 * (1 - p[0]) - 400 * p[0] * (p[1] - p[0] * p[0]), 200 * (p[1] - p[0] * p[0])};
    for (int i = 0; i < 2; ++i) {
      Tensors arguments{Tensor::scalar(p[i]), Tensor::scalar(g[i]), Tensor::scalar(lr), Tensor::scalar(step)};
      for (double s : state[i])
        arguments.push_back(Tensor::scalar(s));
      Interpreter interpreter(Precision::Double);
      Tensors r = runSymbol(module, name, arguments, interpreter);
      if (r.size() != 1 + states) {
        ADD_FAILURE() << "expected " << 1 + states << " results";
        return path;
      }
      p[i] = r[0].floats[0];
      for (unsigned s = 0; s < states; ++s)
        state[i][s] = r[1 + s].floats[0];
    }
    if (step == 1)
      std::copy(p, p + 2, path.p1);
    if (step == 10)
      std::copy(p, p + 2, path.p10);
  }
  path.f1000 = std::pow(1 - p[0], 2) + 100 * std::pow(p[1] - p[0] * p[0], 2);
  return path;
}

TEST(Programs, OptimizersOnRosenbrock) {
  for (const Rule &rule : rules) {
    SCOPED_TRACE(rule.name);
    auto exact = parse(asFunction(rule));
    Path path = descend(*exact, "f", rule.states, rule.lr);
    for (int i = 0; i < 2; ++i) {
      EXPECT_NEAR(path.p1[i], rule.p1[i], 1e-9);
      EXPECT_NEAR(path.p10[i], rule.p10[i], 1e-9);
    }
    EXPECT_NEAR(path.f1000, rule.f1000, 1e-9);
    // The spec's constants are f32 numbers: 0.9 is off by 2.4e-8.
    auto program = parse(asProgram(rule));
    path = descend(*program, "f", rule.states, rule.lr);
    double tolerance = rule.exactConstants ? 1e-9 : 1e-5;
    for (int i = 0; i < 2; ++i) {
      EXPECT_NEAR(path.p1[i], rule.p1[i], tolerance);
      EXPECT_NEAR(path.p10[i], rule.p10[i], tolerance);
    }
  }
}

TEST(Programs, DigitsAdamIsAdam) {
  auto module = parse(digits());
  Path path = descend(*module, "adam", 2, 1e-2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(path.p1[i], rules[3].p1[i], 1e-5);
    EXPECT_NEAR(path.p10[i], rules[3].p10[i], 1e-5);
  }
  EXPECT_NEAR(path.f1000, rules[3].f1000, 1e-3);
}

TEST(Programs, DigitsLossMetricScheduleSampler) {
  auto module = parse(digits());
  Interpreter interpreter(Precision::Double);
  // Scores of p = (.7, .2, .1) for the true class 0; the other seven classes have no weight.
  Tensor logits = Tensor::zeros({10}, true);
  llvm::fill(logits.floats, -1e30);
  logits.floats[0] = std::log(.7) + 3;
  logits.floats[1] = std::log(.2) + 3;
  logits.floats[2] = std::log(.1) + 3;
  auto loss = [&](int64_t label) {
    return runSymbol(*module, "cross_entropy", {logits, Tensor::scalarInt(label)}, interpreter)[0].floats[0];
  };
  EXPECT_NEAR(loss(0), 0.35667494393873245, 1e-12);
  EXPECT_NEAR(loss(1), -std::log(.2), 1e-12);
  EXPECT_NEAR(.7 * loss(0) + .2 * loss(1) + .1 * loss(2), .801819, 1e-6);
  auto accuracy = [&](int64_t label) {
    return runSymbol(*module, "accuracy", {logits, Tensor::scalarInt(label)}, interpreter)[0].floats[0];
  };
  EXPECT_EQ(accuracy(0), 1);
  EXPECT_EQ(accuracy(1), 0);
  auto cosine = [&](double t) { return runSymbol(*module, "cosine", {Tensor::scalar(t)}, interpreter)[0].floats[0]; };
  EXPECT_GT(cosine(0), 0);
  EXPECT_NEAR(cosine(0.5) / cosine(0), .5, 1e-7);
  EXPECT_NEAR(cosine(1), 0, 1e-7);
  Tensor x = Tensor::scalar(0.3);
  EXPECT_EQ(runSymbol(*module, "uniform", {x, x, x}, interpreter)[0].floats[0], 1);
}

TEST(Programs, ModelNeedsItsParameters) {
  auto module = parse(digits());
  Interpreter interpreter;
  Tensors results;
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context(), [&](mlir::Diagnostic &d) { message += d.str(); });
  EXPECT_TRUE(failed(interpreter.call(module->lookupSymbol("net"), {Tensor::zeros({64}, true)}, results)));
  EXPECT_NE(message.find("expects a weight and a bias"), std::string::npos);
}

} // namespace
