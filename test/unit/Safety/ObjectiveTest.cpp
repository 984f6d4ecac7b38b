//===- ObjectiveTest.cpp - Proofs about losses and scalar programs ---------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/Objective.h"
#include "../Mutation/Specs.h"
#include "ElementSoundness.h"
#include "SelfOpt/Dialect/Safety/Properties.h"
#include "SelfOpt/Mutation/Library.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "SelfOpt/Safety/ProofSearch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

MLIRContext &contextWithRanges() {
  static bool done = [] {
    DialectRegistry registry;
    registerRangeModels(registry);
    enableProofSearch();
    context().appendDialectRegistry(registry);
    return true;
  }();
  (void)done;
  return context();
}

std::string loss(StringRef body, StringRef type = "tensor<10xf32>") {
  std::string text = ("selfopt.loss @f(%p: !P, %label: i32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}").str();
  size_t at;
  while ((at = text.find("!P")) != std::string::npos)
    text.replace(at, 2, type.str());
  return text;
}
std::string regressionLoss(StringRef body) {
  return ("selfopt.loss @f(%p: tensor<2xf32>, %t: tensor<2xf32>) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}").str();
}
std::string libraryLoss(StringRef name, StringRef prediction, StringRef answer = "") {
  for (const LibraryProgram &program : getLibrary())
    if (program.name == name) {
      std::string text = program.text.str();
      for (auto [from, to] : {std::pair<StringRef, StringRef>("@program", "@f"), {"!P", prediction}, {"!A", answer}})
        for (size_t at; (at = text.find(from.str())) != std::string::npos;)
          text.replace(at, from.size(), to.str());
      return text;
    }
  ADD_FAILURE() << "no " << name.str();
  return "";
}

/// The verdict on `safety.require PROPERTY(@f) PARAMETERS`, as "holds: detail".
ProofResult proveBy(const std::string &program, StringRef require, const llvm::json::Value *claimed = nullptr) {
  contextWithRanges();
  auto split = require.split(' ');
  OwningOpRef<ModuleOp> spec =
      parse(program + "\nsafety.policy @policy {\n  safety.require " + split.first.str() + "(@f) " + split.second.str() + "\n}\n");
  if (!spec)
    return {Verdict::Unknown, "", "does not parse"};
  auto op = *(*spec->getOps<safety::PolicyOp>().begin()).getOps<safety::RequireOp>().begin();
  return proveProgram(spec->lookupSymbol("f"), op, claimed);
}
std::string say(const ProofResult &result) { return (stringifyVerdict(result.verdict) + ": " + result.detail).str(); }
std::string prove(const std::string &program, StringRef require) { return say(proveBy(program, require)); }
#define EXPECT_VERDICT(verdict, program, require)                                                                      \
  EXPECT_EQ(prove(program, require).substr(0, strlen(verdict)), verdict) << require << ": " << prove(program, require) << "\n" << program

const char *logSoftmax = "%lp = nn.log_softmax %p : !P\n%l = nn.pick %lp[%label] : f32\n";
const char *softmax = "%q = nn.softmax %p : !P\n%l = nn.pick %q[%label] : f32\n";

/// 0.5 d^2 where |d| <= 1, |d| - `shift` elsewhere: continuous where the shift is 0.5.
std::string huber(StringRef shift = "0.5") {
  return regressionLoss((Twine("%one = arith.constant dense<1.0> : tensor<2xf32>\n%half = arith.constant dense<0.5> : tensor<2xf32>\n"
                               "%shift = arith.constant dense<") + shift + "> : tensor<2xf32>\n"
                        "%d = arith.subf %p, %t : tensor<2xf32>\n%a = math.absf %d : tensor<2xf32>\n"
                        "%dd = arith.mulf %d, %d : tensor<2xf32>\n%near = arith.mulf %half, %dd : tensor<2xf32>\n"
                        "%far = arith.subf %a, %shift : tensor<2xf32>\n%c = arith.cmpf ole, %a, %one : tensor<2xf32>\n"
                        "%l = arith.select %c, %near, %far : tensor<2xi1>, tensor<2xf32>\n%r = nn.reduce mean %l : f32").str());
}
std::string linearScore() {
  return loss((Twine(softmax) + "%one = arith.constant 1.0 : f32\n%r = arith.subf %one, %l : f32").str());
}
std::string sphericalScore() {
  return loss((Twine(softmax) + "%qq = arith.mulf %q, %q : !P\n%s = nn.reduce sum %qq : f32\n%n = math.sqrt %s : f32\n"
                                "%d = arith.divf %l, %n : f32\n%r = arith.negf %d : f32")
                  .str());
}
std::string smoothed() {
  return loss((Twine(logSoftmax) + "%m = nn.reduce mean %lp : f32\n%a = arith.constant 0.9 : f32\n%b = arith.constant 0.1 : f32\n"
                                   "%x = arith.mulf %a, %l : f32\n%y = arith.mulf %b, %m : f32\n%s = arith.addf %x, %y : f32\n"
                                   "%r = arith.negf %s : f32")
                  .str());
}
std::string entropy() {
  return loss((Twine(softmax) + "%lp = nn.log_softmax %p : !P\n%h = arith.mulf %lp, %q : !P\n%s = nn.reduce sum %h : f32\n"
                                "%m = nn.reduce sum %lp : f32\n%d = arith.subf %s, %m : f32\n%r = arith.subf %d, %l : f32").str());
}
/// The right score moves all probabilities but its own, which is taken out, and those of equal scores alike.
std::string nestedSoftmax() {
  return loss((Twine(softmax) + "%ones = arith.constant dense<1.0> : !P\n%hot = nn.one_hot %label : !P\n"
                                 "%others = arith.subf %ones, %hot : !P\n%m = arith.mulf %q, %others : !P\n"
                                 "%z = nn.softmax %m : !P\n%k = nn.pick %z[%label] : f32\n%r = arith.negf %k : f32").str());
}

TEST(Objective, LibraryLossesAreFiniteAndAligned) {
  for (const char *name : {"cross_entropy", "focal", "brier"}) {
    std::string program = libraryLoss(name, "tensor<10xf32>");
    EXPECT_VERDICT("holds", program, "finite domain(100)");
    EXPECT_VERDICT("holds", program, "aligned domain(100)");
    EXPECT_VERDICT("holds", program, "bounded_below at_least(0)");
  }
  // Where exp leaves f64, the logarithm of its sum does not.
  for (const char *domain : {"1000", "1000000"})
    for (const char *property : {"finite", "aligned"})
      EXPECT_VERDICT("holds", libraryLoss("cross_entropy", "tensor<10xf32>"),
                     (Twine(property) + " domain(" + domain + ")").str());
  for (const char *name : {"mse", "mae", "pseudo_huber"}) {
    std::string program = libraryLoss(name, "tensor<3xf32>", "tensor<3xf32>");
    EXPECT_VERDICT("holds", program, "finite domain(100)");
    EXPECT_VERDICT("holds", program, "aligned domain(100)");
  }
  EXPECT_VERDICT("holds", huber(), "finite domain(100)");
  EXPECT_VERDICT("holds", huber(), "aligned domain(100)");
  // A step down behind the switch.
  EXPECT_NE(prove(huber("0.75"), "aligned domain(100)").substr(0, 5), "holds");
}

/// The focal loss as a search asks for it: in small boxes 1 - p is nothing but what f32 rounds.
TEST(Objective, RoundingIsNoCancellation) {
  EXPECT_VERDICT("holds", std::string("!P = tensor<10xf32>\nselfopt.loss @f(%p: !P, %label: i32) -> f32 {\n") + logSoftmax +
                              "%one = arith.constant 1.0 : f32\n%q = math.exp %l : f32\n%r = arith.subf %one, %q : f32\n"
                              "%rr = arith.mulf %r, %r : f32\n%n = arith.negf %l : f32\n%f = arith.mulf %rr, %n : f32\n"
                              "selfopt.return %f : f32 }",
                 "aligned domain(300) until(0.8)");
}

TEST(Objective, Finite) {
  // The probability of the right class rounds to 0.
  std::string naive = loss((Twine(softmax) + "%g = math.log %l : f32\n%r = arith.negf %g : f32").str());
  EXPECT_VERDICT("violated: the result is infinite at (label 0", naive, "finite domain(100)");
  EXPECT_VERDICT("holds", naive, "finite domain(30)");
  std::string exponential = loss("%e = math.exp %p : !P\n%r = nn.reduce mean %e : f32");
  EXPECT_VERDICT("violated", exponential, "finite domain(100)");
  EXPECT_VERDICT("holds", exponential, "finite domain(80)");
  std::string root = loss("%e = math.sqrt %p : !P\n%r = nn.reduce mean %e : f32");
  EXPECT_VERDICT("violated: the result is NaN", root, "finite");
  // Finite itself, but not its derivative at 0.
  std::string cusp = loss("%a = math.absf %p : !P\n%e = math.sqrt %a : !P\n%r = nn.reduce mean %e : f32");
  EXPECT_VERDICT("unknown: label 0, the derivative by element 0 could not be bounded: the derivative of math.sqrt is unbounded", cusp, "finite");
  // 1 / x^2 overflows for no draw of a test, but near 0.
  std::string pole = loss("%pp = arith.mulf %p, %p : !P\n%s = nn.reduce sum %pp : f32\n%one = arith.constant 1.0 : f32\n%r = arith.divf %one, %s : f32");
  EXPECT_NE(prove(pole, "finite").substr(0, 5), "holds");
}

TEST(Objective, AlignedIsRefutedWithAWitness) {
  EXPECT_VERDICT("violated: label 0, the derivative by the right score is 0.9", loss((Twine(logSoftmax) + "%z = arith.constant 0.0 : f32\n%r = arith.addf %l, %z : f32").str()), "aligned");
  EXPECT_VERDICT("violated: label 0, the derivative by the right score is 0 everywhere", loss("%r = arith.constant 1.0 : f32"), "aligned");
  // It rewards the score of a class that is not the label.
  EXPECT_VERDICT("violated", loss("%k = arith.constant 3 : i32\n%lp = nn.log_softmax %p : !P\n%l = nn.pick %lp[%k] : f32\n%r = arith.negf %l : f32"), "aligned");
  // Only for one of the labels: every label is looked at.
  std::string one = loss((Twine(logSoftmax) + "%w = arith.constant dense<[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0]> : !P\n"
                                              "%c = nn.pick %w[%label] : f32\n%m = arith.mulf %c, %l : f32\n%r = arith.negf %m : f32").str());
  EXPECT_VERDICT("violated: label 7", one, "aligned");
  // Smoothing pulls a score back that is sure already; until then it is aligned.
  EXPECT_VERDICT("violated", smoothed(), "aligned");
  EXPECT_VERDICT("holds", smoothed(), "aligned until(0.8)");
  EXPECT_NE(prove(smoothed(), "aligned until(0.95)").substr(0, 5), "holds");
  EXPECT_VERDICT("violated", regressionLoss("%d = arith.subf %t, %p : tensor<2xf32>\n%r = nn.reduce sum %d : f32"), "aligned");
  // A step down where the score rises: between the jumps the derivative is 0.
  EXPECT_NE(prove(loss((Twine(logSoftmax) + "%n = arith.negf %l : f32\n%f = math.floor %n : f32\n%g = arith.negf %f : f32\n%r = arith.addf %n, %g : f32").str()), "aligned").substr(0, 5), "holds");
}

TEST(Objective, Monotone) {
  EXPECT_VERDICT("holds", libraryLoss("cross_entropy", "tensor<10xf32>"), "monotone");
  EXPECT_VERDICT("violated: label 0, the derivative by the score of 1", libraryLoss("brier", "tensor<10xf32>"), "monotone");
  auto schedule = [](StringRef body) { return ("selfopt.schedule @f(%t: f32) -> f32 {\n%one = arith.constant 1.0 : f32\n" + body + "\nselfopt.return %r : f32\n}").str(); };
  EXPECT_VERDICT("holds", schedule("%r = arith.subf %one, %t : f32"), "monotone");
  EXPECT_VERDICT("violated", schedule("%r = arith.addf %one, %t : f32"), "monotone");
  EXPECT_VERDICT("holds", schedule("%a = arith.addf %one, %t : f32\n%r = arith.divf %one, %a : f32"), "monotone");
  auto sampler = [](StringRef body) { return ("selfopt.sampler @f(%loss: f32, %age: f32, %t: f32) -> f32 {\n%one = arith.constant 1.0 : f32\n" + body + "\nselfopt.return %r : f32\n}").str(); };
  // x / (x + 1) grows; plain intervals can't see it.
  EXPECT_VERDICT("holds", sampler("%a = arith.addf %loss, %one : f32\n%r = arith.divf %loss, %a : f32"), "monotone");
  EXPECT_VERDICT("violated", sampler("%a = arith.addf %loss, %one : f32\n%r = arith.divf %one, %a : f32"), "monotone");
}

TEST(Objective, BoundedBelow) {
  EXPECT_VERDICT("holds", sphericalScore(), "bounded_below at_least(-4)");
  EXPECT_VERDICT("violated", sphericalScore(), "bounded_below at_least(0)");
  // The entropy is at most log n, the logarithms sum to at most -n log n, a probability is at most 1: n = 10.
  EXPECT_VERDICT("holds", entropy(), "bounded_below at_least(19.7)");
  EXPECT_VERDICT("unknown", entropy(), "bounded_below at_least(19.8)");
  // (x - 1) x has its minimum -0.25 inside: branch and bound.
  auto schedule = "selfopt.schedule @f(%t: f32) -> f32 {\n%one = arith.constant 1.0 : f32\n%a = arith.subf %t, %one : f32\n"
                  "%r = arith.mulf %a, %t : f32\nselfopt.return %r : f32\n}";
  EXPECT_VERDICT("holds", schedule, "bounded_below at_least(-0.26)");
  EXPECT_VERDICT("violated", schedule, "bounded_below at_least(-0.24)");
}

/// 0.1 in data is the f32 next to it, which is above: a box of the numbers up to 0.1 would end before it.
TEST(Objective, DomainsEndWhereDataDo) {
  auto pole = [](const std::string &at) {
    return "selfopt.loss @f(%p: tensor<1xf32>, %t: tensor<1xf32>) -> f32 {\n%k = arith.constant dense<" + at +
           "> : tensor<1xf32>\n%a = arith.subf %k, %t : tensor<1xf32>\n%e = arith.constant dense<1.0e-9> : tensor<1xf32>\n"
           "%d = arith.divf %e, %a : tensor<1xf32>\n%r = nn.reduce sum %d : f32\nselfopt.return %r : f32\n}";
  };
  EXPECT_NE(prove(pole("0.1"), "finite domain(0.1)").substr(0, 5), "holds");
  EXPECT_VERDICT("holds", pole("0.10001"), "finite domain(0.1)");
}

/// What is NaN is no number that falls, and neither is what a maximum or minimum makes of it.
TEST(Objective, NaNIsNotMonotone) {
  auto schedule = [](const std::string &body) {
    return "selfopt.schedule @f(%t: f32) -> f32 {\n%two = arith.constant 2.0 : f32\n%n = arith.subf %t, %two : f32\n" + body +
           "\nselfopt.return %r : f32\n}";
  };
  EXPECT_NE(prove(schedule("%r = math.log %n : f32"), "monotone").substr(0, 5), "holds");
  for (const char *op : {"minnumf", "maxnumf", "minimumf", "maximumf"}) {
    EXPECT_NE(prove(schedule("%l = math.log %n : f32\n%r = arith." + std::string(op) + " %l, %t : f32"), "monotone").substr(0, 5),
              "holds")
        << op;
    EXPECT_VERDICT("holds", schedule("%l = math.exp %n : f32\n%m = arith." + std::string(op) + " %l, %t : f32\n%r = arith.negf %m : f32"),
                   "monotone");
  }
  // Infinite minus infinite, in f32 alone.
  EXPECT_NE(prove(schedule("%k = arith.constant 3.0e38 : f32\n%h = arith.mulf %k, %two : f32\n%s = arith.addf %h, %t : f32\n"
                           "%l = arith.subf %s, %h : f32\n%o = arith.negf %two : f32\n%m = arith.mulf %o, %two : f32\n"
                           "%z = arith.subf %m, %l : f32\n%r = arith.minnumf %z, %t : f32"),
                  "monotone")
                .substr(0, 5),
            "holds");
}

TEST(Objective, ProperScoringRules) {
  EXPECT_VERDICT("holds", libraryLoss("cross_entropy", "tensor<10xf32>"), "proper");
  EXPECT_VERDICT("holds", libraryLoss("brier", "tensor<10xf32>"), "proper");
  EXPECT_VERDICT("holds", sphericalScore(), "proper");
  // A sum of proper rules is one.
  EXPECT_VERDICT("holds", loss((Twine(softmax) + "%lp = nn.log_softmax %p : !P\n%k = nn.pick %lp[%label] : f32\n%t = nn.one_hot %label : !P\n"
                                                 "%d = arith.subf %q, %t : !P\n%dd = arith.mulf %d, %d : !P\n%s = nn.reduce mean %dd : f32\n%r = arith.subf %s, %k : f32").str()), "proper");
  EXPECT_NE(prove(linearScore(), "proper").find("violated: with the truth (0.7, 0.2, 0.1, 0, ...) the expected loss is 0.300001 at (1, 1e-06, 1e-06"), std::string::npos);
  EXPECT_VERDICT("violated", libraryLoss("focal", "tensor<10xf32>"), "proper");
  EXPECT_VERDICT("violated", smoothed(), "proper");
  // To another base, and beside what nothing reads.
  for (const char *log : {"log", "log2", "log10"})
    EXPECT_VERDICT("holds", loss((Twine(softmax) + "%s = nn.reduce sum %p : f32\n%k = math." + log + " %l : f32\n%r = arith.negf %k : f32").str()), "proper");
  // Proper, though no algebra says so: equal values so near to the truth that f64 can't tell them apart are no witness.
  EXPECT_VERDICT("unknown", loss((Twine(softmax) + "%a = math.absf %l : f32\n%k = math.log %a : f32\n%r = arith.negf %k : f32").str()), "proper");
  EXPECT_VERDICT("violated", loss("%r = arith.constant 1.0 : f32"), "proper");
  EXPECT_VERDICT("violated", loss((Twine(logSoftmax) + "%z = arith.constant 0.0 : f32\n%r = arith.addf %l, %z : f32").str()), "proper");
  EXPECT_VERDICT("unknown", libraryLoss("mse", "tensor<2xf32>", "tensor<2xf32>"), "proper");
}

TEST(Objective, SaysWhatItIsNotSaidOf) {
  EXPECT_EQ(prove("selfopt.schedule @f(%t: f32) -> f32 {\nselfopt.return %t : f32\n}", "aligned"),
            "unknown: aligned is said of losses, not of a selfopt.schedule");
  EXPECT_VERDICT("unknown: proper is said of a loss", "selfopt.schedule @f(%t: f32) -> f32 {\nselfopt.return %t : f32\n}", "proper");
}

//===----------------------------------------------------------------------===//
// Soundness
//===----------------------------------------------------------------------===//

/// No execution leaves an interval: losses of the library, and what 20 mutations in a row make of them.
TEST(ElementAnalysis, HoldsEveryExecution) {
  contextWithRanges();
  std::vector<std::string> starts{linearScore(), sphericalScore(), nestedSoftmax(), entropy(), smoothed(), huber()};
  for (const char *name : {"cross_entropy", "focal", "brier"})
    starts.push_back(libraryLoss(name, "tensor<4xf32>"));
  for (const char *name : {"mse", "mae", "pseudo_huber"})
    starts.push_back(libraryLoss(name, "tensor<3xf32>", "tensor<3xf32>"));
  unsigned checked = 0;
  for (auto [n, text] : llvm::enumerate(starts))
    for (uint64_t chain = 0; chain < 8; ++chain) {
      OwningOpRef<ModuleOp> spec = parse(text);
      ASSERT_TRUE(spec);
      Philox random(n, chain);
      ASSERT_EQ(findUnsound(spec->lookupSymbol("f")->getRegion(0).front(), random, 50, 12, checked), "") << text;
      Block lineage;
      for (int step = 0; step < 20; ++step) {
        Operation *program = spec->lookupSymbol("f");
        std::string problem = findUnsound(program->getRegion(0).front(), random, 4, 12, checked);
        ASSERT_EQ(problem, "") << printSpec(*spec);
        mutate(*spec, MutationScope::all(*spec), random, lineage);
      }
    }
  EXPECT_GT(checked, 500000u);
}

//===--- Evidence -----------------------------------------------------------===//

const char *parabola = "selfopt.schedule @f(%x: f32) -> f32 {\n%one = arith.constant 1.0 : f32\n"
                       "%y = arith.subf %x, %one : f32\n%r = arith.mulf %y, %x : f32\nselfopt.return %r : f32\n}";

TEST(Objective, EvidenceIsEnough) {
  for (auto [program, require] :
       {std::pair<std::string, const char *>(libraryLoss("cross_entropy", "tensor<10xf32>"), "aligned domain(100)"),
        {libraryLoss("cross_entropy", "tensor<10xf32>"), "finite domain(100)"},
        {libraryLoss("cross_entropy", "tensor<10xf32>"), "monotone"},
        {libraryLoss("cross_entropy", "tensor<10xf32>"), "proper"},
        {huber(), "finite domain(100)"},
        {huber(), "aligned domain(100)"},
        {smoothed(), "aligned until(0.8)"},
        {sphericalScore(), "bounded_below at_least(-4)"},
        {parabola, "bounded_below at_least(-0.26)"}}) {
    ProofResult found = proveBy(program, require);
    EXPECT_EQ(found.verdict, Verdict::Holds) << require;
    // As a certificate has it.
    llvm::json::Value read = llvm::cantFail(llvm::json::parse(llvm::formatv("{0:2}", found.evidence).str()));
    ProofResult verified = proveBy(program, require, &read);
    EXPECT_EQ(say(verified), say(found)) << require;
    EXPECT_EQ(llvm::formatv("{0}", verified.evidence).str(), llvm::formatv("{0}", found.evidence).str());
    EXPECT_EQ(verified.engine, found.engine);
  }
}

llvm::json::Value treeClaim(StringRef tree) {
  return llvm::json::Object{{"cases", llvm::json::Array{llvm::json::Object{{"case", "the value"}, {"tree", tree}}}}};
}

TEST(Objective, WrongTreesProveNothing) {
  auto said = [&](llvm::json::Value claimed, const char *require = "bounded_below at_least(-0.26)") {
    return say(proveBy(parabola, require, &claimed));
  };
  ProofResult found = proveBy(parabola, "bounded_below at_least(-0.26)");
  EXPECT_EQ(found.engine, "branch and bound");
  std::string tree = (*found.evidence.getAsObject()->getArray("cases"))[0].getAsObject()->getString("tree")->str();
  EXPECT_EQ(said(treeClaim(tree)), "holds: the value is at least -0.26");
  const std::string refused = "unknown: the value could not be bounded by the tree of boxes";
  // A leaf that does not hold, and a tree that covers a part of the box.
  EXPECT_EQ(said(treeClaim("L")), refused);
  EXPECT_EQ(said(treeClaim("(0.0 0.5 L L)")), refused);
  for (size_t at = 0; at < tree.size(); ++at) {
    EXPECT_EQ(said(treeClaim(tree.substr(0, at))), refused) << at;
    for (char c : {'L', '(', ')', ' ', '9', '-'})
      if (tree[at] != c) {
        std::string other = tree;
        other[at] = c;
        // Another tree may show it, too: of a box that is split elsewhere, say. None shows what is not so.
        EXPECT_EQ(said(treeClaim(other), "bounded_below at_least(-0.24)"), refused) << other;
      }
  }
  EXPECT_EQ(said(treeClaim(tree + "L")), refused);
  EXPECT_EQ(said(treeClaim(tree + " ")), refused);
  // Splits outside of the box, of no number, of no element; and deeper than any that is looked for.
  for (const char *split : {"(0.0 2.0 L L)", "(0.0 0.0 L L)", "(0.0 1.0 L L)", "(0.0 -1.0 L L)", "(0.0 nan L L)", "(0.0 inf L L)",
                            "(0.1 0.5 L L)", "(1.0 0.5 L L)", "(-1.0 0.5 L L)", "(99999999999999999999.0 0.5 L L)", "(0.0 0.5 L)", "()", "("})
    EXPECT_EQ(said(treeClaim(split)), refused) << split;
  std::string deep;
  for (int depth = 0; depth < 100000; ++depth)
    deep += "(0.0 0.5 ";
  EXPECT_EQ(said(treeClaim(deep)), refused);
  for (llvm::json::Value none : {llvm::json::Value(nullptr), llvm::json::Value(3), llvm::json::Value(llvm::json::Object()),
                                 llvm::json::Value(llvm::json::Object{{"cases", llvm::json::Array{}}}),
                                 llvm::json::Value(llvm::json::Object{{"cases", llvm::json::Array{"L"}}})})
    EXPECT_EQ(said(none), refused);
  // What does not hold has no tree.
  EXPECT_EQ(said(treeClaim(tree), "bounded_below at_least(-0.24)"), refused);
}

TEST(Objective, WrongPointsProveNothing) {
  // What is never below 0 somewhere teaches nothing, whichever point is claimed.
  std::string constant = loss("%r = arith.constant 1.0 : f32"), entropyLoss = libraryLoss("cross_entropy", "tensor<3xf32>");
  auto claim = [](llvm::json::Value point) {
    llvm::json::Array cases;
    for (int i = 0; i < 10; ++i)
      cases.push_back(llvm::json::Object{{"tree", "L"}, {"point", point}});
    return llvm::json::Value(llvm::json::Object{{"cases", std::move(cases)}});
  };
  auto said = [&](const std::string &program, const char *require, const llvm::json::Value &claimed) {
    return say(proveBy(program, require, &claimed));
  };
  llvm::json::Array zeros;
  for (int i = 0; i < 10; ++i)
    zeros.push_back(0.0);
  EXPECT_EQ(prove(constant, "aligned").substr(0, 9), "violated:");
  EXPECT_EQ(said(constant, "aligned", claim(llvm::json::Array{llvm::json::Array(zeros), llvm::json::Array{0}})).find("holds"), std::string::npos);
  auto at = [&](std::vector<double> scores, double label = 0) {
    return said(entropyLoss, "aligned domain(100) until(0.8)", claim(llvm::json::Array{llvm::json::Array(scores), llvm::json::Array{label}}));
  };
  EXPECT_EQ(at({0, 0, 0}).substr(0, 6), "holds:");
  // Outside of the domain, above the cap, of another label, of too few numbers.
  for (const std::vector<double> &wrong : {std::vector<double>{-101, 0, 0}, {0, 101, 0}, {0, 0, 1e300}, {5, 0, 0}, {0, 0}, {0, 0, 0, 0}, {}})
    EXPECT_EQ(at(wrong).find("was found other than 0, the right way, at no point"), at(wrong).size() - 50) << at(wrong);
  EXPECT_NE(at({0, 0, 0}, 1).find("was found other than 0, the right way, at no point"), std::string::npos);
  for (const llvm::json::Value &none : {llvm::json::Value(nullptr), llvm::json::Value(1), llvm::json::Value(llvm::json::Array{}),
                                        llvm::json::Value(llvm::json::Array{llvm::json::Array{"0", "0", "0"}, llvm::json::Array{0}})})
    EXPECT_NE(said(entropyLoss, "aligned domain(100) until(0.8)", claim(none)).find("at no point"), std::string::npos);
  // Of a regression: at a point where its case's order does not hold, or where the slope is 0.
  std::string flat = regressionLoss("%z = arith.constant dense<0.0> : tensor<2xf32>\n%d = arith.subf %p, %t : tensor<2xf32>\n"
                                    "%m = arith.mulf %d, %z : tensor<2xf32>\n%r = nn.reduce sum %m : f32");
  auto regression = [&](const std::string &program, std::vector<double> p, std::vector<double> t) {
    return said(program, "aligned domain(100)", claim(llvm::json::Array{llvm::json::Array(p), llvm::json::Array(t)}));
  };
  EXPECT_EQ(regression(huber(), {1, 1}, {0, 0}).substr(0, 6), "holds:");
  EXPECT_EQ(regression(huber(), {1, 0}, {0, 0}).substr(0, 8), "unknown:") << "the second prediction is not seen to matter";
  EXPECT_EQ(regression(huber(), {0, 0}, {0, 0}).substr(0, 8), "unknown:");
  EXPECT_EQ(regression(flat, {1, 1}, {0, 0}).substr(0, 9), "violated:") << "it is 0 everywhere";
  EXPECT_EQ(regression(huber(), {1e3, 0}, {0, 0}).substr(0, 8), "unknown:");
}

/// Every float op by itself, over boxes of every size.
TEST(ElementAnalysis, EveryOpAlone) {
  contextWithRanges();
  unsigned checked = 0;
  Philox random(3);
  for (const char *op : {"arith.negf %a", "math.absf %a", "math.exp %a", "math.exp2 %a", "math.expm1 %a", "math.log %a", "math.log2 %a",
                         "math.log10 %a", "math.log1p %a", "math.sqrt %a", "math.rsqrt %a", "math.tanh %a", "math.erf %a", "math.sin %a",
                         "math.cos %a", "math.atan %a", "math.sinh %a", "math.cosh %a", "math.floor %a", "math.ceil %a", "math.round %a",
                         "math.roundeven %a", "math.trunc %a", "math.cbrt %a", "math.asinh %a", "arith.addf %a, %b", "arith.subf %a, %b",
                         "arith.mulf %a, %b", "arith.mulf %a, %a", "arith.divf %a, %b", "arith.divf %a, %a", "arith.subf %a, %a",
                         "arith.maximumf %a, %b", "arith.minimumf %a, %b", "arith.maxnumf %a, %b", "arith.minnumf %a, %b",
                         "arith.remf %a, %b", "math.powf %a, %b", "math.atan2 %a, %b", "math.copysign %a, %b", "math.fma %a, %b, %a"}) {
    std::string text = (Twine("selfopt.sampler @f(%a: f32, %b: f32, %t: f32) -> f32 {\n%r = ") + op + " : f32\nselfopt.return %r : f32\n}").str();
    OwningOpRef<ModuleOp> spec = parse(text);
    ASSERT_TRUE(spec) << op;
    std::string problem = findUnsound(spec->lookupSymbol("f")->getRegion(0).front(), random, 300, 20, checked);
    EXPECT_EQ(problem, "") << op;
  }
  for (const char *body : {"%c = arith.cmpf ogt, %a, %b : f32\n%r = arith.select %c, %a, %b : f32", "%c = arith.cmpf olt, %a, %b : f32\n%r = arith.uitofp %c : i1 to f32",
                           "%s = arith.addf %a, %b : f32\n%r = arith.divf %a, %s : f32", "%s = arith.addf %b, %a : f32\n%k = arith.divf %a, %s : f32\n%r = math.exp %k : f32"}) {
    OwningOpRef<ModuleOp> spec = parse((Twine("selfopt.sampler @f(%a: f32, %b: f32, %t: f32) -> f32 {\n") + body + "\nselfopt.return %r : f32\n}").str());
    ASSERT_TRUE(spec);
    EXPECT_EQ(findUnsound(spec->lookupSymbol("f")->getRegion(0).front(), random, 1000, 20, checked), "") << body;
  }
  EXPECT_GT(checked, 200000u);
}

} // namespace

/// docs/Safety.md has every property, and every parameter with its default.
TEST(Objective, AreDocumented) {
  auto text = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/docs/Safety.md");
  ASSERT_TRUE(bool(text));
  StringRef page = (*text)->getBuffer();
  for (const safety::PropertyInfo &info : safety::getPropertyTable()) {
    std::string row = ("\n| `" + stringifyProperty(info.property) + "` |").str();
    size_t at = page.find(row);
    EXPECT_NE(at, StringRef::npos) << row;
    StringRef rest = page.substr(at + 1);
    for (const safety::PropertyParameter &parameter : info.parameters) {
      std::string cell = ("| `" + parameter.name + "` | " +
                          (std::isnan(parameter.initial) ? std::string("none") : llvm::formatv("{0}", int64_t(parameter.initial)).str()) + " |")
                             .str();
      // In its own row, or in one of the next, which leave the name out.
      size_t found = rest.find(cell), next = rest.find("\n| `");
      EXPECT_TRUE(found < next) << row << cell;
    }
  }
}
