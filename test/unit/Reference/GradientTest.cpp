//===- GradientTest.cpp - Derivatives against central differences -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "SelfOpt/Transforms/Passes.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;
using namespace selfopt::reference::test;

namespace {

/// Compares the cotangents that `gradient` returns behind `results` results with differences of `function`'s first
/// result, for the first `count` arguments.
void expectGradient(ModuleOp module, StringRef function, StringRef gradient, Tensors arguments, unsigned results,
                    unsigned count, double h = 1e-5) {
  Interpreter interpreter(Precision::Double);
  Tensors found = runSymbol(module, gradient, arguments, interpreter);
  ASSERT_EQ(found.size(), results + count);
  auto value = [&] { return runSymbol(module, function, arguments, interpreter)[0].floats[0]; };
  EXPECT_EQ(found[0].floats[0], value());
  for (unsigned a = 0; a < count; ++a) {
    ASSERT_EQ(found[results + a].size(), arguments[a].size());
    for (int64_t i = 0; i < arguments[a].size(); ++i) {
      double x = arguments[a].floats[i];
      arguments[a].floats[i] = x + h;
      double above = value();
      arguments[a].floats[i] = x - h;
      double below = value();
      arguments[a].floats[i] = x;
      double difference = (above - below) / (2 * h), cotangent = found[results + a].floats[i];
      // The constants of gelu and erf are f32 numbers, forward and backward: 3e-8 of the larger terms.
      EXPECT_NEAR(cotangent, difference, 1e-6 * std::max(std::fabs(difference), 0.1))
          << function.str() << " by argument " << a << ", element " << i;
    }
  }
}

struct Rule {
  const char *op; ///< With operands %a, %b, %c of type T.
  unsigned operands;
  double low, high;
};
const Rule opRules[] = {
    {"arith.addf %a, %b : T", 2, -2, 2},     {"arith.subf %a, %b : T", 2, -2, 2},
    {"arith.mulf %a, %b : T", 2, -2, 2},     {"arith.divf %a, %b : T", 2, 0.5, 2},
    {"arith.negf %a : T", 1, -2, 2},         {"arith.maximumf %a, %b : T", 2, -2, 2},
    {"arith.minimumf %a, %b : T", 2, -2, 2}, {"arith.maxnumf %a, %b : T", 2, -2, 2},
    {"arith.minnumf %a, %b : T", 2, -2, 2},  {"math.exp %a : T", 1, -2, 2},
    {"math.log %a : T", 1, 0.2, 3},          {"math.log1p %a : T", 1, -0.5, 3},
    {"math.sqrt %a : T", 1, 0.2, 3},         {"math.rsqrt %a : T", 1, 0.2, 3},
    {"math.tanh %a : T", 1, -2, 2},          {"math.sin %a : T", 1, -4, 4},
    {"math.cos %a : T", 1, -4, 4},           {"math.erf %a : T", 1, -2, 2},
    {"math.absf %a : T", 1, -2, 2},          {"math.powf %a, %b : T", 2, 0.3, 2},
    {"math.fma %a, %b, %c : T", 3, -2, 2},
};

std::string substitute(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// The op on scalars, on tensors, and in the body of a structured op; a weighted sum makes one number of a tensor.
std::string scalarForm(const Rule &rule, const std::string &op) {
  std::string arguments = "%a: f32";
  for (unsigned i = 1; i < rule.operands; ++i)
    arguments += std::string(", %") + char('a' + i) + ": f32";
  return "func.func @f(" + arguments + ") -> f32 { %r = " + substitute(op, "T", "f32") + " return %r : f32 }";
}
std::string tensorForm(const Rule &rule, const std::string &op) {
  std::string arguments = "%a: tensor<4xf32>";
  for (unsigned i = 1; i < rule.operands; ++i)
    arguments += std::string(", %") + char('a' + i) + ": tensor<4xf32>";
  return "func.func @f(" + arguments + ") -> tensor<f32> { %r = " + substitute(op, "T", "tensor<4xf32>") + R"(
      %w = arith.constant dense<[1.0, -2.0, 0.5, 3.0]> : tensor<4xf32>
      %z = arith.constant dense<0.0> : tensor<f32>
      %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>],
                           iterator_types = ["reduction"]}
          ins(%r, %w : tensor<4xf32>, tensor<4xf32>) outs(%z : tensor<f32>) {
      ^bb0(%x: f32, %y: f32, %o: f32):
        %p = arith.mulf %x, %y : f32
        %t = arith.addf %o, %p : f32
        linalg.yield %t : f32
      } -> tensor<f32>
      return %s : tensor<f32> })";
}
std::string bodyForm(const Rule &rule, const std::string &op) {
  std::string arguments = "%ta: tensor<4xf32>", operands = "%ta", types = "tensor<4xf32>",
              maps = "affine_map<(d0) -> (d0)>", elements = "%a: f32";
  for (unsigned i = 1; i < rule.operands; ++i) {
    std::string name(1, char('a' + i));
    arguments += ", %t" + name + ": tensor<4xf32>";
    operands += ", %t" + name;
    types += ", tensor<4xf32>";
    maps += ", affine_map<(d0) -> (d0)>";
    elements += ", %" + name + ": f32";
  }
  return "func.func @f(" + arguments + ") -> tensor<f32> { %z = arith.constant dense<0.0> : tensor<f32>\n" +
         "%s = linalg.generic {indexing_maps = [" + maps +
         ", affine_map<(d0) -> ()>], iterator_types = [\"reduction\"]} ins(" + operands + " : " + types +
         ") outs(%z : tensor<f32>) {\n^bb0(" + elements + ", %o: f32):\n %r = " + substitute(op, "T", "f32") +
         "\n %t = arith.addf %o, %r : f32\n linalg.yield %t : f32 } -> tensor<f32>\n return %s : tensor<f32> }";
}

TEST(Gradient, EveryRuleOfPullbacks) {
  std::mt19937 engine(7);
  for (const Rule &rule : opRules) {
    SCOPED_TRACE(rule.op);
    for (int form = 0; form < 3; ++form) {
      auto module = parse(form == 0   ? scalarForm(rule, rule.op)
                          : form == 1 ? tensorForm(rule, rule.op)
                                      : bodyForm(rule, rule.op));
      ASSERT_TRUE(module);
      ASSERT_TRUE(succeeded(buildGradientFunction(module->lookupSymbol<func::FuncOp>("f"), rule.operands)));
      for (int round = 0; round < 5; ++round) {
        Tensors arguments;
        for (unsigned i = 0; i < rule.operands; ++i)
          arguments.push_back(form == 0 ? randomTensor(engine, {}, rule.low, rule.high)
                                        : randomTensor(engine, {4}, rule.low, rule.high));
        expectGradient(*module, "f", "f.gradient", arguments, 1, rule.operands);
      }
    }
  }
}

TEST(Gradient, SelectAndConversions) {
  std::mt19937 engine(9);
  auto module = parse("func.func @f(%a: f32, %b: f32, %n: i32) -> f32 { %c = arith.cmpf ogt, %a, %b : f32"
                      " %k = arith.sitofp %n : i32 to f32 %u = arith.uitofp %n : i32 to f32"
                      " %x = arith.mulf %a, %k : f32 %y = arith.mulf %b, %u : f32 %q = arith.mulf %y, %y : f32"
                      " %r = arith.select %c, %x, %q : f32 return %r : f32 }");
  ASSERT_TRUE(succeeded(buildGradientFunction(module->lookupSymbol<func::FuncOp>("f"), 2)));
  for (int round = 0; round < 10; ++round)
    expectGradient(*module, "f", "f.gradient",
                   {randomTensor(engine, {}), randomTensor(engine, {}), Tensor::scalarInt(3)}, 1, 2);
}

TEST(Gradient, TiesAndZero) {
  // relu has slope 0 at 0, |x| too, and a stopped value has none.
  auto slope = [](const std::string &body, double at) {
    auto module = parse("func.func @f(%a: f32) -> f32 { " + body + " return %r : f32 }");
    EXPECT_TRUE(succeeded(buildGradientFunction(module->lookupSymbol<func::FuncOp>("f"), 1)));
    Interpreter interpreter;
    Tensors r = runSymbol(*module, "f.gradient", {Tensor::scalar(at)}, interpreter);
    return r.size() == 2 ? r[1].floats[0] : NAN;
  };
  EXPECT_EQ(slope("%z = arith.constant 0.0 : f32 %r = arith.maximumf %a, %z : f32", 0), 0);
  EXPECT_EQ(slope("%r = math.absf %a : f32", 0), 0);
  EXPECT_EQ(slope("%s = selfopt.stop_gradient %a : f32 %r = arith.mulf %s, %a : f32", 3), 3);
}

/// A spec of a two-layer network on 5 features, with a batch of 4.
std::string spec(const std::string &activation, bool classes) {
  std::string out = classes ? "tensor<3xf32>" : "tensor<2xf32>", answer = classes ? "i32" : "tensor<2xf32>";
  std::string loss = classes ? R"(
    %lp = nn.log_softmax %p : tensor<3xf32>
    %l  = nn.pick %lp[%y] : f32
    %n  = arith.negf %l : f32
    selfopt.return %n : f32)"
                             : R"(
    %d = arith.subf %p, %y : tensor<2xf32>
    %s = arith.mulf %d, %d : tensor<2xf32>
    %m = nn.reduce mean %s : f32
    selfopt.return %m : f32)";
  return R"(
  selfopt.dataset @data from csv("data.csv") features(tensor<5xf32> in [0.0, 16.0]) )" +
         std::string(classes ? "label(i32 in [0, 2])" : "target(tensor<2xf32> in [-9.0, 9.0])") + R"(
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
  selfopt.model @net(%x: tensor<5xf32>) -> )" +
         out + R"( {
    %h = nn.dense %x units(6) : tensor<6xf32>
    %a = nn.activation )" +
         activation + R"( %h : tensor<6xf32>
    %y = nn.dense %a units()" +
         (classes ? "3" : "2") + ") : " + out + R"(
    selfopt.return %y : )" +
         out + R"(
  }
  selfopt.loss @loss(%p: )" +
         out + ", %y: " + answer + ") -> f32 {" + loss + R"(
  }
  selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
    %u = arith.mulf %lr, %g : f32
    %w1 = arith.subf %w, %u : f32
    selfopt.return %w1 : f32
  }
  selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.5, batch = 4, epochs = 1))";
}

TEST(Gradient, NormsAndConcatenations) {
  std::string text = spec("tanh", true);
  size_t at = text.find("    %h = nn.dense"), end = text.find("    selfopt.return %y : tensor<3xf32>");
  text.replace(at, end - at, R"(    %n = nn.layer_norm %x : tensor<5xf32>
    %h = nn.dense %n units(4) : tensor<4xf32>
    %a = nn.activation tanh %h : tensor<4xf32>
    %c = nn.concat %a, %n, %a : tensor<13xf32>
    %r = nn.rms_norm %c : tensor<13xf32>
    %y = nn.dense %r units(3) : tensor<3xf32>
)");
  auto perExample = parse(text), module = parse(text);
  ASSERT_TRUE(module && succeeded(selfopt::instantiate(*module)));
  ASSERT_TRUE(succeeded(selfopt::differentiate(*module)));
  std::mt19937 engine(3);
  Tensors arguments{randomTensor(engine, {5}),    randomTensor(engine, {5}),  randomTensor(engine, {5, 4}),
                    randomTensor(engine, {4}),    randomTensor(engine, {13}), randomTensor(engine, {13, 3}),
                    randomTensor(engine, {3}),    randomTensor(engine, {4, 5}, -2, 2)};
  arguments.push_back(integers({4}, {0, 2, 1, 2}));
  expectGradient(*module, "fit.objective", "fit.objective.gradient", arguments, 2, 7);

  // The batch is four examples of the spec.
  Interpreter interpreter(Precision::Double);
  Operation *net = perExample->lookupSymbol("net");
  unsigned given = 0;
  net->walk([&](LayerOpInterface layer) {
    SmallVector<ParameterSpec> own;
    layer.getParameters(own);
    interpreter.setParameters(layer, Tensors(llvm::ArrayRef<Tensor>(arguments).slice(given, own.size())));
    given += own.size();
  });
  ASSERT_EQ(given, 7u);
  Tensors batched = runSymbol(*module, "fit.objective", arguments, interpreter);
  for (int e = 0; e < 4; ++e) {
    Tensor x = floats({5}, ArrayRef<double>(arguments[7].floats).slice(5 * e, 5));
    Tensor p = runSymbol(*perExample, "net", {x}, interpreter)[0];
    double loss = runSymbol(*perExample, "loss", {p, Tensor::scalarInt(arguments[8].integers[e])}, interpreter)[0].floats[0];
    EXPECT_NEAR(batched[1].floats[e], loss, 1e-7 * std::max(1.0, std::fabs(loss)));
  }

  // And a layer is what its formula says.
  double mean = 0, square = 0;
  ArrayRef<double> x = ArrayRef<double>(arguments[7].floats).take_front(5);
  for (double v : x)
    mean += v / 5;
  for (double v : x)
    square += (v - mean) * (v - mean) / 5;
  auto alone = parse("selfopt.model @norm(%x: tensor<5xf32>) -> tensor<5xf32> { %n = nn.layer_norm %x : tensor<5xf32>"
                     " selfopt.return %n : tensor<5xf32> }");
  alone->walk([&](nn::LayerNormOp layer) { interpreter.setParameters(layer, {arguments[0], arguments[1]}); });
  Tensor n = runSymbol(*alone, "norm", {floats({5}, x)}, interpreter)[0];
  for (int i = 0; i < 5; ++i)
    EXPECT_NEAR(n.floats[i], (x[i] - mean) / std::sqrt(square + 1e-5) * arguments[0].floats[i] + arguments[1].floats[i],
                1e-9);
}

TEST(Gradient, InstantiatedNetworks) {
  std::mt19937 engine(11);
  for (const char *activation : {"relu", "tanh", "gelu", "sigmoid"})
    for (bool classes : {true, false}) {
      SCOPED_TRACE(std::string(activation) + (classes ? " cross entropy" : " mse"));
      int64_t outs = classes ? 3 : 2;
      auto perExample = parse(spec(activation, classes)), module = parse(spec(activation, classes));
      ASSERT_TRUE(module && succeeded(selfopt::instantiate(*module)));
      ASSERT_TRUE(succeeded(selfopt::differentiate(*module)));
      Tensors arguments{randomTensor(engine, {5, 6}), randomTensor(engine, {6}), randomTensor(engine, {6, outs}),
                        randomTensor(engine, {outs}), randomTensor(engine, {4, 5}, -2, 2)};
      arguments.push_back(classes ? integers({4}, {0, 2, 1, 2}) : randomTensor(engine, {4, 2}));
      expectGradient(*module, "fit.objective", "fit.objective.gradient", arguments, 2, 4);

      // The batch is four examples of the spec, whatever instantiate made of it.
      Interpreter interpreter(Precision::Double);
      Operation *net = perExample->lookupSymbol("net");
      unsigned given = 0;
      net->walk([&](nn::DenseOp layer) {
        interpreter.setParameters(layer, {arguments[given], arguments[given + 1]});
        given += 2;
      });
      ASSERT_EQ(given, 4u);
      Tensors batched = runSymbol(*module, "fit.objective", arguments, interpreter);
      ASSERT_EQ(batched.size(), 2u);
      double mean = 0;
      for (int e = 0; e < 4; ++e) {
        Tensor x = floats({5}, ArrayRef<double>(arguments[4].floats).slice(5 * e, 5));
        Tensor y = classes ? Tensor::scalarInt(arguments[5].integers[e])
                           : floats({2}, ArrayRef<double>(arguments[5].floats).slice(2 * e, 2));
        Tensor p = runSymbol(*perExample, "net", {x}, interpreter)[0];
        double loss = runSymbol(*perExample, "loss", {p, y}, interpreter)[0].floats[0];
        EXPECT_NEAR(batched[1].floats[e], loss, 1e-7 * std::max(1.0, std::fabs(loss)));
        mean += loss / 4;
      }
      EXPECT_NEAR(batched[0].floats[0], mean, 1e-7 * std::max(1.0, mean));

      // One step of the pipeline is one step of the rule along that gradient.
      Tensors step = arguments;
      step.append({Tensor::scalar(0.5), Tensor::scalar(0), Tensor::scalar(1)});
      Tensors updated = runSymbol(*module, "fit.step", step, interpreter);
      Tensors gradient = runSymbol(*module, "fit.objective.gradient", arguments, interpreter);
      ASSERT_EQ(updated.size(), 6u);
      for (unsigned a = 0; a < 4; ++a)
        for (int64_t i = 0; i < arguments[a].size(); ++i)
          EXPECT_NEAR(updated[a].floats[i], arguments[a].floats[i] - 0.5 * gradient[2 + a].floats[i], 1e-12);
    }
}

} // namespace
