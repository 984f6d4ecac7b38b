//===- PolicyTest.cpp - What a policy holds, refuses and can't decide ---------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PolicyHarness.h"
#include "SelfOpt/Safety/PolicyResults.h"
#include <filesystem>
#include <fstream>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

/// Why `fix` refuses.
std::string refusal(const std::string &text) {
  Listener listener;
  auto spec = parse(text);
  if (!spec)
    return "does not parse: " + listener.text;
  if (succeeded(Policy::fix(*spec, "policy", "fit")))
    return "";
  return listener.text;
}

/// A candidate with another environment is refused; what is remembered of its reward is not said of that environment. Of
/// the policy's own spec, what a reward is worth there.
TEST(Policy, RewardsAreJudgedWhereTheyWereSealed) {
  auto spec = [](const char *done, const char *bonus) {
    return std::string(R"(
      selfopt.environment @task(%s: i32, %a: i32) -> (i32, f32, i1) states(3) actions(2) discount(0.5) {
        %three = arith.constant 3 : i32
        %to = arith.addi %s, %a : i32
        %next = arith.remui %to, %three : i32
        %r = arith.sitofp %next : i32 to f32
        %d = arith.constant )") +
           done + R"(
        selfopt.return %next, %r, %d : i32, f32, i1
      }
      selfopt.reward @bonus(%s: i32, %a: i32, %n: i32) -> f32 environment(@task) {
        %f = arith.constant )" +
           bonus + R"( : f32
        selfopt.return %f : f32
      }
      safety.policy @policy {
        safety.seal @task, @policy
        safety.require potential_based(@bonus)
      })";
  };
  // A constant is a potential's difference where nothing ends, and another's where everything does at once.
  auto own = parse(spec("false", "0.0")), other = parse(spec("true", "1.0")), same = parse(spec("false", "1.0"));
  auto policy = Policy::fix(*own, "policy", "");
  ASSERT_TRUE(succeeded(policy));
  for (int again = 0; again < 2; ++again) {
    auto refused = policy->check(*other, {}), held = policy->check(*same, {});
    expectResult(held, "seal @task @policy", Verdict::Holds, "2 digests are equal");
    ASSERT_EQ(refused.size(), 2u);
    EXPECT_EQ(refused[0].verdict, Verdict::Violated);
    // Where everything ends it would be -1.
    for (const CheckResult &result : {refused[1], held[1]}) {
      EXPECT_EQ(result.verdict, Verdict::Holds) << result.detail;
      EXPECT_NE(result.detail.find("a potential in [-2, -2]"), std::string::npos) << result.detail;
    }
  }
}

TEST(Policy, StartHolds) {
  auto results = check(digits(), digits());
  std::string reason;
  EXPECT_TRUE(allHold(results, &reason)) << reason;
  ASSERT_EQ(results.size(), 10u);
  expectResult(results, "seal @digits @accuracy @policy @search", Verdict::Holds, "4 digests are equal");
  expectResult(results, "range @fit \"lr\" in [1.0e-05, 0.1]", Verdict::Holds, "lr is 0.001");
  expectResult(results, "limit parameters <= 20000", Verdict::Holds, "2410 <= 20000");
  expectResult(results, "limit flops_per_example <= 200000", Verdict::Holds, "4810 <= 200000");
  expectResult(results, "limit train_flops <= 20000000000", Verdict::Holds, "304761600 <= 20000000000");
  expectResult(results, "limit memory <= 67108864", Verdict::Holds, "83328 <= 67108864");
  for (const CheckResult &r : results)
    EXPECT_FALSE(r.detail.empty()) << r.constraint;
}

TEST(Policy, Range) {
  const char *lr = "range @fit \"lr\" in [1.0e-05, 0.1]";
  auto with = [&](const char *value) { return check(digits(), replaced(digits(), "lr = 1.0e-3", value)); };
  expectResult(with("lr = 0.2"), lr, Verdict::Violated, "lr is 0.2, outside");
  expectResult(with("lr = 1.0e-6"), lr, Verdict::Violated, "lr is 1.0e-06, outside");
  expectResult(with("lr = 0.1"), lr, Verdict::Holds, "lr is 0.1");
  expectResult(with("lr = 1.0e-5"), lr, Verdict::Holds, "lr is 1.0e-05");
  for (auto [batch, inside] : {std::pair(7, false), {8, true}, {256, true}, {257, false}}) {
    auto results = check(digits(), replaced(digits(), "batch = 32", "batch = " + std::to_string(batch)));
    for (const CheckResult &r : results)
      if (StringRef(r.constraint).starts_with("range @fit \"batch\"")) {
        EXPECT_EQ(r.verdict, inside ? Verdict::Holds : Verdict::Violated);
        EXPECT_TRUE(StringRef(r.detail).starts_with("batch is " + std::to_string(batch))) << r.detail;
      }
  }
}

TEST(Policy, Limits) {
  std::string tight = replaced(replaced(replaced(replaced(digits(), "parameters <= 20000", "parameters <= 2409"),
                                                 "flops_per_example <= 200000", "flops_per_example <= 4809"),
                                        "train_flops <= 2.0e10", "train_flops <= 304761599"),
                               "memory <= 67108864", "memory <= 83327");
  auto results = check(tight, tight);
  expectResult(results, "limit parameters <= 2409", Verdict::Violated, "2410 > 2409");
  expectResult(results, "limit flops_per_example <= 4809", Verdict::Violated, "4810 > 4809");
  expectResult(results, "limit train_flops <= 304761599", Verdict::Violated, "304761600 > 304761599");
  expectResult(results, "limit memory <= 83327", Verdict::Violated, "83328 > 83327");
  std::string reason;
  EXPECT_FALSE(allHold(results, &reason));
  EXPECT_EQ(reason, "violated limit parameters <= 2409: 2410 > 2409");
  std::string exact = replaced(tight, "parameters <= 2409", "parameters <= 2410");
  expectResult(check(exact, exact), "limit parameters <= 2410", Verdict::Holds, "2410 <= 2410");
  // Not planned: not known.
  expectResult(check(digits(), digits(), std::nullopt), "limit memory <= 67108864", Verdict::Unknown,
               "the program has not been planned");
}

TEST(Policy, ProofsSayByWhat) {
  std::string text = replaced(digits(), "    safety.limit parameters <= 20000\n",
                              "    safety.require finite(@cross_entropy)\n    safety.require aligned(@cross_entropy)\n");
  auto results = check(text, text);
  for (const CheckResult &r : results)
    if (r.constraint == "require aligned(@cross_entropy) domain(100.0) until(1.0)") {
      EXPECT_EQ(r.verdict, Verdict::Holds);
      EXPECT_EQ(r.engine, "intervals");
      ASSERT_TRUE(r.evidence.getAsObject());
      EXPECT_EQ(r.evidence.getAsObject()->getInteger("boxes"), 1);
      EXPECT_EQ(r.evidence.getAsObject()->getBoolean("symmetric"), true);
    }
  expectResult(results, "require finite(@cross_entropy) domain(100.0)", Verdict::Holds,
               "every value is finite, the result in [-0.0, 202.1974334716797]");
  EXPECT_TRUE(allHold(results));
}

TEST(Policy, JsonSaysTheSame) {
  auto results = check(digits(), digits());
  llvm::json::Array array = toJson(results);
  ASSERT_EQ(array.size(), results.size());
  for (auto [json, r] : llvm::zip(array, results)) {
    EXPECT_EQ(json.getAsObject()->getString("constraint")->str(), r.constraint);
    EXPECT_EQ(json.getAsObject()->getString("verdict")->str(), "holds");
    EXPECT_EQ(json.getAsObject()->getString("detail")->str(), r.detail);
  }
}

//===--- Seals --------------------------------------------------------------===//

/// The witness of the seal, when `candidate` stands in for the example.
std::string sealWitness(const std::string &candidate) {
  for (const CheckResult &r : check(digits(), candidate))
    if (StringRef(r.constraint).starts_with("seal"))
      return (stringifyVerdict(r.verdict) + ": " + r.detail).str();
  return "no seal";
}

TEST(Seal, EditsAreSeen) {
  struct {
    const char *from, *to, *symbol;
  } edits[] = {
      {"arith.cmpi eq, %best, %label", "arith.cmpi ne, %best, %label", "accuracy"},
      {"nn.argmax %logits : i32\n", "nn.argmax %logits : i32\n    %unused = arith.constant 1.0 : f32\n", "accuracy"},
      {"split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)",
       "split(train = 0.6, validation = 0.2, test = 0.2, seed = 1)", "digits"},
      {"label(i32 in [0, 9])", "label(i32 in [0, 10])", "digits"},
      {"parameters <= 20000", "parameters <= 20001", "policy"},
      {"in [8, 256]", "in [1, 256]", "policy"},
      {"    safety.limit memory <= 67108864\n", "", "policy"},
      {"budget(candidates = 500)", "budget(candidates = 501)", "search"},
      {"on validation) minimize(parameters)", "on validation)", "search"},
      {"policy(@policy) seed(1)", "policy(@policy) seed(2)", "search"},
  };
  for (auto &edit : edits) {
    std::string found = sealWitness(replaced(digits(), edit.from, edit.to));
    EXPECT_TRUE(StringRef(found).starts_with(std::string("violated: @") + edit.symbol + " changed: digest "))
        << edit.to << ": " << found;
    EXPECT_NE(found.find(", sealed as "), std::string::npos) << found;
  }
}

TEST(Seal, WhatMayChangeMayChange) {
  for (auto [from, to] : {std::pair("nn.activation relu", "nn.activation tanh"),
                          {"lr = 1.0e-3", "lr = 2.0e-3"},
                          {"%n  = arith.negf %l", "%n  = math.absf %l"},
                          {"// What judges. Never rewritten.", "// Another comment."}})
    EXPECT_EQ(sealWitness(replaced(digits(), from, to)), "holds: 4 digests are equal") << to;
}

TEST(Seal, GoneSymbol) {
  // Renamed with all that names it, so that the candidate still parses.
  std::string text = digits();
  for (size_t at; (at = text.find("@accuracy")) != std::string::npos;)
    text.replace(at, 9, "@precise");
  EXPECT_EQ(sealWitness(text), "violated: @accuracy is gone");
}

TEST(Seal, AnotherPolicy) {
  std::string text = digits();
  for (size_t at; (at = text.find("@policy")) != std::string::npos;)
    text.replace(at, 7, "@lenient");
  auto results = check(digits(), text);
  ASSERT_EQ(results.size(), 1u);
  expectResult(results, "policy @policy", Verdict::Violated, "the candidate has no such policy");
}

TEST(Seal, RemovedFromTheCandidate) {
  // The seal belongs to the spec that the policy was fixed on; a candidate without it has changed what is sealed.
  for (const char *rest : {"parameters <= 20000", "parameters <= 9000000"}) {
    std::string text = replaced(replaced(digits(), "    safety.seal @digits, @accuracy, @policy, @search\n", ""),
                                "parameters <= 20000", rest);
    EXPECT_FALSE(allHold(check(digits(), text))) << rest;
  }
  EXPECT_FALSE(allHold(check(digits(), replacedProgram(digits(), "safety.policy @policy", "safety.policy @policy {\n  }"))));
}

TEST(Seal, BytesOnDisk) {
  namespace fs = std::filesystem;
  fs::path root = fs::path(::testing::TempDir()) / "selfopt-policy-test";
  const char *spec = R"(
    selfopt.dataset @points from csv("points.csv") features(tensor<2xf32> in [0.0, 9.0]) label(i32 in [0, 1])
        split(train = 0.5, validation = 0.25, test = 0.25, seed = 0))";
  auto digestIn = [&](const char *folder, const char *content) {
    fs::create_directories(root / folder);
    std::ofstream(root / folder / "points.csv") << content;
    auto module = parseSourceString<ModuleOp>(spec, ParserConfig(&context()), (root / folder / "spec.mlir").string());
    auto digest = sealDigest(*module, "points");
    return succeeded(digest) ? *digest : std::string("failed");
  };
  std::string base = "1,2,0\n3,4,1\n5,6,0\n7,8,1\n";
  std::string a = digestIn("a", base.c_str());
  EXPECT_EQ(a.size(), 64u);
  EXPECT_EQ(digestIn("b", base.c_str()), a); // wherever it lies
  EXPECT_NE(digestIn("c", "1,2,0\n3,4,1\n5,6,0\n7,8,0\n"), a);
  EXPECT_NE(digestIn("d", "1,2,0\n3,4,1\n5,6,0\n7,8,1\n\n"), a);
  Listener listener;
  auto missing = parseSourceString<ModuleOp>(spec, ParserConfig(&context()), (root / "nowhere/spec.mlir").string());
  EXPECT_TRUE(failed(sealDigest(*missing, "points")));
  EXPECT_FALSE(listener.text.empty());
  fs::remove_all(root);
}

//===--- Flow ---------------------------------------------------------------===//

/// A spec that trains on `data`, with a second dataset beside the sealed one.
std::string trainingOn(const std::string &data, const std::string &other = "") {
  std::string text = replaced(digits(), "data(@digits)", "data(" + data + ")");
  if (other.empty())
    return text;
  text = replaced(text, "  // Loop 1, architecture.\n", "  " + other + "\n");
  return replaced(text, "safety.seal @digits,", "safety.seal @digits, @other,");
}
std::string dataset(const std::string &split) {
  return "selfopt.dataset @other from csv(\"digits.csv.gz\") features(tensor<64xf32> in [0.0, 16.0]) "
         "label(i32 in [0, 9]) split(" +
         split + ")";
}
const char *flow = "require no_flow(@digits::test -> @fit)";

TEST(Flow, OwnSplits) {
  expectResult(check(digits(), digits()), flow, Verdict::Holds, "7 symbols reached, none reads it");
  std::string test = trainingOn("@digits::test");
  expectResult(check(test, test), flow, Verdict::Violated, "@fit -> @digits::test is that split");
  std::string validation = trainingOn("@digits::validation");
  for (const CheckResult &r : check(validation, validation))
    if (r.constraint == flow)
      EXPECT_EQ(r.verdict, Verdict::Holds) << r.detail;
  // Without a split all of it is meant.
  std::string all = replaced(digits(), "no_flow(@digits::test -> @fit)", "no_flow(@digits -> @fit)");
  expectResult(check(all, all), "require no_flow(@digits -> @fit)", Verdict::Violated,
               "@fit -> @digits::train is that split");
}

TEST(Flow, ThroughAnotherDataset) {
  // The same file, cut elsewhere: training sees rows that the first one keeps for the test.
  std::string shifted = trainingOn("@other", dataset("train = 0.6, validation = 0.2, test = 0.2, seed = 1"));
  bool seen = false;
  for (const CheckResult &r : check(shifted, shifted))
    if (r.constraint == flow) {
      seen = true;
      EXPECT_EQ(r.verdict, Verdict::Violated);
      StringRef detail = r.detail;
      ASSERT_TRUE(detail.consume_front("@fit -> @other::train holds row ")) << r.detail;
      int32_t row;
      ASSERT_FALSE(detail.consumeInteger(10, row)) << r.detail;
      EXPECT_EQ(detail, " of its test split");
      // The row is one of both, indeed.
      auto spec = parse(shifted);
      auto a = loadDataset(spec->lookupSymbol<DatasetOp>("digits"), {}), b = loadDataset(spec->lookupSymbol<DatasetOp>("other"), {});
      ASSERT_TRUE(succeeded(a) && succeeded(b));
      EXPECT_TRUE(llvm::is_contained((*a)->test.rows, row));
      EXPECT_TRUE(llvm::is_contained((*b)->train.rows, row));
    }
  EXPECT_TRUE(seen);
  // The passing twin: the same cut under another name.
  std::string same = trainingOn("@other", dataset("train = 0.6, validation = 0.2, test = 0.2, seed = 0"));
  for (const CheckResult &r : check(same, same))
    if (r.constraint == flow)
      EXPECT_EQ(r.verdict, Verdict::Holds) << r.detail;
  // And its test part is the test part.
  std::string test = trainingOn("@other::test", dataset("train = 0.6, validation = 0.2, test = 0.2, seed = 0"));
  for (const CheckResult &r : check(test, test))
    if (r.constraint == flow)
      EXPECT_EQ(r.verdict, Verdict::Violated) << r.detail;
}

//===--- What can't be fixed ------------------------------------------------===//

TEST(Fix, Refusals) {
  EXPECT_EQ(refusal(digits()), "");
  auto contains = [](const std::string &text, const char *part) {
    std::string why = refusal(text);
    EXPECT_NE(why.find(part), std::string::npos) << why;
  };
  // Neither sealed nor mutable.
  contains(replaced(digits(), "architecture(@net), ", ""), "is neither sealed nor mutable");
  contains(replaced(digits(), "pipeline(@fit, @adam, @cosine, @uniform)", "pipeline(@fit, @adam, @uniform)"),
           "is neither sealed nor mutable");
  // Both.
  contains(replaced(digits(), "safety.seal @digits,", "safety.seal @digits, @net,"),
           "mutates @net, which @policy seals");
  // A judge that is not sealed.
  contains(replaced(digits(), "safety.seal @digits, @accuracy,", "safety.seal @digits,"),
           "does not seal @accuracy, which judges @search");
  contains(replaced(digits(), "@accuracy, @policy, @search", "@accuracy, @search"),
           "does not seal @policy, which judges @search");
  contains(replaced(digits(), "@accuracy, @policy, @search", "@accuracy, @policy"),
           "does not seal @search, which judges @search");
  // The data that decides, neither sealed nor mutable.
  contains(replaced(digits(), "safety.seal @digits, ", "safety.seal "), "is neither sealed nor mutable");
  // A sealed dataset that can't be read.
  contains(replaced(digits(), "csv(\"digits.csv.gz\")", "csv(\"no-such-file.csv\")"), "can't seal @digits");
  Listener listener;
  auto spec = parse(digits());
  EXPECT_TRUE(failed(Policy::fix(*spec, "nothing", "fit")));
  EXPECT_NE(listener.text.find("expects a safety.policy @nothing, found none"), std::string::npos);
}

TEST(Policy, WhatIsSealedMustNotEvenBeWrittenOtherwise) {
  // Equal to the canonical digest, and to every score: still not what was sealed.
  auto of = [](const std::string &candidate) {
    auto results = check(digits(), candidate);
    return results.empty() ? std::pair<std::string, std::string>()
                           : std::pair(stringifyVerdict(results[0].verdict).str(), results[0].detail);
  };
  EXPECT_EQ(of(digits()), std::pair(std::string("holds"), std::string("4 digests are equal")));
  auto [verdict, detail] = of(replaced(digits(), "arith.cmpi eq, %best, %label", "arith.cmpi eq, %label, %best"));
  EXPECT_EQ(verdict, "violated");
  EXPECT_EQ(detail.substr(0, 26), "@accuracy changed: digest ");
  // What it does not seal may change.
  EXPECT_EQ(of(replaced(digits(), "init(he_normal)", "init(zeros)")).first, "holds");
}

} // namespace
