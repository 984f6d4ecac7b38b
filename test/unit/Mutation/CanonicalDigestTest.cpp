//===- CanonicalDigestTest.cpp - Which specs are the same -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Specs.h"
#include "gtest/gtest.h"
#include <chrono>
#include <map>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

std::string digestOf(StringRef text) {
  OwningOpRef<ModuleOp> spec = parse(text);
  if (!spec) {
    ADD_FAILURE() << "does not parse: " << text.str();
    return "";
  }
  std::string before = printSpec(*spec), digest = canonicalDigest(*spec);
  EXPECT_EQ(printSpec(*spec), before) << "the digest changed the spec";
  EXPECT_EQ(digest.size(), 64u);
  return digest;
}

/// A schedule with this body, which returns %r.
std::string schedule(const std::string &body) {
  return digestOf("selfopt.schedule @s(%t: f32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}");
}
std::string model(const std::string &body) {
  return digestOf("selfopt.model @m(%x: tensor<4xf32>) -> tensor<4xf32> {\n" + body +
                  "\nselfopt.return %r : tensor<4xf32>\n}");
}

const std::string base = R"(
  %a = arith.constant 0.25 : f32
  %b = arith.mulf %a, %t : f32
  %c = math.exp %t : f32
  %r = arith.addf %b, %c : f32)";

TEST(CanonicalDigest, NamesOfValues) {
  EXPECT_EQ(schedule(base), schedule(R"(
    %quarter = arith.constant 0.25 : f32
    %1 = arith.mulf %quarter, %t : f32
    %2 = math.exp %t : f32
    %r = arith.addf %1, %2 : f32)"));
}
TEST(CanonicalDigest, OrderOfIndependentOps) {
  EXPECT_EQ(schedule(base), schedule(R"(
    %c = math.exp %t : f32
    %a = arith.constant 0.25 : f32
    %b = arith.mulf %a, %t : f32
    %r = arith.addf %b, %c : f32)"));
}
TEST(CanonicalDigest, CommutativeOperands) {
  EXPECT_EQ(schedule(base), schedule(R"(
    %a = arith.constant 0.25 : f32
    %b = arith.mulf %t, %a : f32
    %c = math.exp %t : f32
    %r = arith.addf %c, %b : f32)"));
  EXPECT_NE(schedule("%e = math.exp %t : f32\n%r = arith.subf %t, %e : f32"),
            schedule("%e = math.exp %t : f32\n%r = arith.subf %e, %t : f32"));
}
TEST(CanonicalDigest, DeadAndCommonCode) {
  EXPECT_EQ(schedule(base), schedule(R"(
    %dead = math.log %t : f32
    %a = arith.constant 0.25 : f32
    %a2 = arith.constant 0.25 : f32
    %b = arith.mulf %a2, %t : f32
    %dead2 = arith.mulf %dead, %b : f32
    %c = math.exp %t : f32
    %r = arith.addf %b, %c : f32)"));
  EXPECT_EQ(schedule("%a = math.exp %t : f32\n%r = arith.mulf %a, %a : f32"),
            schedule("%a = math.exp %t : f32\n%b = math.exp %t : f32\n%r = arith.mulf %a, %b : f32"));
}
TEST(CanonicalDigest, FoldedConstants) {
  EXPECT_EQ(schedule(base), schedule(R"(
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %a = arith.mulf %half, %half : f32
    %b = arith.mulf %a, %t : f32
    %b1 = arith.mulf %one, %b : f32
    %n = arith.negf %b1 : f32
    %nn = arith.negf %n : f32
    %c = math.exp %t : f32
    %r = arith.addf %nn, %c : f32)"));
  EXPECT_EQ(schedule("%a = arith.constant 9.0 : f32\n%s = math.sqrt %a : f32\n%r = arith.mulf %s, %t : f32"),
            schedule("%s = arith.constant 3.0 : f32\n%r = arith.mulf %s, %t : f32"));
}
/// The mathematical library of the machine has no say in a digest.
TEST(CanonicalDigest, TranscendentalFunctionsAreNotFolded) {
  EXPECT_NE(schedule("%a = arith.constant 0.0 : f32\n%r = math.exp %a : f32"),
            schedule("%r = arith.constant 1.0 : f32"));
}
/// x * 0 is not 0 for all x, and x + 0 is not x for -0.
TEST(CanonicalDigest, FloatsAreNotReals) {
  EXPECT_NE(schedule("%z = arith.constant 0.0 : f32\n%r = arith.mulf %z, %t : f32"),
            schedule("%r = arith.constant 0.0 : f32"));
  EXPECT_NE(schedule("%z = arith.constant 0.0 : f32\n%r = arith.addf %z, %t : f32"),
            schedule("%z = arith.constant -0.0 : f32\n%r = arith.addf %z, %t : f32"));
  EXPECT_NE(schedule("%r = arith.constant 0.0 : f32"), schedule("%r = arith.constant -0.0 : f32"));
}
/// Two layers have two weights, however alike they look; and the order of layers says which weights they start from.
TEST(CanonicalDigest, LayersAreNotCommonCode) {
  const char *two = R"(
    %a = nn.dense %x units(4) : tensor<4xf32>
    %b = nn.dense %x units(4) : tensor<4xf32>
    %r = arith.addf %a, %b : tensor<4xf32>)";
  EXPECT_NE(model(two), model("%a = nn.dense %x units(4) : tensor<4xf32>\n%r = arith.addf %a, %a : tensor<4xf32>"));
  const char *ordered = R"(
    %a = nn.dense %x units(4) : tensor<4xf32>
    %b = nn.dense %x units(4) init(zeros) : tensor<4xf32>
    %r = arith.subf %a, %b : tensor<4xf32>)";
  const char *swapped = R"(
    %b = nn.dense %x units(4) init(zeros) : tensor<4xf32>
    %a = nn.dense %x units(4) : tensor<4xf32>
    %r = arith.subf %a, %b : tensor<4xf32>)";
  EXPECT_NE(model(ordered), model(swapped));
  // A layer that nothing reads is trained all the same, and the others start from other numbers behind it.
  EXPECT_NE(model(two), model(std::string("%dead = nn.dense %x units(7) : tensor<7xf32>\n") + two));
  EXPECT_NE(model(two), model(two + std::string("\n%dead = nn.dense %x units(7) : tensor<7xf32>")));
  EXPECT_NE(model(two), model(std::string("%dead = nn.noise %x scale(0.5) : tensor<4xf32>\n") + two));
  EXPECT_EQ(model(two), model(std::string("%dead = nn.softmax %x : tensor<4xf32>\n") + two));
}
/// What the assembly leaves out is there all the same.
TEST(CanonicalDigest, DefaultsWrittenOut) {
  OwningOpRef<ModuleOp> spec = parse(classification);
  std::string digest = canonicalDigest(*spec);
  spec->walk([](nn::DenseOp dense) { dense.setInit(dense.getInit()); });
  auto search = *spec->getOps<evolve::SearchOp>().begin();
  search.setRepeats(search.getRepeats());
  EXPECT_EQ(canonicalDigest(*spec), digest);
}
TEST(CanonicalDigest, ModuleNameOrderLineageAndComments) {
  std::string a = "selfopt.schedule @a(%t: f32) -> f32 { selfopt.return %t : f32 }\n";
  std::string b = "selfopt.schedule @b(%t: f32) -> f32 { %r = math.exp %t : f32\nselfopt.return %r : f32 }\n";
  std::string digest = digestOf(a + b);
  EXPECT_EQ(digest, digestOf(b + "// why\n" + a));
  EXPECT_EQ(digest, digestOf("module @name {\n" + a + b + "}"));
  EXPECT_EQ(digest, digestOf(a + "evolve.lineage from(\"\") { evolve.widen @n at(0) units(3) }\n" + b));
  EXPECT_NE(digest, digestOf(a));
  EXPECT_NE(digest, digestOf("module attributes {selfopt.note = 1} {\n" + a + b + "}"));
}

/// Every edit of the text that means something gives another digest, and no two edits give the same.
TEST(CanonicalDigest, SensitiveToEveryEdit) {
  std::string text = classification.str();
  std::map<std::string, std::string> seen{{digestOf(text), "the spec itself"}};
  const std::pair<const char *, const char *> edits[] = {
      {"digits.csv.gz", "digits2.csv.gz"},
      {"[0.0, 16.0]", "[0.0, 17.0]"},
      {"i32 in [0, 9]", "i32 in [0, 8]"},
      {"seed = 0", "seed = 1"},
      {"init(he_normal)", "init(lecun_normal)"},
      {"units(32) init(he_normal) : tensor<32xf32>\n    %a = nn.activation relu %h : tensor<32xf32>",
       "units(33) init(he_normal) : tensor<33xf32>\n    %a = nn.activation relu %h : tensor<33xf32>"},
      {"nn.activation relu", "nn.activation tanh"},
      {"arith.negf %l", "math.absf %l"},
      {"constant 0.999 ", "constant 0.9991 "},
      {"constant 0.999 ", "constant 0.99900007 "}, // One unit in the last place.
      {"%v: f32 = 0.0", "%v: f32 = 1.0"},
      {"%m: f32 = 0.0", "%m: f32 = 1.0"},
      {"selfopt.return %w1, %m1, %v1", "selfopt.return %w1, %v1, %m1"},
      {"arith.divf %m1, %c1 : f32", "arith.divf %c1, %m1 : f32"},
      {"math.cos", "math.sin"},
      {"lr = 1.0e-3", "lr = 1.1e-3"},
      {"batch = 32", "batch = 33"},
      {"epochs = 20", "epochs = 21"},
      {" schedule(@cosine)", ""},
      {"cmpi eq", "cmpi ne"},
      {"parameters <= 20000", "parameters <= 20001"},
      {"in [8, 256]", "in [8, 255]"},
      {"seal @digits, @accuracy", "seal @accuracy"},
      {"no_flow(@digits::test", "no_flow(@digits::train"},
      {"strategy(aging", "strategy(random"},
      {"seed(1)", "seed(2)"},
      {"candidates = 500", "candidates = 501"},
      {"pipeline(@fit, @adam,", "pipeline(@fit,"},
  };
  for (auto [from, to] : edits) {
    std::string edited = text;
    size_t at = edited.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    edited.replace(at, StringRef(from).size(), to);
    if (StringRef(to) == "strategy(random")
      edited.replace(edited.find(" population(64) tournament(8)"), strlen(" population(64) tournament(8)"), "");
    auto [same, added] = seen.try_emplace(digestOf(edited), to);
    EXPECT_TRUE(added) << "'" << to << "' has the digest of '" << same->second << "'";
  }
  // A symbol's name is its identity.
  std::string renamed = text;
  for (size_t at; (at = renamed.find("@adam")) != std::string::npos;)
    renamed.replace(at, 5, "@eve");
  EXPECT_TRUE(seen.try_emplace(digestOf(renamed), "@eve").second);
}

/// It is asked for every mutant. The bound is ten times what a release build takes, for slow machines and sanitizers.
TEST(CanonicalDigest, IsFast) {
  OwningOpRef<ModuleOp> spec = parse(classification);
  canonicalDigest(*spec);
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i)
    canonicalDigest(*spec);
  std::chrono::duration<double, std::micro> each = (std::chrono::steady_clock::now() - start) / 100;
  RecordProperty("microseconds", std::to_string(each.count()));
  llvm::outs() << "canonicalDigest: " << unsigned(each.count()) << " us\n";
  EXPECT_LT(each.count(), 3000);
}

} // namespace
