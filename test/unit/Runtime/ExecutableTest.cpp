//===- ExecutableTest.cpp - Compiled programs against the interpreter ---------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DigitsSpecs.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Safety/ProgramCost.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

//===--- Comparisons --------------------------------------------------------===//

void expectClose(const Tensor &compiled, const Tensor &expected, double relative, const std::string &what) {
  EXPECT_LE(distance(compiled, expected), relative * std::max(magnitude(expected), 1e-30))
      << what << ", largest expected value " << magnitude(expected);
}

/// As expectClose, but for one element in two hundred. A rule such as Adam divides the gradient by its own size: where the
/// gradient is what a cancellation leaves, its sign depends on the order of a sum, and the parameter moves by a full step
/// either way. The gradient itself stands in the state, which is compared without exception.
void expectMostlyClose(const Tensor &compiled, const Tensor &expected, double relative, const std::string &what) {
  ASSERT_EQ(compiled.floats.size(), expected.floats.size()) << what;
  double allowed = relative * std::max(magnitude(expected), 1e-30);
  size_t beyond = 0;
  for (auto [x, y] : llvm::zip(compiled.floats, expected.floats))
    beyond += !(x == y || std::fabs(x - y) <= allowed || (std::isnan(x) && std::isnan(y)));
  EXPECT_LE(beyond, compiled.floats.size() / 200) << what << ", largest expected value " << magnitude(expected);
}

void compareInitialize(Twin &twin, uint64_t seed) {
  twin.executable->initialize(seed);
  Tensors results;
  Interpreter interpreter;
  ASSERT_TRUE(succeeded(interpreter.call(twin.function("initialize"), Tensor::scalarInt(int64_t(seed)), results)));
  ASSERT_EQ(int64_t(results.size()), twin.parameters);
  for (int64_t i = 0; i < twin.parameters; ++i) {
    Tensor found = readBuffer(*twin.executable, twin.names[i]);
    ASSERT_EQ(found.size(), results[i].size());
    for (int64_t k = 0; k < found.size(); ++k)
      EXPECT_NEAR(found.floats[k], results[i].floats[k], 1e-6 * std::fabs(results[i].floats[k]) + 1e-7)
          << twin.names[i] << " at " << k;
  }
}

/// Steps from the same weights; each begins where the compiled program stands.
void compareSteps(Twin &twin, int steps, double relative = 1e-5, unsigned seed = 1) {
  std::mt19937 engine(seed);
  for (int s = 0; s < steps; ++s) {
    std::vector<int32_t> rows = someRows(twin.batch, twin.planned.trainRows, engine);
    StepInput in = twin.inputFor(rows);
    twin.step(in, rows);
    EXPECT_EQ(in.number, s + 1);
    auto expected = twin.interpret(in);
    ASSERT_TRUE(succeeded(expected));
    for (auto [i, name] : llvm::enumerate(twin.names)) {
      auto compare = StringRef(name).starts_with("parameter") ? expectMostlyClose : expectClose;
      compare(readBuffer(*twin.executable, name), (*expected)[i], relative,
              name + " after step " + std::to_string(s + 1));
    }
    expectClose(readBuffer(*twin.executable, "loss"), (*expected)[twin.names.size()], relative, "loss");
  }
}

Split firstRows(const Dataset &data, const Split &split, int64_t count) {
  Split part;
  part.count = count;
  part.features.assign(split.features.begin(), split.features.begin() + count * data.featureSize);
  if (data.targetSize)
    part.targets.assign(split.targets.begin(), split.targets.begin() + count * data.targetSize);
  else
    part.labels.assign(split.labels.begin(), split.labels.begin() + count);
  return part;
}

/// The loss and the metrics of a split, example by example, from the spec's own programs.
void compareScore(Twin &twin, const Split &split, double relative = 1e-5) {
  const Dataset &data = *twin.planned.data;
  auto train = twin.spec->lookupSymbol<TrainOp>("fit");
  auto model = twin.spec->lookupSymbol<ModelOp>(train.getModel());
  Interpreter interpreter;
  for (const ProgramParameters::Range &range : ProgramParameters::of(model.getBody().front()).layers) {
    SmallVector<Tensor> values;
    for (size_t i = 0; i < range.count; ++i)
      values.push_back(readBuffer(*twin.executable, twin.names[range.first + i]));
    interpreter.setParameters(range.layer, values);
  }
  std::vector<std::string> judges{train.getLoss().str()};
  judges.insert(judges.end(), twin.planned.metrics.begin(), twin.planned.metrics.end());
  std::vector<double> sums(judges.size(), 0);
  for (int64_t r = 0; r < split.count; ++r) {
    Tensor x = Tensor::zeros({data.featureSize}, true), y;
    for (int64_t f = 0; f < data.featureSize; ++f)
      x.floats[f] = split.features[r * data.featureSize + f];
    if (data.targetSize) {
      y = Tensor::zeros({data.targetSize}, true);
      for (int64_t t = 0; t < data.targetSize; ++t)
        y.floats[t] = split.targets[r * data.targetSize + t];
    } else {
      y = Tensor::scalarInt(split.labels[r]);
    }
    Tensors prediction, value;
    ASSERT_TRUE(succeeded(interpreter.call(model, {x}, prediction)));
    for (auto [judge, sum] : llvm::zip(judges, sums)) {
      ASSERT_TRUE(succeeded(interpreter.call(twin.spec->lookupSymbol(judge), {prediction[0], y}, value)));
      sum += value[0].floats[0];
    }
  }
  ScoreOutcome found = twin.executable->score(split);
  EXPECT_EQ(found.count, split.count);
  double n = double(split.count);
  EXPECT_NEAR(found.loss, sums[0] / n, relative * std::fabs(sums[0] / n) + 1e-7);
  ASSERT_EQ(found.metrics.size(), judges.size() - 1);
  for (size_t i = 1; i < judges.size(); ++i)
    EXPECT_NEAR(found.metrics[i - 1], sums[i] / n, relative * std::fabs(sums[i] / n) + 1e-7) << judges[i];
}

/// Everything of one spec.
void compareAll(const std::string &text, int steps = 3, double relative = 1e-5) {
  auto twin = Twin::make(text);
  ASSERT_TRUE(twin);
  EXPECT_EQ(twin->executable->arenaBytes(), twin->planned.arenaBytes);
  compareInitialize(*twin, 7);
  compareSteps(*twin, steps, relative);
  compareScore(*twin, firstRows(*twin->planned.data, twin->planned.data->validation, 9));
}

//===--- Tests --------------------------------------------------------------===//

TEST(Executable, Examples) {
  compareAll(replaced(readExample("digits.mlir"), "batch = 32", "batch = 4"), 2);
  compareAll(replaced(readExample("diabetes.mlir"), "batch = 16", "batch = 7"));
  // The large net: one step of two rows; the interpreter takes its time.
  auto twin = Twin::make(replaced(readExample("digits_static.mlir"), "batch = 32", "batch = 2"));
  ASSERT_TRUE(twin);
  twin->executable->initialize(3);
  compareSteps(*twin, 1);
}

TEST(Executable, Activations) {
  for (const char *activation : {"relu", "tanh", "gelu", "sigmoid"}) {
    SCOPED_TRACE(activation);
    Options o;
    o.activations = {activation};
    // Pixels saturate these, and Adam would divide the last bits of such gradients by each other.
    compareAll(withOptimizer(digits(o), "adam", "sgd"), 2);
    o.lr = "1.0e-6";
    compareAll(diabetes(o));
  }
}

TEST(Executable, Depths) {
  for (std::vector<int64_t> widths : {std::vector<int64_t>{}, {3}, {7, 5}, {4, 9, 4}, {8, 1, 8, 3, 6, 2, 5}}) {
    SCOPED_TRACE(widths.size());
    Options o;
    o.widths = widths;
    o.activations = {"tanh", "relu", "gelu", "sigmoid"};
    o.lr = "1.0e-6";
    compareAll(diabetes(o));
  }
  Options linear;
  linear.widths = {};
  compareAll(digits(linear));
}

TEST(Executable, Widths) {
  for (int64_t width : {1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 39, 40}) {
    SCOPED_TRACE(width);
    Options o;
    o.widths = {width};
    o.activations = {width % 2 ? "tanh" : "gelu"};
    o.lr = "1.0e-6";
    auto twin = Twin::make(diabetes(o));
    ASSERT_TRUE(twin);
    twin->executable->initialize(width);
    compareSteps(*twin, 2);
  }
}

TEST(Executable, Batches) {
  for (int64_t batch = 1; batch <= 33; batch += batch < 9 ? 1 : 3) {
    SCOPED_TRACE(batch);
    Options o;
    o.batch = batch;
    o.widths = {6, 3};
    o.activations = {"tanh", "sigmoid"};
    o.lr = "1.0e-6";
    auto twin = Twin::make(diabetes(o));
    ASSERT_TRUE(twin);
    twin->executable->initialize(batch);
    compareSteps(*twin, 2);
  }
}

TEST(Executable, Optimizers) {
  for (const char *rule : {"sgd", "momentum", "lion"}) {
    SCOPED_TRACE(rule);
    Options o;
    compareAll(withOptimizer(digits(o), "adam", rule));
    o.activations = {"gelu"};
    o.lr = "1.0e-6";
    compareAll(withOptimizer(diabetes(o), "momentum", rule));
  }
}

TEST(Executable, BrierLoss) {
  Options o;
  o.widths = {4};
  compareAll(replacedProgram(digits(o), "selfopt.loss @cross_entropy", brier));
}

TEST(Executable, Sampler) {
  Options o;
  o.widths = {4};
  compareAll(replacedProgram(digits(o), "selfopt.sampler @uniform", livingSampler));
}

/// Normalisations, a branch, a skip connection, every kind of initial value that is no random number.
TEST(Executable, NormsConcatAndSkips) {
  const char *net = R"(selfopt.model @net(%x: tensor<10xf32>) -> tensor<1xf32> {
    %n = nn.layer_norm %x : tensor<10xf32>
    %h = nn.dense %n units(6) : tensor<6xf32>
    %a = nn.activation gelu %h : tensor<6xf32>
    %b = nn.dense %n units(3) init(identity) : tensor<3xf32>
    %c = nn.concat %a, %b, %a, %n : tensor<25xf32>
    %r = nn.rms_norm %c : tensor<25xf32>
    %i = nn.dense %r units(25) init(identity) : tensor<25xf32>
    %z = nn.dense %n units(25) init(zeros) : tensor<25xf32>
    %j = arith.addf %i, %z : tensor<25xf32>
    %s = arith.addf %j, %c : tensor<25xf32>
    %y = nn.dense %s units(1) : tensor<1xf32>
    selfopt.return %y : tensor<1xf32>
  })";
  for (const char *lr : {"1.0e-6", "1.0e-3"}) {
    Options o;
    o.lr = lr;
    compareAll(replacedProgram(diabetes(o), "selfopt.model @net", net), 4);
  }
}

/// Two layers, one weight: its gradient is the sum of both, and it is one parameter of the program.
TEST(Executable, SharedParameters) {
  const char *net = R"(selfopt.model @net(%x: tensor<10xf32>) -> tensor<1xf32> {
    %n = nn.layer_norm %x : tensor<10xf32>
    %a = nn.dense %n units(10) param("core") : tensor<10xf32>
    %b = nn.activation tanh %a : tensor<10xf32>
    %h = nn.dense %b units(6) : tensor<6xf32>
    %c = nn.dense %b units(10) param("core") : tensor<10xf32>
    %d = nn.concat %c, %h : tensor<16xf32>
    %y = nn.dense %d units(1) : tensor<1xf32>
    selfopt.return %y : tensor<1xf32>
  })";
  Options o;
  o.lr = "1.0e-3";
  std::string text = replacedProgram(diabetes(o), "selfopt.model @net", net);
  compareAll(text, 3);
  auto twin = Twin::make(text);
  ASSERT_TRUE(twin);
  EXPECT_EQ(twin->parameters, 8); // norm 2, core 2, h 2, y 2
  int64_t scalars = 0;
  for (int64_t i = 0; i < twin->parameters; ++i)
    scalars += twin->executable->lookupType(twin->names[i]).getNumElements();
  EXPECT_EQ(scalars, 10 + 10 + 110 + 66 + 17);
  auto cost = programCost(*twin->spec, "fit", 100);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->parameters, scalars);
}

/// A model with both layers that draw random numbers, and an augmentation that looks at both of its own.
std::string stochastic() {
  Options o;
  o.batch = 4;
  std::string text = digits(o);
  text = replaced(text, "%h0 = nn.dense %x units(5)", "%z = nn.noise %x scale(2.0) : tensor<64xf32>\n"
                                                      "    %h0 = nn.dense %z units(5)");
  text = replaced(text, "%y = nn.dense %a0", "%d = nn.dropout %a0 rate(0.3) : tensor<5xf32>\n    %y = nn.dense %d");
  text = replaced(text, "  selfopt.train @fit", R"(  selfopt.augment @jitter(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
    %half = arith.constant 0.5 : f32
    %n = arith.mulf %half, %normal : f32
    %moved = arith.addf %x, %n : f32
    %tenth = arith.constant 0.1 : f32
    %zero = arith.constant 0.0 : f32
    %gone = arith.cmpf olt, %uniform, %tenth : f32
    %y = arith.select %gone, %zero, %moved : f32
    selfopt.return %y : f32
  }
  selfopt.train @fit)");
  return replaced(text, "sampler(@uniform)\n", "sampler(@uniform) augment(@jitter)\n");
}

TEST(Executable, LayersThatDrawRandomNumbers) { compareAll(stochastic(), 3); }

/// Draws differ from step to step and from seed to seed, and are the same for the same of both.
TEST(Executable, DrawsBelongToSeedAndStep) {
  auto losses = [&](uint64_t seed) {
    auto twin = Twin::make(replaced(stochastic(), "lr = 1.0e-3", "lr = 1.0e-30"));
    twin->executable->initialize(seed);
    // The same weights for every seed, and they do not move: only the draws differ.
    for (const std::string &name : twin->names)
      if (StringRef(name).starts_with("parameter")) {
        Tensor same = readBuffer(*twin->executable, name);
        for (auto [i, value] : llvm::enumerate(same.floats))
          value = 0.01 * double(i * 37 % 11) - 0.05;
        writeBuffer(*twin->executable, name, same);
      }
    std::vector<double> values;
    std::vector<int32_t> rows{5, 6, 7, 8};
    for (int step = 0; step < 3; ++step) {
      StepInput in = twin->inputFor(rows);
      twin->step(in, rows);
      values.push_back(readBuffer(*twin->executable, "loss").floats[0]);
    }
    return values;
  };
  std::vector<double> one = losses(1), again = losses(1), two = losses(2);
  EXPECT_EQ(one, again);
  EXPECT_NE(one[0], one[1]);
  EXPECT_NE(one[1], one[2]);
  EXPECT_NE(one[0], two[0]);
}

TEST(Executable, ScoreOverSeveralSlices) {
  Options o;
  o.widths = {3};
  o.activations = {"tanh"};
  auto twin = Twin::make(diabetes(o));
  ASSERT_TRUE(twin);
  twin->executable->initialize(5);
  const Dataset &data = *twin->planned.data;
  // Slices have 128 rows: less than one, exactly one, one more, and two with a rest.
  for (int64_t rows : {1, 127, 128, 129, 256, 261}) {
    SCOPED_TRACE(rows);
    ASSERT_LE(rows, data.train.count);
    compareScore(*twin, firstRows(data, data.train, rows));
  }
  Split none;
  EXPECT_EQ(twin->executable->score(none).count, 0);
}

TEST(Executable, SameSeedSameBits) {
  Options o;
  o.epochs = 2;
  o.batch = 33;
  for (bool sampled : {false, true}) {
    std::string text = digits(o);
    if (sampled)
      text = replacedProgram(text, "selfopt.sampler @uniform", livingSampler);
    auto a = Twin::make(text), b = Twin::make(text);
    o.widths = {9, 4};
    auto other = Twin::make(digits(o));
    ASSERT_TRUE(a && b && other);
    a->executable->initialize(11);
    TrainOutcome first = a->executable->train();
    EXPECT_EQ(first.steps, 2 * (1078 / 33));
    EXPECT_FALSE(first.diverged);
    EXPECT_LT(first.epochLoss[1], first.epochLoss[0]);
    std::string want = bytesOf(*a);
    // Another program runs in between, and the same one has been somewhere else.
    other->executable->initialize(1);
    other->executable->train();
    b->executable->initialize(12);
    b->executable->train();
    EXPECT_NE(bytesOf(*b), want);
    b->executable->initialize(11);
    TrainOutcome second = b->executable->train();
    EXPECT_EQ(bytesOf(*b), want);
    EXPECT_EQ(first.epochLoss, second.epochLoss);
    EXPECT_EQ(bytesOf(*a), want);
  }
}

TEST(Executable, ProgramsDoNotDisturbEachOther) {
  Options o;
  auto alone = Twin::make(digits(o)), one = Twin::make(digits(o));
  o.widths = {12};
  auto two = Twin::make(digits(o));
  ASSERT_TRUE(alone && one && two);
  std::mt19937 engine(4);
  alone->executable->initialize(2);
  one->executable->initialize(2);
  two->executable->initialize(2);
  for (int s = 0; s < 5; ++s) {
    std::vector<int32_t> rows = someRows(4, 1078, engine);
    alone->executable->step(rows);
    one->executable->step(rows);
    two->executable->step(rows);
    two->executable->score(two->planned.data->validation);
  }
  EXPECT_EQ(bytesOf(*one), bytesOf(*alone));
}

TEST(Executable, ScoringDoesNotChangeTraining) {
  Options o;
  auto a = Twin::make(digits(o)), b = Twin::make(digits(o));
  ASSERT_TRUE(a && b);
  std::mt19937 engine(4);
  a->executable->initialize(2);
  b->executable->initialize(2);
  for (int s = 0; s < 3; ++s) {
    std::vector<int32_t> rows = someRows(4, 1078, engine);
    a->executable->step(rows);
    b->executable->step(rows);
    b->executable->score(b->planned.data->test);
  }
  EXPECT_EQ(bytesOf(*a), bytesOf(*b));
}

TEST(Executable, SamplerKeepsLossesAndAges) {
  // The weights of a net that doesn't move: the table must hold each drawn row's own loss.
  Options o;
  o.lr = "1.0e-30";
  o.epochs = 1;
  o.batch = 100;
  auto twin = Twin::make(replacedProgram(digits(o), "selfopt.sampler @uniform", livingSampler));
  ASSERT_TRUE(twin);
  twin->executable->initialize(1);
  twin->executable->train();
  Tensor losses = readBuffer(*twin->executable, "losses"), age = readBuffer(*twin->executable, "age"),
         order = readBuffer(*twin->executable, "order");
  std::vector<int32_t> drawn;
  for (int64_t k = 0; k < 1078; ++k) {
    int64_t row = order.integers[k];
    EXPECT_EQ(age.floats[row], k < 1000 ? 0 : 1);
    if (k < 1000)
      drawn.push_back(int32_t(row));
    else
      EXPECT_EQ(losses.floats[row], 0);
  }
  std::vector<int32_t> unique(drawn);
  llvm::sort(unique);
  EXPECT_EQ(std::unique(unique.begin(), unique.end()) - unique.begin(), 1000);
  std::vector<int32_t> few(drawn.begin() + 5, drawn.begin() + 105);
  StepInput in = twin->inputFor(few);
  in.number = 1;
  Tensors results;
  Interpreter interpreter;
  Tensors arguments(in.parameters.begin(), in.parameters.begin() + twin->parameters);
  arguments.append({in.x, in.y});
  ASSERT_TRUE(succeeded(interpreter.call(twin->function("objective"), arguments, results)));
  for (size_t i = 0; i < few.size(); ++i)
    EXPECT_NEAR(losses.floats[few[i]], results[1].floats[i], 1e-5 * std::fabs(results[1].floats[i]) + 1e-6);
}

TEST(Executable, RowsOfNoWeightAreNotDrawn) {
  // A row that was not drawn at once has age > 0 and weight 0: the same 600 rows, epoch after epoch.
  const char *young = R"(selfopt.sampler @uniform(%loss: f32, %age: f32, %t: f32) -> f32 {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %old = arith.cmpf ogt, %age, %zero : f32
    %w = arith.select %old, %zero, %one : f32
    selfopt.return %w : f32
  })";
  Options o;
  o.epochs = 4;
  o.batch = 600;
  auto twin = Twin::make(replacedProgram(digits(o), "selfopt.sampler @uniform", young));
  ASSERT_TRUE(twin);
  twin->executable->initialize(1);
  twin->executable->train();
  Tensor age = readBuffer(*twin->executable, "age"), losses = readBuffer(*twin->executable, "losses");
  int64_t fresh = 0, old = 0;
  for (int64_t row = 0; row < 1078; ++row) {
    fresh += age.floats[row] == 0 && losses.floats[row] > 0;
    old += age.floats[row] == 4 && losses.floats[row] == 0;
  }
  EXPECT_EQ(fresh, 600);
  EXPECT_EQ(old, 478);
}

TEST(Executable, DivergenceStops) {
  Options o;
  o.lr = "1.0e+20";
  o.epochs = 5;
  auto twin = Twin::make(withOptimizer(requiring(digits(o), ""), "adam", "sgd"));
  ASSERT_TRUE(twin);
  twin->executable->initialize(1);
  TrainOutcome outcome = twin->executable->train();
  EXPECT_TRUE(outcome.diverged);
  EXPECT_EQ(outcome.reason, "diverged: the training loss was not finite");
  EXPECT_EQ(outcome.epochLoss.size(), 1u);
}

TEST(Executable, BatchLargerThanData) {
  Options o;
  o.batch = 2000;
  Listener listener;
  EXPECT_FALSE(Twin::make(digits(o)));
  EXPECT_NE(listener.text.find("expects a batch of at most the 1078 training examples, found 2000"), std::string::npos)
      << listener.text;
}

} // namespace
