//===- UpdateRuleTest.cpp - What is proved of update rules, and what is not ----===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/UpdateRule.h"
#include "../../../lib/Safety/Smt.h"
#include "../../../lib/Safety/UpdateRuleWitness.h"
#include "../Runtime/Harness.h"
#include "SelfOpt/Mutation/Library.h"
#include "SelfOpt/Support/Digest.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <cfloat>
#include <chrono>
#include <functional>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

constexpr double G = 1e4;

std::string libraryText(StringRef name) {
  for (const LibraryProgram &program : getLibrary())
    if (program.name == name && program.op == "selfopt.optimizer")
      return program.text.str();
  return "";
}
/// All occurrences.
std::string with(std::string text, StringRef from, StringRef to) {
  EXPECT_NE(text.find(from.str()), std::string::npos) << from.str();
  for (size_t at = 0; (at = text.find(from.str(), at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to.str());
  return text;
}

struct Rule {
  OwningOpRef<ModuleOp> module;
  OptimizerOp op;
  explicit Rule(const std::string &text) : module(parse(text)) {
    if (module)
      op = *module->getOps<OptimizerOp>().begin();
  }
};
std::string say(const ProofResult &r) { return (stringifyVerdict(r.verdict) + ": " + r.detail).str(); }
std::string finite(const std::string &text, double gradient = G) {
  return say(proveFiniteState(Rule(text).op, gradient));
}
std::string step(const std::string &text, double atMost, double gradient = G) {
  return say(proveBoundedStep(Rule(text).op, gradient, atMost));
}

const std::string amsgradText = with(
    with(with(libraryText("adam"), "%v: f32 = 0.0)", "%v: f32 = 0.0, %x: f32 = 0.0)"), "%vh = arith.divf %v1, %c2",
         "%x1 = arith.maximumf %x, %v1 : f32\n%vh = arith.divf %x1, %c2"),
    "%w1, %m1, %v1 : f32, f32, f32", "%w1, %m1, %v1, %x1 : f32, f32, f32, f32");
const std::string adamwText =
    with(libraryText("adam"), "%w1 = arith.subf %w, %u",
         "%decay = arith.constant 0.01 : f32\n%rate = arith.mulf %lr, %decay : f32\n%keep = arith.subf %one, %rate : f32\n"
         "%kept = arith.mulf %w, %keep : f32\n%w1 = arith.subf %kept, %u");
const std::string adagradText = with(with(libraryText("rmsprop"), "%rho = arith.constant 0.9", "%rho = arith.constant 1.0"),
                                     "%rest = arith.constant 0.1", "%rest = arith.constant 1.0");

//===--- The named rules ----------------------------------------------------===//

/// The same rules by hand, to run them often: the move over the learning rate, with the state updated.
using Native = std::function<float(std::array<float, 3> &s, float w, float g, float t)>;
float nativeAdam(std::array<float, 3> &s, float g, float t, bool largest) {
  s[0] = 0.9f * s[0] + (1 - 0.9f) * g;
  s[1] = 0.999f * s[1] + (1 - 0.999f) * (g * g);
  s[2] = std::max(s[2], s[1]);
  float mh = s[0] / (1 - std::pow(0.9f, t)), vh = s[largest ? 2 : 1] / (1 - std::pow(0.999f, t));
  return mh / (std::sqrt(vh) + 1e-8f);
}

struct Named {
  std::string name, text;
  double bound;      ///< Claimed of the step, over the learning rate.
  std::string states; ///< What finite_state says.
  Native native;
};
const std::vector<Named> &named() {
  static const std::string v = "[0.0, 101000000.0]", m = "state 0 in [-10100.0, 10100.0]";
  static const std::vector<Named> all{
      {"sgd", libraryText("sgd"), 1e4, "no state, and every value is finite",
       [](auto &, float, float g, float) { return g; }},
      {"momentum", libraryText("momentum"), 1e5, "state 0 in [-100000.0, 100000.0]",
       [](auto &s, float, float g, float) { return s[0] = 0.9f * s[0] + g; }},
      {"nesterov", libraryText("nesterov"), 1e5, "state 0 in [-100000.0, 100000.0]",
       [](auto &s, float, float g, float) {
         s[0] = 0.9f * s[0] + g;
         return g + 0.9f * s[0];
       }},
      {"rmsprop", libraryText("rmsprop"), 3.1623, "state 0 in " + v,
       [](auto &s, float, float g, float) {
         s[0] = 0.9f * s[0] + 0.1f * (g * g);
         return g / (std::sqrt(s[0]) + 1e-8f);
       }},
      {"adam", libraryText("adam"), 7.28, m + ", state 1 in " + v,
       [](auto &s, float, float g, float t) { return nativeAdam(s, g, t, false); }},
      {"lion", libraryText("lion"), 1, m,
       [](auto &s, float, float g, float) {
         float c = 0.9f * s[0] + (1 - 0.9f) * g;
         s[0] = 0.99f * s[0] + (1 - 0.99f) * g;
         return float(c > 0) - float(c < 0);
       }},
      {"amsgrad", amsgradText, 7.28, m + ", state 1 in " + v + ", state 2 in [0.0, 100999008.0]",
       [](auto &s, float, float g, float t) { return nativeAdam(s, g, t, true); }},
      {"adagrad", adagradText, 1, "state 0 in [0.0, 1.13e+17] for 2^24 steps",
       [](auto &s, float, float g, float) {
         s[0] += g * g;
         return g / (std::sqrt(s[0]) + 1e-8f);
       }},
      {"adamw", adamwText, 1e4 + 7.28, m + ", state 1 in " + v, [](auto &s, float w, float g, float t) {
         return 0.01f * w + nativeAdam(s, g, t, false);
       }}};
  return all;
}

TEST(UpdateRule, NamedRulesAreProved) {
  for (const Named &rule : named()) {
    EXPECT_EQ(finite(rule.text), "holds: " + rule.states) << rule.name;
    EXPECT_EQ(step(rule.text, rule.bound).substr(0, 6), "holds:") << rule.name << " " << step(rule.text, rule.bound);
  }
  // Every rule of the library is one of them.
  for (const LibraryProgram &program : getLibrary())
    if (program.op == "selfopt.optimizer")
      EXPECT_TRUE(llvm::any_of(named(), [&](const Named &n) { return n.name == program.name; })) << program.name.str();
}

TEST(UpdateRule, AdamsBoundIsFromTheLeastK) {
  ProofResult r = proveBoundedStep(Rule(libraryText("adam")).op, G, 7.28);
  EXPECT_EQ(say(r), "holds: |step| <= 7.27324 * lr, by s0^2 <= 52.9 s1");
  EXPECT_EQ(r.engine, "smt");
  auto *evidence = r.evidence.getAsObject();
  ASSERT_TRUE(evidence);
  auto *found = (*evidence->getArray("templates"))[0].getAsObject();
  double K = std::stod(found->getString("K")->str());
  EXPECT_GE(K, 52.8);
  EXPECT_LE(K, 52.9);
  EXPECT_EQ(*found->getString("result"), "unsat");
  EXPECT_EQ(*found->getString("query_blake3"), digestHex(*found->getString("query")));
  // The query stands for itself: any solver can be asked.
  std::string query = found->getString("query")->str();
  EXPECT_EQ(smt::ask(query, 1000000), "unsat");
  // The next smaller one is refuted: by m and g that m^2 <= K v allows of v = 1, where one step later it does not hold.
  EXPECT_EQ(smt::ask(with(query, "529.0 10.0", "528.0 10.0"), 1000000), "sat");
  // A text that can't be read has no answer, whatever is said of the rest of it.
  EXPECT_EQ(smt::ask(with(query, "(assert (>= v 0.0))", "(assert (>= w 0.0))"), 1000000), "unknown");
  EXPECT_EQ(smt::ask("", 1000000), "unknown");
  bool refuted = false;
  for (double g = 0; g < 100; g += 0.01) {
    double m1 = 0.9 * std::sqrt(52.8) + 0.1 * g;
    refuted |= m1 * m1 > 52.8 * (0.999 + 0.001 * g * g);
  }
  EXPECT_TRUE(refuted);
  EXPECT_EQ(evidence->getArray("invariant")->size(), 2u);
}

TEST(UpdateRule, BelowTheBoundIsRefusedOrOpen) {
  std::string adam = libraryText("adam");
  for (double atMost : {1.0, 3.0, 7.0, 7.2})
    EXPECT_EQ(step(adam, atMost),
              "violated: with gradients 10000.0 at step 8000, and each step before 1.11 times less, at step 8000, the "
              "parameter moves by 7.269124 learning rates");
  // Between what is found and what is proved.
  EXPECT_EQ(step(adam, 7.27), "unknown: proved is only |step| <= 7.27324 * lr, by s0^2 <= 52.9 s1");
  EXPECT_EQ(step(libraryText("lion"), 1), "holds: |step| <= 1.0 * lr");
  EXPECT_EQ(step(libraryText("lion"), 0.999).substr(0, 9), "violated:");
  EXPECT_EQ(step(libraryText("sgd"), 9999).substr(0, 9), "violated:");
  EXPECT_EQ(step(libraryText("rmsprop"), 3.1).substr(0, 9), "violated:");
  EXPECT_EQ(step(libraryText("momentum"), 99990).substr(0, 9), "violated:");
  EXPECT_EQ(step(adamwText, 1e4).substr(0, 9), "violated:");
}

TEST(UpdateRule, BrokenTwinsAreRefused) {
  std::string adam = libraryText("adam"), momentum = libraryText("momentum");
  auto ends = [](const std::string &text, const std::string &end) {
    EXPECT_TRUE(StringRef(text).ends_with(end)) << text;
    EXPECT_TRUE(StringRef(text).starts_with("violated: ")) << text;
  };
  // No epsilon, and one that the runtime flushes.
  for (const char *epsilon : {"0.0", "1.0e-40"}) {
    std::string broken = with(adam, "1.0e-8", epsilon);
    ends(finite(broken), "with gradients always 0, at step 1, arith.divf of line 23 is not finite");
    ends(step(broken, 100), "with gradients always 0, at step 1, arith.divf of line 23 is not finite");
  }
  // A state that grows.
  ends(finite(with(momentum, "0.9", "1.001")), "arith.mulf of line 3 is not finite");
  ends(finite(with(adam, "%b1 = arith.constant 0.9 ", "%b1 = arith.constant 1.001 ")), "is not finite");
  // A step without the learning rate, and one that holds an earlier learning rate.
  ends(step(with(momentum, "arith.mulf %lr, %m1", "arith.mulf %beta, %m1"), 1e6), "learning rate 1.0e-06");
  std::string inside = with(with(momentum, "%m1 = arith.addf %d, %g", "%lg = arith.mulf %lr, %g : f32\n%m1 = arith.addf %d, %lg"),
                            "%u = arith.mulf %lr, %m1 : f32\n", "");
  inside = with(inside, "arith.subf %w, %u", "arith.subf %w, %m1");
  EXPECT_EQ(finite(inside), "holds: state 0 in [-100000.0, 100000.0]");
  ends(step(inside, 1e5), "learning rate 1.0e-06");
  // Overflow of the square.
  ends(finite(adam, 1e20), "with gradients always 9.999999e+19, at step 1, arith.mulf of line 12 is not finite");
}

TEST(UpdateRule, UnknownNamesTheOpOrTheTemplate) {
  std::string adam = libraryText("adam");
  // Never zero, which intervals don't see; no sequence breaks it.
  std::string guarded = with(libraryText("sgd"), "%u = arith.mulf %lr, %g : f32",
                             "%a = arith.mulf %g, %g : f32\n%one = arith.constant 1.0 : f32\n%b = arith.subf %g, %a : f32\n"
                             "%c = arith.addf %b, %one : f32\n%q = arith.divf %g, %c : f32\n%u = arith.mulf %lr, %q : f32");
  EXPECT_EQ(finite(guarded), "unknown: arith.divf of line 6 may be infinite or NaN");
  // The new parameter is no sum.
  std::string absolute = with(libraryText("sgd"), "%w1 = arith.subf %w, %u", "%p = arith.subf %w, %u : f32\n%w1 = math.tanh %p");
  EXPECT_EQ(step(absolute, 1e4).substr(0, 9), "violated:");
  std::string clamped = with(libraryText("sgd"), "%w1 = arith.subf %w, %u",
                             "%top = arith.constant 1.0e7 : f32\n%p = arith.subf %w, %u : f32\n%w1 = arith.minimumf %p, %top");
  EXPECT_EQ(step(clamped, 1e4), "unknown: arith.minimumf of line 5 is not shown to be a multiple of the learning rate");
  // Z3 gives up.
  UpdateRuleOptions options;
  options.smtResources = 1;
  ProofResult r = proveBoundedStep(Rule(adam).op, G, 7.28, options);
  EXPECT_EQ(r.verdict, Verdict::Unknown) << r.detail;
  EXPECT_NE(r.detail.find("s0^2 <= K s1 is not proved: Z3 says unknown"), std::string::npos) << r.detail;
}

TEST(UpdateRule, OtherFormsOfTheSameRule) {
  std::string adam = libraryText("adam");
  std::string root = "%root = math.sqrt %vh : f32\n       %den = arith.addf %root, %eps : f32";
  for (const std::string &text :
       {with(adam, root, "%q = arith.addf %vh, %eps : f32\n%den = math.sqrt %q : f32"),
        with(adam, root + "\n       %dir = arith.divf %mh, %den : f32",
             "%q = arith.addf %vh, %eps : f32\n%den = math.rsqrt %q : f32\n%dir = arith.mulf %mh, %den : f32"),
        with(adam, root, "%root = math.sqrt %vh : f32\n%den = arith.maximumf %root, %eps : f32"),
        with(adam, "%w1 = arith.subf %w, %u", "%n = arith.negf %lr : f32\n%w1 = math.fma %n, %dir, %w"),
        with(adam, "%u = arith.mulf %lr, %dir", "%lm = arith.mulf %lr, %mh : f32\n%u = arith.divf %lm, %den"),
        with(with(adam, "%m0 = arith.mulf %b1, %m : f32\n", ""), "%m1 = arith.addf %m0, %mg", "%m1 = math.fma %b1, %m, %mg")})
    EXPECT_EQ(step(text, 7.28).substr(0, 23), "holds: |step| <= 7.2732") << text;
}

//===--- Evidence -----------------------------------------------------------===//

TEST(UpdateRule, EvidenceIsEnough) {
  for (const Named &rule : named()) {
    Rule parsed(rule.text);
    ProofResult state = proveFiniteState(parsed.op, G), move = proveBoundedStep(parsed.op, G, rule.bound);
    ProofResult again = proveFiniteState(parsed.op, G, {}, &state.evidence);
    EXPECT_EQ(say(again), say(state)) << rule.name;
    EXPECT_EQ(again.evidence, state.evidence) << rule.name;
    again = proveBoundedStep(parsed.op, G, rule.bound, {}, &move.evidence);
    EXPECT_EQ(say(again), say(move)) << rule.name;
    EXPECT_EQ(again.evidence, move.evidence) << rule.name;
    EXPECT_EQ(again.engine, move.engine) << rule.name;
  }
}

llvm::json::Array box(const char *low, const char *high) { return llvm::json::Array{low, high}; }
llvm::json::Object boxes(std::initializer_list<llvm::json::Array> all) {
  llvm::json::Array invariant;
  for (const llvm::json::Array &one : all)
    invariant.push_back(llvm::json::Object{{"box", llvm::json::Array(one)}});
  return llvm::json::Object{{"invariant", std::move(invariant)}};
}

TEST(UpdateRule, WrongBoxesProveNothing) {
  std::string momentum = libraryText("momentum");
  auto said = [](const std::string &rule, llvm::json::Value claimed) {
    return say(proveFiniteState(Rule(rule).op, G, {}, &claimed));
  };
  EXPECT_EQ(said(momentum, boxes({box("-1e6", "2e6")})), "holds: state 0 in [-1000000.0, 2000000.0]");
  // Smaller than what the rule reaches, or without its start.
  for (auto [low, high] : {std::pair("-1.0", "1.0"), {"-1e6", "1.0"}, {"0.0", "1e6"}, {"-99990.0", "99990.0"}})
    EXPECT_EQ(said(momentum, boxes({box(low, high)})).find("unknown: state 0 is in no box that the rule keeps"), 0u) << low;
  EXPECT_EQ(said(momentum, boxes({box("1.0", "1e6")})), "unknown: state 0 does not begin in its box");
  // So large that the rule overflows, and what is no box.
  EXPECT_EQ(said(momentum, boxes({box("-1e39", "1e39")})).find("unknown: "), 0u);
  for (auto [low, high] : {std::pair("-inf", "inf"), {"nan", "1e6"}, {"-1e6", "nan"}, {"1e6", "-1e6"}, {"", "1e6"}, {"-1e6", "x"}})
    EXPECT_EQ(said(momentum, boxes({box(low, high)})), "unknown: expected a box of two finite numbers for state 0, found another");
  for (const llvm::json::Value &none :
       {llvm::json::Value(nullptr), llvm::json::Value(1), llvm::json::Value(boxes({})), llvm::json::Value(boxes({box("-1e6", "1e6"), box("0.0", "0.0")}))})
    EXPECT_EQ(said(momentum, none), "unknown: expected evidence with an invariant of 1 boxes, found none");
  // A sum may leave its box, by no more than all steps add up to.
  EXPECT_EQ(said(adagradText, boxes({box("0.0", "1.13e17")})), "holds: state 0 in [0.0, 1.13e+17] for 2^24 steps");
  for (const char *high : {"1.0e8", "1.0e16", "1.67e15"})
    EXPECT_EQ(said(adagradText, boxes({box("0.0", high)})).find("unknown: state 0 is in no box that the rule keeps"), 0u) << high;
  EXPECT_EQ(said(adagradText, boxes({box("0.0", "1e39")})).find("unknown: "), 0u);
  // A state that grows has no box.
  for (const char *limit : {"1.0", "1e6", "1e30"})
    EXPECT_EQ(said(with(momentum, "0.9", "1.001"), boxes({box(("-" + std::string(limit)).c_str(), limit)})).find("unknown: "), 0u);
}

TEST(UpdateRule, WrongTemplatesProveNothing) {
  std::string adam = libraryText("adam");
  llvm::json::Value found = proveBoundedStep(Rule(adam).op, G, 7.28).evidence;
  auto said = [&](llvm::function_ref<void(llvm::json::Object &)> change, double atMost = 7.28) {
    llvm::json::Value claimed = found;
    change(*claimed.getAsObject());
    return say(proveBoundedStep(Rule(adam).op, G, atMost, {}, &claimed));
  };
  auto withTemplate = [&](llvm::json::Object entry, double atMost = 7.28) {
    return said([&](llvm::json::Object &o) { o["templates"] = llvm::json::Array{std::move(entry)}; }, atMost);
  };
  auto withK = [&](llvm::json::Value K, double atMost = 7.28) {
    return withTemplate(llvm::json::Object{{"state", 0}, {"K", K}}, atMost);
  };
  EXPECT_EQ(said([](auto &) {}), "holds: |step| <= 7.27324 * lr, by s0^2 <= 52.9 s1");
  // A smaller K would be a smaller bound; a larger one proves what it proves.
  for (const char *K : {"52.8", "10.0", "1", "0.001"})
    EXPECT_EQ(withK(K, 7.0), "unknown: s0^2 <= " + std::string(K) + " s1 is not proved: Z3 says sat");
  EXPECT_EQ(withK("0").find("unknown: s0^2 <= 0 s1 is not proved"), 0u);
  EXPECT_EQ(withK("60.0").find("unknown: proved is only |step| <= 7.7"), 0u);
  EXPECT_EQ(withK("60.0", 8).find("holds: |step| <= 7.7"), 0u);
  for (const llvm::json::Value &K : {llvm::json::Value("-52.9"), llvm::json::Value(52.9), llvm::json::Value("5e1"), llvm::json::Value("1.2.3"),
                                     llvm::json::Value(""), llvm::json::Value("99999999999999999999"), llvm::json::Value("52.9 v) (* 0.0")})
    EXPECT_EQ(withK(K), "unknown: expected another state than the energy and a number K in a template, found none");
  for (int64_t state : {int64_t(-1), int64_t(1), int64_t(2), int64_t(1) << 40})
    EXPECT_EQ(withTemplate(llvm::json::Object{{"state", state}, {"K", "52.9"}}),
              "unknown: expected another state than the energy and a number K in a template, found none");
  // As often as it takes to make a checker ask for ever.
  EXPECT_EQ(said([](auto &o) {
              llvm::json::Array many;
              for (int i = 0; i < 5000; ++i)
                many.push_back(llvm::json::Object{{"state", 0}, {"K", "52.9"}});
              o["templates"] = std::move(many);
            }),
            "unknown: expected a template at most for each other state than the energy, found more");
  // No template, no energy, or another state as one.
  EXPECT_EQ(said([](auto &o) { o.erase("templates"); }).find("unknown: "), 0u);
  EXPECT_EQ(said([](auto &o) { o.erase("energy"); }).find("unknown: "), 0u);
  for (const llvm::json::Value &energy : {llvm::json::Value(0), llvm::json::Value(2), llvm::json::Value(-1), llvm::json::Value("1")})
    EXPECT_EQ(said([&](auto &o) { o["energy"] = energy; }),
              "unknown: expected a state with v1 = A v + B g^2 as energy, found another");
  // An energy that may be negative, and a template that is not so at the start.
  EXPECT_EQ(said([](auto &o) { o["invariant"] = llvm::json::Array(*boxes({box("-1.01e4", "1.01e4"), box("-1.0", "1.01e8")}).getArray("invariant")); }),
            "unknown: expected a state with v1 = A v + B g^2 as energy, found another");
  std::string ahead = with(adam, "%m: f32 = 0.0", "%m: f32 = 5.0");
  EXPECT_EQ(say(proveBoundedStep(Rule(ahead).op, G, 7.28, {}, &found)), "unknown: s0^2 <= 52.9 s1 is not so at the start");
  // Boxes count here, too. In the largest ones nothing is a finite number.
  for (const char *most : {"1e38", "1e39", "1e150", "1e308"}) {
    std::string least = "-" + std::string(most);
    EXPECT_EQ(said([&](auto &o) {
                o["invariant"] = llvm::json::Array(*boxes({box(least.c_str(), most), box("0.0", most)}).getArray("invariant"));
              }).find("unknown: "), 0u) << most;
  }
  EXPECT_EQ(said([](auto &o) { o["invariant"] = llvm::json::Array(*boxes({box("-1.0", "1.0"), box("0.0", "1.0")}).getArray("invariant")); })
                .find("unknown: state "), 0u);
}

TEST(UpdateRule, EveryStepIsInAPiece) {
  std::string adam = libraryText("adam");
  llvm::json::Value found = proveBoundedStep(Rule(adam).op, G, 7.28).evidence;
  auto said = [&](llvm::json::Value pieces) {
    llvm::json::Value claimed = found;
    (*claimed.getAsObject())["pieces"] = std::move(pieces);
    return say(proveBoundedStep(Rule(adam).op, G, 7.28, {}, &claimed));
  };
  const llvm::json::Array &pieces = *found.getAsObject()->getArray("pieces");
  ASSERT_GT(pieces.size(), 1u);
  const int64_t last = 1 << 24;
  std::string parts = "unknown: expected at most 512 parts of the steps up to 16777216.00, found others";
  for (const llvm::json::Value &none : {llvm::json::Value(nullptr), llvm::json::Value(pieces.size()), llvm::json::Value(llvm::json::Array{}),
                                        llvm::json::Value(llvm::json::Array{1000}), llvm::json::Value(llvm::json::Array{last + 1}), llvm::json::Value(llvm::json::Array{"1", last}),
                                        llvm::json::Value(llvm::json::Array(std::vector<llvm::json::Value>(600, last)))})
    EXPECT_EQ(said(none), parts);
  for (const llvm::json::Value &none : {llvm::json::Value(llvm::json::Array{0, last}), llvm::json::Value(llvm::json::Array{-5, last}),
                                        llvm::json::Value(llvm::json::Array{1000, 10, last}),
                                        llvm::json::Value(llvm::json::Array{last, last})})
    EXPECT_EQ(said(none), "unknown: expected the parts of the steps in their order, found others");
  // In one part, the bias correction is not seen.
  EXPECT_EQ(said(llvm::json::Array{last}).find("unknown: "), 0u);
}

//===--- Against execution --------------------------------------------------===//

std::vector<float> gradients(unsigned kind, unsigned steps, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> g(steps);
  unsigned spike = random() % steps;
  float growth = 1 + std::fabs(uniform(random)) * 0.3f, scale = std::pow(10.0f, uniform(random) * 22);
  for (unsigned t = 0; t < steps; ++t) {
    switch (kind % 8) {
    case 0: g[t] = float(G) * uniform(random); break;
    case 1: g[t] = random() % 2 ? float(G) : -float(G); break;
    case 2: g[t] = t < spike ? 0 : float(G); break;
    case 3: g[t] = t == spike ? float(G) : 0; break;
    case 4: g[t] = float(G) * std::pow(growth, float(t) - float(steps)); break;
    case 5: g[t] = scale * normal(random); break;
    case 6: g[t] = float(G) * std::pow(10.0f, uniform(random) * 40 - 40); break;
    case 7: g[t] = random() % 20 ? scale * uniform(random) : float(G); break;
    }
    g[t] = std::min(std::max(g[t], -float(G)), float(G));
  }
  return g;
}

TEST(UpdateRule, NoExecutionLeavesWhatIsProved) {
  std::mt19937 random(1);
  for (const Named &rule : named()) {
    Rule parsed(rule.text);
    ProofResult bound = proveBoundedStep(parsed.op, G, rule.bound), state = proveFiniteState(parsed.op, G);
    ASSERT_EQ(bound.verdict, Verdict::Holds) << rule.name;
    std::vector<std::pair<double, double>> boxes;
    for (const llvm::json::Value &s : *state.evidence.getAsObject()->getArray("invariant")) {
      auto &box = *s.getAsObject()->getArray("box");
      boxes.push_back({std::stod(box[0].getAsString()->str()), std::stod(box[1].getAsString()->str())});
    }
    double claimed = std::stod(bound.evidence.getAsObject()->getString("bound")->str());
    double most = 0, worst = 0;
    for (unsigned n = 0; n < 1000; ++n) {
      std::array<float, 3> s{0, 0, 0};
      std::vector<float> g = gradients(n, n % 100 ? 400 : 20000, random);
      for (unsigned t = 0; t < g.size(); ++t) {
        most = std::max(most, std::fabs(double(rule.native(s, 1e6f, g[t], float(t + 1)))));
        for (unsigned k = 0; k < boxes.size(); ++k)
          worst = std::max({worst, boxes[k].first - s[k], s[k] - boxes[k].second});
      }
    }
    EXPECT_LE(most, claimed * (1 + 0x1p-20)) << rule.name;
    EXPECT_GE(most, claimed * 0.5) << rule.name << ": the sequences are too tame to test the bound";
    EXPECT_LE(worst, 0) << rule.name;
  }
}

TEST(UpdateRule, TheTwinsByHandAreTheRules) {
  std::mt19937 random(2);
  for (const Named &rule : named()) {
    Rule parsed(rule.text);
    Interpreter interpreter;
    std::array<float, 3> s{0, 0, 0};
    Tensors state(parsed.op.getNumState(), Tensor::zeros({}, true));
    std::vector<float> g = gradients(0, 30, random);
    for (unsigned t = 0; t < g.size(); ++t) {
      Tensors arguments, results;
      for (double x : {0.0, double(g[t]), 1.0, t + 1.0}) {
        arguments.push_back(Tensor::zeros({}, true));
        arguments.back().floats[0] = x;
      }
      arguments.append(state.begin(), state.end());
      ASSERT_TRUE(succeeded(interpreter.call(parsed.op, arguments, results)));
      double move = rule.native(s, 0, g[t], float(t + 1));
      EXPECT_NEAR(-results[0].floats[0], move, 1e-4 * std::fabs(move) + 1e-6) << rule.name << " step " << t + 1;
      state.assign(results.begin() + 1, results.end());
    }
  }
}

/// Rules with ops, operands and constants exchanged at random: whatever is proved of them, no sequence breaks it.
TEST(UpdateRule, NoWitnessAgainstAProof) {
  std::mt19937 random(3);
  const char *binary[] = {"addf", "subf", "mulf", "divf", "maximumf", "minimumf"};
  const char *numbers[] = {"0.0", "0.5", "0.9", "0.99", "0.999", "1.0", "1.01", "1.0e-8", "1.0e-3", "-0.9", "10.0"};
  unsigned proved = 0, bounded = 0, tries = 400;
  double milliseconds = 0, longest = 0;
  UpdateRuleOptions options;
  options.witnessSteps = 1 << 14;
  for (unsigned n = 0; n < tries; ++n) {
    SmallVector<StringRef> lines;
    std::string source = named()[n % named().size()].text;
    StringRef(source).split(lines, '\n');
    SmallVector<std::string> text(lines.begin(), lines.end());
    for (unsigned edits = 1 + random() % 3; edits--;) {
      unsigned at = 1 + random() % (text.size() - 2);
      std::string &line = text[at];
      if (size_t c = line.find("constant "); c != std::string::npos) {
        line.replace(c + 9, line.find(" :") - c - 9, numbers[random() % std::size(numbers)]);
        continue;
      }
      size_t op = line.find("arith."), space = line.find(' ', op), comma = line.find(',');
      if (op == std::string::npos || comma == std::string::npos || line.find("select") != std::string::npos ||
          line.find("cmpf") != std::string::npos)
        continue;
      if (random() % 2) {
        line.replace(op + 6, space - op - 6, binary[random() % std::size(binary)]);
      } else {
        const char *arguments[] = {"%w", "%g", "%lr", "%step"};
        line.replace(space + 1, comma - space - 1, arguments[random() % 4]);
      }
    }
    std::string joined = llvm::join(text, "\n");
    Listener listener;
    Rule rule(joined);
    if (!rule.op)
      continue;
    auto start = std::chrono::steady_clock::now();
    ProofResult state = proveFiniteState(rule.op, G, options), move = proveBoundedStep(rule.op, G, 1e29, options);
    double took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    milliseconds += took;
    longest = std::max(longest, took);
    if (state.verdict == Verdict::Holds) {
      ++proved;
      auto witness = updaterule::findWitness(rule.op, G, std::nullopt, options);
      EXPECT_FALSE(witness) << joined << "\n" << state.detail << "\n" << (witness ? witness->gradients : "");
    }
    if (move.verdict == Verdict::Holds) {
      ++bounded;
      double claimed = std::stod(move.evidence.getAsObject()->getString("bound")->str());
      auto witness = updaterule::findWitness(rule.op, G, claimed * (1 + 0x1p-20), options);
      EXPECT_FALSE(witness) << joined << "\n" << move.detail << "\n" << (witness ? witness->move : 0);
    }
  }
  printf("%u rules: %u finite_state, %u bounded_step proved; %.1f ms on average, %.1f at most\n", tries, proved, bounded,
         milliseconds / tries, longest);
  EXPECT_GE(proved, 100u);
  EXPECT_GE(bounded, 80u);
}

} // namespace
