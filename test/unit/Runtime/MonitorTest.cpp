//===- MonitorTest.cpp - Runs that leave what their proofs assume -===//
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

/// A run from seed 1 to its end.
TrainOutcome trained(Twin &twin) {
  twin.executable->initialize(1);
  return twin.executable->train();
}

/// The results of a function of the program for the first batch of the epoch, at the parameters as they are.
Tensors interpretBatch(Twin &twin, StringRef role) {
  std::vector<int32_t> rows;
  for (int64_t row : readBuffer(*twin.executable, "order").integers)
    if (int64_t(rows.size()) < twin.batch)
      rows.push_back(int32_t(row));
  StepInput in = twin.inputFor(rows);
  Tensors arguments(in.parameters.begin(), in.parameters.begin() + twin.parameters), results;
  arguments.append({in.x, in.y});
  Interpreter interpreter;
  EXPECT_TRUE(succeeded(interpreter.call(twin.function(role), arguments, results)));
  return results;
}

/// The number of `reason`, which must be "left its domain: WHAT NUMBER > BOUND at step STEP".
double leftWith(const std::string &reason, const std::string &what, const std::string &behind) {
  StringRef text = reason;
  double value = NAN;
  EXPECT_TRUE(text.consume_front("left its domain: " + what + " ") && text.consume_back(" > " + behind) &&
              !text.getAsDouble(value))
      << reason;
  return value;
}

TEST(Monitor, GradientOutsideItsBoundEndsTheRun) {
  Options o;
  o.widths = {7, 5};
  for (const char *rule : {"adam", "sgd", "lion"}) {
    SCOPED_TRACE(rule);
    std::string text = digits(o);
    if (StringRef(rule) != "adam")
      text = withOptimizer(text, "adam", rule);
    auto plain = Twin::make(requiring(text, "")),
         kept = Twin::make(requiring(text, "    safety.require finite_state(@adam)")),
         left = Twin::make(requiring(text, "    safety.require bounded_step(@adam) gradient(0.001) at_most(1.0)"));
    ASSERT_TRUE(plain && kept && left);
    TrainOutcome want = trained(*plain), same = trained(*kept), outcome = trained(*left);
    EXPECT_FALSE(same.diverged) << same.reason;
    EXPECT_EQ(same.reason, "");
    EXPECT_EQ(same.epochLoss, want.epochLoss);
    EXPECT_EQ(bytesOf(*kept), bytesOf(*plain)) << "who is watched learns the same";
    EXPECT_TRUE(outcome.diverged);
    EXPECT_EQ(outcome.steps, 1);
    EXPECT_TRUE(outcome.epochLoss.empty());
    // Nothing has been learnt from that gradient.
    double largest = 0;
    Tensors results = interpretBatch(*left, "objective.gradient");
    for (const Tensor &gradient : llvm::drop_begin(results, 2))
      largest = std::max(largest, magnitude(gradient));
    EXPECT_NEAR(leftWith(outcome.reason, "gradient", "0.001 at step 1"), largest, 1e-4 * largest);
  }
}

TEST(Monitor, PredictionOutsideItsBoundEndsTheRun) {
  Options o;
  o.widths = {7};
  auto plain = Twin::make(requiring(digits(o), "")),
       kept = Twin::make(requiring(digits(o), "    safety.require finite(@cross_entropy) domain(1000.0)")),
       // The least bound counts.
      left = Twin::make(requiring(digits(o), "    safety.require aligned(@cross_entropy) domain(0.001)\n"
                                             "    safety.require finite(@cross_entropy) domain(100.0)"));
  ASSERT_TRUE(plain && kept && left);
  TrainOutcome want = trained(*plain), same = trained(*kept), outcome = trained(*left);
  EXPECT_EQ(same.reason, "");
  EXPECT_EQ(same.epochLoss, want.epochLoss);
  EXPECT_EQ(bytesOf(*kept), bytesOf(*plain));
  EXPECT_EQ(kept->planned.arenaBytes, plain->planned.arenaBytes) << "logits have a buffer anyway";
  EXPECT_TRUE(outcome.diverged);
  double largest = magnitude(interpretBatch(*left, "objective")[2]);
  EXPECT_NEAR(leftWith(outcome.reason, "prediction", "0.001 at step 1"), largest, 1e-4 * largest);
  // Of a regression the prediction goes straight into a difference.
  Options d;
  d.lr = "1.0e-8";
  auto near = Twin::make(requiring(diabetes(d), "    safety.require finite(@squared_error) domain(1000.0)")),
       far = Twin::make(requiring(diabetes(d), "    safety.require finite(@squared_error) domain(0.0001)"));
  ASSERT_TRUE(near && far);
  EXPECT_EQ(trained(*near).reason, "");
  outcome = trained(*far);
  largest = magnitude(interpretBatch(*far, "objective")[2]);
  EXPECT_NEAR(leftWith(outcome.reason, "prediction", "0.0001 at step 1"), largest, 1e-4 * largest);
}

TEST(Monitor, WeightOutsideItsBoundEndsTheRun) {
  Options o;
  o.lr = "1.0e+6"; // the sizes of gradients that Adam does not look at
  // Of a schedule, the rate would be looked at first.
  auto left = Twin::make(requiring(replaced(digits(o), " schedule(@cosine)", ""), "    safety.require finite_state(@adam) gradient(1.0e+30)"));
  ASSERT_TRUE(left);
  TrainOutcome outcome = trained(*left);
  EXPECT_TRUE(outcome.diverged);
  double largest = 0;
  for (int64_t i = 0; i < left->parameters; ++i)
    largest = std::max(largest, magnitude(readBuffer(*left->executable, left->names[i])));
  EXPECT_EQ(float(leftWith(outcome.reason, "weight", "1000000 at step 269")), float(largest)) << "after an epoch";
  o.lr = "1.0e-3";
  auto kept = Twin::make(requiring(digits(o), "    safety.require finite_state(@adam) gradient(1.0e+30)"));
  ASSERT_TRUE(kept);
  EXPECT_EQ(trained(*kept).reason, "");
}

TEST(Monitor, NotANumberIsOutside) {
  for (auto [constraint, reason] : {std::pair("finite(@cross_entropy)", "left its domain: prediction nan at step 1"),
                                    std::pair("finite_state(@adam)", "left its domain: gradient nan at step 1")}) {
    Options o;
    auto twin = Twin::make(requiring(digits(o), std::string("    safety.require ") + constraint));
    ASSERT_TRUE(twin);
    twin->executable->initialize(1);
    // The last element of a bias: one that a vector's rest holds.
    float *bias = static_cast<float *>(twin->executable->lookup("parameter.3"));
    bias[9] = NAN;
    EXPECT_EQ(twin->executable->train().reason, reason);
    EXPECT_EQ(trained(*twin).reason, "") << "a fresh run";
  }
}

TEST(Monitor, LeavesWhereItWouldWithoutAPause) {
  Options o;
  o.widths = {32};
  o.batch = 32;
  o.epochs = 20;
  // Logits grow while training: the bound that is passed late enough.
  for (const char *bound : {"10.0", "12.0", "14.0", "16.0"}) {
    std::string text =
        requiring(digits(o), std::string("    safety.require finite(@cross_entropy) domain(") + bound + ")");
    auto whole = Twin::make(text), paused = Twin::make(text);
    ASSERT_TRUE(whole && paused);
    TrainOutcome want = trained(*whole);
    if (want.epochLoss.size() < 2 || !want.diverged)
      continue;
    std::string plan = planDigest(paused->planned);
    paused->executable->initialize(1);
    EXPECT_FALSE(paused->executable->train(1).diverged);
    Checkpoint checkpoint = paused->executable->pause(plan);
    paused->executable->initialize(7);
    paused->executable->resume(checkpoint, plan);
    TrainOutcome outcome = paused->executable->train();
    EXPECT_EQ(outcome.reason, want.reason);
    EXPECT_EQ(outcome.epochLoss, want.epochLoss);
    EXPECT_EQ(outcome.steps, want.steps);
    EXPECT_EQ(bytesOf(*paused), bytesOf(*whole));
    return;
  }
  FAIL() << "no bound was passed behind the first epoch";
}

TEST(Monitor, WatchesWhatThePolicyAssumes) {
  auto watched = [](const std::string &constraints) {
    Options o;
    auto twin = Twin::make(requiring(digits(o), constraints));
    std::map<std::string, int64_t> elements;
    if (twin)
      twin->planned.module->walk([&](plan::MonitorOp op) {
        if (op->getParentOfType<plan::RepeatOp>())
          elements[op.getWhat().str()] += cast<MemRefType>(op.getBuffer().getType()).getNumElements();
      });
    return elements;
  };
  std::map<std::string, int64_t> nothing, predictions{{"prediction", 40}}, updates{{"gradient", 385}, {"weight", 385}, {"learning rate", 1}};
  EXPECT_EQ(watched(""), nothing);
  EXPECT_EQ(watched("    safety.require proper(@cross_entropy)\n    safety.require no_flow(@digits::test -> @fit)\n"
                    "    safety.require finite(@cosine)"),
            nothing);
  EXPECT_EQ(watched("    safety.require monotone(@cross_entropy)"), predictions);
  EXPECT_EQ(watched("    safety.require bounded_step(@adam) at_most(7.3)"), updates);
}

} // namespace
