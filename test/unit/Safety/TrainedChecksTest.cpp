//===- TrainedChecksTest.cpp - What a policy requires of trained weights ------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/TrainedChecks.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Reference/Predict.h"
#include "SelfOpt/Safety/Policy.h"
#include "TrainedHarness.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <fstream>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;
using namespace selfopt::test;

namespace {

Predictions predictionsOf(Twin &twin, const TrainedWeights &weights, const Split &split) {
  return *predict(*twin.spec->getOps<ModelOp>().begin(), weights.parameters, split.features, split.count);
}

std::string asking(const std::string &requirements) {
  return replaced(digits(), "    safety.require finite(@cross_entropy)",
                  requirements + "\n    safety.require finite(@cross_entropy)");
}

TEST(TrainedChecks, HoldOrAreViolatedByTheWeights) {
  auto twin = Twin::make(asking("safety.require robust(@net on validation) radius(0.5) at_least(0.1)\n"
                                "safety.require robust(@net on validation) radius(0.5) at_least(0.99)\n"
                                "safety.require class_accuracy(@net on validation) at_least(0.5)\n"
                                "safety.require class_accuracy(@net on test) at_least(1.0)\n"
                                "safety.require calibration_error(@net on train) at_most(0.5)\n"
                                "safety.require calibration_error(@net on validation) at_most(0.0)\n"));
  ASSERT_TRUE(twin);
  auto policy = Policy::fix(*twin->spec, "policy", "fit");
  ASSERT_TRUE(succeeded(policy));
  EXPECT_TRUE(asksFor(*twin->spec, "policy", Needs::Weights));
  EXPECT_FALSE(asksFor(*parse(digits()), "policy", Needs::Weights));
  // The text says nothing of them.
  for (const CheckResult &r : policy->check(*twin->spec, {}))
    if (r.needs == Needs::Weights) {
      EXPECT_EQ(r.verdict, Verdict::Unknown);
      EXPECT_EQ(r.detail, "it was not re-checked: it is of trained weights, and none were given");
    }
  twin->executable->initialize(1000);
  ASSERT_FALSE(twin->executable->train().diverged);
  TrainedWeights weights = weightsOf(*twin);
  auto results = policy->checkWeights(*twin->spec, weights);
  ASSERT_EQ(results.size(), 6u);
  for (auto [i, r] : llvm::enumerate(results)) {
    EXPECT_EQ(r.verdict, i % 2 ? Verdict::Violated : Verdict::Holds) << r.constraint << ": " << r.detail;
    EXPECT_EQ(r.engine, i < 2 ? "interval bound propagation" : "measured");
    EXPECT_EQ(r.evidence.getAsObject()->getString("weights"), StringRef(weights.digest));
  }
  EXPECT_EQ(results[0].constraint, "require robust(@net on validation) radius(0.5) at_least(0.1)");
  EXPECT_TRUE(StringRef(results[1].detail).contains(" < 0.99 (")) << results[1].detail;

  // The accuracy of the class that it names, as it is compiled.
  int64_t worst = *results[2].evidence.getAsObject()->getInteger("class");
  const Split &all = twin->planned.data->validation;
  double least = 2, named = -1;
  for (int32_t k = 0; k < 10; ++k) {
    Split some;
    for (int64_t r = 0; r < all.count; ++r)
      if (all.labels[r] == k) {
        some.features.insert(some.features.end(), &all.features[r * 64], &all.features[r * 64] + 64);
        some.labels.push_back(k);
        ++some.count;
      }
    double accuracy = twin->executable->score(some).metrics[0];
    least = std::min(least, accuracy);
    named = k == worst ? accuracy : named;
  }
  EXPECT_NEAR(named, least, 1e-6);
  auto *evidence = results[2].evidence.getAsObject();
  EXPECT_NEAR(double(*evidence->getInteger("right")) / double(*evidence->getInteger("rows")), least, 1e-6);
}

/// A probe of these rows, sealed, and what the policy requires of it.
std::string probing(const std::string &csv, const std::string &split, const std::string &requirements) {
  std::string path = ::testing::TempDir() + "selfopt-probe-" + std::to_string(std::hash<std::string>()(csv)) + ".csv";
  std::ofstream(path) << csv;
  std::string text = replaced(asking(requirements), "safety.seal @digits,", "safety.seal @probe, @digits,");
  return replaced(text, "  // Loop 1, architecture.\n",
                  "  selfopt.dataset @probe from csv(\"" + path +
                      "\") features(tensor<64xf32> in [0.0, 16.0]) "
                      "label(i32 in [0, 9]) split(" +
                      split + ", seed = 0)\n");
}

TEST(TrainedChecks, AgreementCountsTheRowsThatSayTheSame) {
  // The answers of one net of the digits.
  auto twin = trainedTwin(digits());
  ASSERT_TRUE(twin);
  TrainedWeights weights = weightsOf(*twin);
  const Split &split = twin->planned.data->test;
  Predictions points = predictionsOf(*twin, weights, split);
  std::vector<std::string> rows;
  for (int64_t r = 0; r < split.count; ++r) {
    std::string row;
    for (int64_t i = 0; i < 64; ++i)
      row += std::to_string(split.features[r * 64 + i]) + ",";
    rows.push_back(row + std::to_string(points.answer(r).first) + "\n");
  }
  auto ask = [&](const std::vector<std::string> &rows, const TrainedWeights &weights, const char *atLeast,
                 const std::string &parts = "train = 0, validation = 0, test = 1") -> CheckResult {
    auto spec = parse(probing(llvm::join(rows, ""), parts,
                              std::string("safety.require agreement(@net on @probe::test) "
                                          "at_least(") +
                                  atLeast + ")"));
    auto policy = spec ? Policy::fix(*spec, "policy", "fit") : FailureOr<Policy>(failure());
    if (failed(policy)) {
      ADD_FAILURE() << "can't be fixed";
      return {"", Verdict::Unknown, "", UnknownLoc::get(&context())};
    }
    return policy->checkWeights(*spec, weights)[0];
  };
  CheckResult same = ask(rows, weights, "1.0");
  EXPECT_EQ(same.verdict, Verdict::Holds);
  EXPECT_EQ(same.constraint, "require agreement(@net on @probe::test) at_least(1.0) within(0.0)");
  EXPECT_EQ(same.detail, "1.0 >= 1.0 (360 of 360 examples)");
  EXPECT_EQ(same.engine, "measured");
  EXPECT_EQ(same.evidence.getAsObject()->getInteger("same"), 360);
  EXPECT_EQ(same.evidence.getAsObject()->getString("weights"), StringRef(weights.digest));
  // A label that is flipped is a row that differs: at the bound it holds, above it doesn't.
  std::vector<std::string> flipped = rows;
  char &label = flipped[17][flipped[17].size() - 2];
  label = label == '3' ? '4' : '3';
  EXPECT_EQ(ask(flipped, weights, "1.0").detail, "0.9972 < 1.0 (359 of 360 examples)");
  EXPECT_EQ(ask(flipped, weights, "0.9972222222222222").verdict, Verdict::Holds);
  EXPECT_EQ(ask(flipped, weights, "0.9972222222222223").verdict, Verdict::Violated);
  // Another seed says other things.
  twin->executable->initialize(2000);
  ASSERT_FALSE(twin->executable->train().diverged);
  CheckResult other = ask(rows, weightsOf(*twin), "1.0");
  EXPECT_EQ(other.verdict, Verdict::Violated);
  EXPECT_GT(other.evidence.getAsObject()->getInteger("same").value_or(0), 324) << other.detail;
  // Scores that are no numbers agree with nobody, and without rows nothing was measured.
  TrainedWeights broken = weights;
  broken.parameters.back()[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(ask(rows, broken, "0.1").detail, "0.0 < 0.1 (0 of 360 examples)");
  CheckResult none = ask(rows, weights, "0.0", "train = 1, validation = 0, test = 0");
  EXPECT_EQ(none.verdict, Verdict::Unknown);
  EXPECT_EQ(none.detail, "@probe has no examples to test");
}

TEST(TrainedChecks, AgreementOfARegressionIsWithinADistance) {
  std::string diabetes = readExample("diabetes.mlir");
  auto twin = trainedTwin(diabetes);
  ASSERT_TRUE(twin);
  TrainedWeights weights = weightsOf(*twin);
  const Split &split = twin->planned.data->test;
  Predictions points = predictionsOf(*twin, weights, split);
  // What it says of each row, but of the first, where the incumbent said some two more.
  std::string csv;
  double off = 0;
  for (int64_t r = 0; r < split.count; ++r) {
    float says = float(points.score(r, 0)), wanted = r ? says : says + 2;
    off = std::max(off, std::fabs(double(says) - double(wanted)));
    for (int64_t i = 0; i < 10; ++i)
      csv += llvm::formatv("{0:f9},", double(split.features[r * 10 + i])).str();
    csv += llvm::formatv("{0:f9}\n", double(wanted)).str();
  }
  std::string path = ::testing::TempDir() + "selfopt-probe-regression.csv";
  std::ofstream(path) << csv;
  auto ask = [&](const char *share, double within) {
    std::string text = replaced(diabetes, "    safety.seal @diabetes",
                                "    safety.require agreement(@net on @probe::test) at_least(" + std::string(share) +
                                    ") within(" + formatDouble(within) + ")\n    safety.seal @probe, @diabetes");
    size_t model = text.find("  selfopt.model");
    text.insert(model,
                "  selfopt.dataset @probe from csv(\"" + path +
                    "\") features(tensor<10xf32> in [-400, 400]) "
                    "target(tensor<1xf32> in [-1000, 1000]) split(train = 0, validation = 0, test = 1, seed = 0)\n");
    auto spec = parse(text);
    auto policy = spec ? Policy::fix(*spec, "policy", "fit") : FailureOr<Policy>(failure());
    if (failed(policy))
      return std::string("can't be fixed");
    CheckResult result = policy->checkWeights(*spec, weights)[0];
    return (stringifyVerdict(result.verdict) + ": " + result.detail).str();
  };
  std::string rows = std::to_string(split.count), but = std::to_string(split.count - 1);
  ASSERT_GT(off, 1.9);
  EXPECT_EQ(ask("1.0", off), "holds: 1.0 >= 1.0 (" + rows + " of " + rows + " examples)");
  std::string nearly = ask("1.0", std::nextafter(off, 0));
  EXPECT_NE(nearly.find("violated: "), std::string::npos) << nearly;
  EXPECT_NE(nearly.find(" < 1.0 (" + but + " of " + rows), std::string::npos) << nearly;
  EXPECT_NE(ask("0.9", 0).find("holds: "), std::string::npos);
}

TEST(TrainedChecks, AreUnknownWithAReason) {
  auto detail = [](const std::string &text, bool fits = true) -> std::string {
    auto spec = parse(text);
    if (!spec)
      return "does not parse";
    auto policy = Policy::fix(*spec, "policy", "fit");
    if (failed(policy))
      return "can't be fixed";
    TrainedWeights weights;
    for (const ParameterSpec &p : ProgramParameters::of((*spec->getOps<ModelOp>().begin()).getBody().front()).specs)
      weights.parameters.emplace_back(p.type.getNumElements());
    if (!fits)
      weights.parameters.pop_back();
    auto results = policy->checkWeights(*spec, weights);
    if (results.size() != 1 || results[0].verdict != Verdict::Unknown)
      return "is known";
    return results[0].detail;
  };
  std::string robust = asking("safety.require robust(@net on validation) radius(0.5) at_least(0.1)");
  EXPECT_EQ(detail(robust, false), "expected the weights of this model, found those of another one");
  EXPECT_EQ(detail(asking("safety.require robust(@digits on validation) radius(0.5) at_least(0.1)")),
            "@digits is not the model that @fit trains");
  std::string odd = replaced(robust, "%a = nn.activation relu %h : tensor<32xf32>",
                             "%i = arith.fptosi %h : tensor<32xf32> to tensor<32xi32>\n"
                             "%a = arith.sitofp %i : tensor<32xi32> to tensor<32xf32>");
  EXPECT_EQ(detail(odd), "interval bound propagation has no rule for arith.fptosi");
}

} // namespace
