//===- CertificateTest.cpp - What a certificate may say, and what is refused ---===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Harness.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Safety/Certificate.h"
#include "SelfOpt/Search/Search.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

/// With one constraint of each kind.
std::string points() {
  ::setenv("SELFOPT_DATA_DIR", SELFOPT_SOURCE_DIR "/test/Inputs", 1);
  auto buffer = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/test/Inputs/points.mlir");
  return replaced(buffer ? (*buffer)->getBuffer().str() : "", "    safety.limit parameters <= 200\n",
                  "    safety.range @fit \"lr\" in [1.0e-3, 1.0]\n"
                  "    safety.limit parameters <= 200\n"
                  "    safety.limit memory <= 1000000\n");
}

constexpr llvm::StringLiteral mutations = R"(
  evolve.widen @net at(0) units(7)
  evolve.jitter_hyper @fit "lr" by(1.5)
  evolve.use_program @linear from("cosine"))";

/// `spec` after the mutations, with its lineage behind what it had.
OwningOpRef<ModuleOp> evolve(ModuleOp spec, StringRef list) {
  OwningOpRef<ModuleOp> candidate = spec.clone();
  auto holder = parse(("evolve.lineage from(\"" + canonicalDigest(spec) + "\") {\n" + list + "\n}\n").str());
  if (!holder)
    return {};
  auto lineage = *holder->getOps<evolve::LineageOp>().begin();
  if (failed(applyLineage(*candidate, lineage.getBody().front())))
    return {};
  for (auto old : candidate->getOps<evolve::LineageOp>()) {
    Block &block = old.getBody().front();
    block.getOperations().splice(block.end(), lineage.getBody().front().getOperations());
    return candidate;
  }
  lineage->remove();
  candidate->push_back(lineage);
  return candidate;
}

struct Certified {
  OwningOpRef<ModuleOp> spec, candidate;
  Certificate certificate;
  std::string text;
};

Certified certified(const std::string &start = points(), StringRef list = mutations) {
  Certified made;
  made.spec = parse(start);
  if (!made.spec || !(made.candidate = evolve(*made.spec, list))) {
    ADD_FAILURE() << "no candidate";
    std::abort();
  }
  auto certificate = certifyCandidate(*made.spec, *made.candidate);
  if (!certificate) {
    ADD_FAILURE() << llvm::toString(certificate.takeError());
    std::abort();
  }
  made.certificate = std::move(*certificate);
  made.text = llvm::cantFail(printCertificate(made.certificate));
  return made;
}

std::string joined(const std::vector<std::string> &reasons) { return llvm::join(reasons, "\n"); }

/// What is said of a certificate that was changed by someone who can write certificates.
std::string forged(const Certified &c, llvm::function_ref<void(Certificate &)> change) {
  Certificate other = c.certificate;
  change(other);
  return joined(checkCertificate(*c.spec, *c.candidate, llvm::cantFail(printCertificate(other))));
}

#define EXPECT_SAYS(TEXT, PART) EXPECT_NE((TEXT).find(PART), std::string::npos) << (TEXT)

TEST(Certificate, HoldsAndSaysWhatWasChecked) {
  Certified c = certified();
  EXPECT_EQ(joined(checkCertificate(*c.spec, *c.candidate, c.text)), "");
  auto again = llvm::cantFail(parseCertificate(c.text));
  EXPECT_EQ(llvm::cantFail(printCertificate(again)), c.text);
  EXPECT_EQ(again.spec, canonicalDigest(*c.spec));
  EXPECT_EQ(again.candidate, canonicalDigest(*c.candidate));
  EXPECT_EQ(again.seals.size(), 5u);
  EXPECT_EQ(again.seals.at("policy"), *sealDigest(*c.spec, "policy"));
  std::string lines;
  for (const CertifiedCheck &check : again.checks)
    lines += check.constraint + "; " + check.verdict + "; " + check.engine + "; " + check.status + "\n";
  EXPECT_EQ(lines, "seal @data @accuracy @distance @policy @search; holds; digest; proved\n"
                   "range @fit \"lr\" in [0.001, 1.0]; holds; integers; proved\n"
                   "limit parameters <= 200; holds; cost; proved\n"
                   "limit memory <= 1000000; holds; cost; assumed\n"
                   "require no_flow(@data::test -> @fit); holds; flow; proved\n");
  std::string claims;
  for (const CertifiedStep &step : again.lineage)
    claims += step.mutation + " " + step.claim + "\n";
  EXPECT_EQ(claims, "evolve.widen @net at(0) units(7) changing\n"
                    "evolve.jitter_hyper @fit \"lr\" by(1.5) changing\n"
                    "evolve.use_program @linear from(\"cosine\") changing\n");
}

/// A step of every claim is written, read back and checked.
TEST(Certificate, HoldsForEveryClaim) {
  std::string start = points();
  StringRef from = "%w = arith.addf %loss, %one : f32";
  size_t at = start.find(from.str());
  ASSERT_NE(at, std::string::npos);
  start.replace(at, from.size(), "%w = math.sqrt %loss : f32"); // its derivative at 0 is infinite, and %one is dead
  for (auto [mutation, claim] :
       {std::pair<StringRef, StringRef>("evolve.widen @net at(0) units(7)", "changing"),
        {"evolve.grow @net at(0) units(7)", "preserving"},
        {"evolve.simplify @hard_first", "equivalent"},
        {"evolve.repair @hard_first kind(\"epsilon\") at(0) amount(1.0e-06) domain(100.0)", "repairing"}}) {
    Certified c = certified(start, mutation);
    EXPECT_EQ(joined(checkCertificate(*c.spec, *c.candidate, c.text)), "") << mutation.str();
    ASSERT_EQ(c.certificate.lineage.size(), 1u);
    EXPECT_EQ(c.certificate.lineage[0].claim, claim);
  }
}

TEST(Certificate, TheStartItselfHasNoLineage) {
  auto spec = parse(points()), same = parse(points());
  auto certificate = llvm::cantFail(certifyCandidate(*spec, *same));
  EXPECT_TRUE(certificate.lineage.empty());
  EXPECT_EQ(joined(checkCertificate(*spec, *same, llvm::cantFail(printCertificate(certificate)))), "");
}

/// A search that began at what an earlier one found.
TEST(Certificate, GoesOnFromALineage) {
  Certified first = certified();
  auto second = evolve(*first.candidate, "evolve.widen @net at(0) units(9)");
  ASSERT_TRUE(second);
  auto certificate = llvm::cantFail(certifyCandidate(*first.candidate, *second));
  EXPECT_EQ(certificate.lineage.size(), 1u);
  std::string text = llvm::cantFail(printCertificate(certificate));
  EXPECT_EQ(joined(checkCertificate(*first.candidate, *second, text)), "");
  // From the first spec there are more steps, and the lineage has them all.
  auto whole = llvm::cantFail(certifyCandidate(*first.spec, *second));
  EXPECT_EQ(whole.lineage.size(), 4u);
  // A lineage that does not go on with the spec's own.
  auto other = evolve(*first.candidate, "evolve.widen @net at(0) units(9)");
  (*other->getOps<evolve::LineageOp>().begin()).getBody().front().front().erase();
  EXPECT_SAYS(joined(checkCertificate(*first.candidate, *other, text)), "lineage: expected the candidate's lineage to begin");
}

//===--- The text -----------------------------------------------------------===//

TEST(Certificate, EveryByteCounts) {
  Certified c = certified();
  auto refused = [&](const std::string &text) {
    std::vector<std::string> reasons = checkCertificate(*c.spec, *c.candidate, text);
    return reasons.size() == 1 && StringRef(reasons[0]).starts_with("certificate: ");
  };
  for (size_t i = 0; i < c.text.size(); ++i) {
    for (unsigned char mask : {0x01, 0x02, 0x20, 0x80, 0xff}) {
      std::string text = c.text;
      text[i] = char(text[i] ^ mask);
      ASSERT_TRUE(refused(text)) << "byte " << i << " of " << c.text.size() << ", flipped by " << int(mask);
    }
    ASSERT_TRUE(refused(std::string(c.text).erase(i, 1))) << "byte " << i << " gone";
    ASSERT_TRUE(refused(std::string(c.text).insert(i, 1, c.text[i]))) << "byte " << i << " twice";
    ASSERT_TRUE(refused(c.text.substr(0, i))) << "ends before byte " << i;
  }
}

TEST(Certificate, OneForm) {
  Certified c = certified();
  auto why = [&](StringRef from, StringRef to) {
    auto parsed = parseCertificate(replaced(c.text, from, to));
    return parsed ? std::string("taken") : llvm::toString(parsed.takeError());
  };
  std::string end = "\"version\": 2\n}\n";
  EXPECT_EQ(why(end, end + " "), llvm::formatv("expected the canonical form, found another one from byte {0} on", c.text.size()).str());
  EXPECT_SAYS(why(end, "\"version\": 2.0\n}\n"), "expected the canonical form");
  EXPECT_SAYS(why(end, "\"version\":  2\n}\n"), "expected the canonical form");
  EXPECT_SAYS(why(end, "\"version\": 2,\n  \"version\": 2\n}\n"), "expected the canonical form");
  EXPECT_SAYS(why(end, "\"version\": 1\n}\n"), "expected format 'selfopt certificate' version 2");
  EXPECT_SAYS(why(end, "\"version\": 2,\n  \"word\": 1\n}\n"), "expected the canonical form");
  EXPECT_SAYS(why("  \"program\": \"fit\",\n", ""), "missing value at certificate.program");
  EXPECT_SAYS(why("\"program\": \"fit\"", "\"program\": \"f\\u0069t\""), "expected the canonical form");
  EXPECT_SAYS(why("\"program\": \"fit\"", "\"program\": 3"), "expected string at certificate.program\nfound {");
  EXPECT_SAYS(why("\"program\": \"fit\"", "\"program\": 3"), "\"program\": /* error: expected string */ 3");
  EXPECT_SAYS(why("\"spec\": \"", "\"spec\": \"A"), "it was edited");
  EXPECT_SAYS(why("\"status\": \"assumed\"\n  }", "\"status\": \"proved\"\n  }"), "expected the canonical form");
  EXPECT_SAYS(why("\"arena_bytes\": ", "\"arena_bytes\": -"), "expected a number of bytes as memory.arena_bytes, found -");
  EXPECT_SAYS(why("      \"engine\": \"digest\",\n", ""), "missing value at certificate.checks[0].engine");
  auto deep = parseCertificate(std::string(1 << 20, '['));
  EXPECT_SAYS(llvm::toString(deep.takeError()), "expected at most 64 levels of JSON and 1048576 values");
  // What a few megabytes of text would take gigabytes to hold.
  std::string wide = "[";
  for (int i = 0; i < 20'000; ++i)
    wide += "{\"\":\"{{{{\"},";
  auto objects = parseCertificate(wide + "{}]"), numbers = parseCertificate("[0" + std::string(2 << 20, ',') + "]");
  EXPECT_SAYS(llvm::toString(objects.takeError()), "an object counted for 64, found more");
  EXPECT_SAYS(llvm::toString(numbers.takeError()), "an object counted for 64, found more");
  auto text = parseCertificate("\"\\\"" + std::string(2 << 20, ',') + "\"");
  EXPECT_EQ(llvm::toString(text.takeError()).find("levels"), std::string::npos);
}

TEST(Certificate, EvidenceHasOneForm) {
  Certificate c = certified().certificate;
  c.checks[0].evidence =
      llvm::json::Object{{"b", -0.0}, {"a", 0.1}, {"c", llvm::json::Array{1e300, 3.0, int64_t(-7), nullptr, "x\ny"}}};
  std::string text = llvm::cantFail(printCertificate(c));
  EXPECT_EQ(llvm::cantFail(printCertificate(llvm::cantFail(parseCertificate(text)))), text);
  // What a check finds again is compared in that form.
  CheckResult result{"require", Verdict::Holds, "", UnknownLoc::get(&context()), "intervals", -0.0};
  EXPECT_EQ(certifiedCheck(result).evidence, llvm::json::Value(int64_t(0)));
  c.checks[0].evidence = HUGE_VAL;
  auto infinite = printCertificate(c);
  EXPECT_SAYS(llvm::toString(infinite.takeError()), "the evidence of 'seal @data");
}

//===--- What it says -------------------------------------------------------===//

TEST(Certificate, OfAnotherSpecOrCandidate) {
  Certified c = certified(), other = certified(points(), "evolve.widen @net at(0) units(6)");
  std::string swapped = joined(checkCertificate(*c.spec, *other.candidate, c.text));
  EXPECT_SAYS(swapped, "candidate: expected digest " + c.certificate.candidate + ", found digest " + other.certificate.candidate);
  EXPECT_SAYS(swapped, "lineage: expected the 3 mutations that the certificate lists, found 1");
  EXPECT_SAYS(swapped, "lineage step 0: expected 'evolve.widen @net at(0) units(7)', found 'evolve.widen @net at(0) units(6)'");
  EXPECT_SAYS(swapped, "limit parameters <= 200 (detail): expected '");
  auto spec = parse(replaced(points(), "epochs = 5", "epochs = 6"));
  EXPECT_SAYS(joined(checkCertificate(*spec, *c.candidate, c.text)), "spec: expected digest " + c.certificate.spec);
  std::string zeros(64, '0');
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.spec = zeros; }), "spec: expected digest " + zeros);
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.candidate = zeros; }), "candidate: expected digest " + zeros);
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.program = "net"; }), "program: expected @net, found @fit");
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.policy = "other"; }), "policy: expected @other, found @policy");
}

TEST(Certificate, LoosenedPolicy) {
  Certified c = certified();
  for (auto [from, to] : {std::pair<StringRef, StringRef>("parameters <= 200", "parameters <= 300"),
                          {"in [1.0e-3, 1.0]", "in [1.0e-3, 2.0]"},
                          {"    safety.limit parameters <= 200\n", ""}}) {
    // In the candidate: what the spec sealed is what counts.
    auto loose = parse(replaced(points(), from, to));
    auto candidate = evolve(*loose, mutations);
    std::string said = joined(checkCertificate(*c.spec, *candidate, c.text));
    EXPECT_SAYS(said, "seal @data @accuracy @distance @policy @search: expected holds, found violated: @policy changed");
    // In the spec: it is another one.
    said = joined(checkCertificate(*loose, *candidate, c.text));
    EXPECT_SAYS(said, "spec: expected digest " + c.certificate.spec);
    EXPECT_SAYS(said, "seal @policy: expected digest ");
    // In both, with a certificate for them: it holds, for the other spec, and says which that is.
    EXPECT_NE(llvm::cantFail(certifyCandidate(*loose, *candidate)).spec, c.certificate.spec);
  }
}

TEST(Certificate, BrokenPolicy) {
  auto spec = parse(points());
  auto large = evolve(*spec, "evolve.widen @net at(0) units(50)");
  auto refused = certifyCandidate(*spec, *large);
  EXPECT_SAYS(llvm::toString(refused.takeError()), "violated limit parameters <= 200: 252 > 200");
  // The same, certified by someone who does not look.
  Certified c = certified();
  Certificate lie = c.certificate;
  lie.candidate = canonicalDigest(*large);
  lie.lineage = {{"evolve.widen @net at(0) units(50)", "changing", lie.spec, lie.candidate}};
  std::string said = joined(checkCertificate(*spec, *large, llvm::cantFail(printCertificate(lie))));
  EXPECT_SAYS(said, "limit parameters <= 200: expected holds, found violated: 252 > 200");
  EXPECT_SAYS(said, "limit parameters <= 200 (verdict): expected holds, found violated");
}

TEST(Certificate, ClaimsMoreOrLess) {
  Certified c = certified();
  auto &checks = c.certificate.checks;
  for (size_t i = 0; i < checks.size(); ++i) {
    std::string name = checks[i].constraint;
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.checks[i].verdict = "unknown"; }),
                name + " (verdict): expected unknown, found holds");
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.checks[i].engine = "smt"; }), name + " (engine): expected smt, found ");
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.checks[i].status = "measured"; }),
                name + " (status): expected measured, found " + checks[i].status);
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.checks[i].detail += "!"; }), name + " (detail): expected '");
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.checks[i].evidence = 3; }),
                name + " (evidence): expected 3, found null");
    EXPECT_NE(forged(c, [&](Certificate &f) { f.checks.erase(f.checks.begin() + i); }), "");
    EXPECT_NE(forged(c, [&](Certificate &f) { f.checks.push_back(f.checks[i]); }), "");
  }
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.checks.pop_back(); }),
              "require no_flow(@data::test -> @fit): expected it in the certificate, found nothing of it");
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.checks.push_back(f.checks[0]); }),
              "expected it in the candidate's policy, found no such constraint");
  // What can't be planned again is compared with the limit all the same.
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.arenaBytes = 2000000; }),
              "limit memory <= 1000000: expected holds, found violated: 2000000 > 1000000");
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.arenaBytes = 8; }),
              "memory: expected an arena that holds at least 37 parameters, found one of 8 bytes");
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.arenaBytes -= 8; }), "limit memory <= 1000000 (detail): expected '");
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.seals.erase("policy"); }), "seal @policy: expected digest ");
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.seals["policy"] = f.spec; }), "seal @policy: expected digest " + c.certificate.spec);
  EXPECT_SAYS(forged(c, [&](Certificate &f) { f.seals["net"] = f.spec; }),
              "seal @net: expected the spec's policy to seal it, found that it does not");
}

/// What can't be compiled again is compared with the limit, and says what it was compiled for.
TEST(Certificate, CodeIsTakenFromTheCertificate) {
  Certified c = certified(replaced(points(), "    safety.limit parameters <= 200\n",
                                   "    safety.limit depth <= 2\n    safety.limit state_bytes <= 2000\n"
                                   "    safety.limit code_bytes <= 1000000\n"));
  EXPECT_EQ(joined(checkCertificate(*c.spec, *c.candidate, c.text)), "");
  auto at = llvm::find_if(c.certificate.checks, [](const CertifiedCheck &check) { return check.engine == "compiler"; });
  ASSERT_NE(at, c.certificate.checks.end());
  EXPECT_EQ(at->constraint, "limit code_bytes <= 1000000");
  EXPECT_EQ(at->status, "assumed");
  int64_t bytes = at->evidence.getAsObject()->getInteger("bytes").value_or(0);
  EXPECT_GT(bytes, 1000);
  auto claiming = [&](llvm::json::Value evidence) {
    return forged(c, [&](Certificate &f) { f.checks[at - c.certificate.checks.begin()].evidence = evidence; });
  };
  EXPECT_SAYS(claiming(llvm::json::Object{{"bytes", 1000001}, {"target", "x"}}),
              "limit code_bytes <= 1000000: expected holds, found violated: 1000001 > 1000000");
  EXPECT_SAYS(claiming(llvm::json::Object{{"bytes", bytes - 1}, {"target", "x"}}),
              "limit code_bytes <= 1000000 (detail): expected '");
  for (llvm::json::Value nothing : {llvm::json::Value(nullptr), llvm::json::Value(llvm::json::Object{{"target", "x"}}),
                                    llvm::json::Value(llvm::json::Object{{"bytes", "1"}, {"target", "x"}}),
                                    llvm::json::Value(llvm::json::Object{{"bytes", 0}, {"target", "x"}}),
                                    llvm::json::Value(llvm::json::Object{{"bytes", -1}, {"target", "x"}})})
    EXPECT_SAYS(claiming(nothing),
                "limit code_bytes <= 1000000: expected holds, found unknown: the program has not been compiled");
  // Depth and state are counted again.
  for (const CertifiedCheck &check : c.certificate.checks)
    if (check.constraint == "limit depth <= 2" || check.constraint == "limit state_bytes <= 2000")
      EXPECT_EQ(check.status + " by " + check.engine, "proved by cost");
}

//===--- Evidence -----------------------------------------------------------===//

/// A spec whose policy asks for proofs of every kind; without the probe, whose answers would have to be made first.
std::string manyProofs() {
  ::setenv("SELFOPT_DATA_DIR", SELFOPT_SOURCE_DIR "/test/Inputs", 1);
  auto buffer = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/test/Safety/attacks/base.mlir");
  std::string text;
  bool skip = false;
  for (StringRef line : llvm::split(buffer ? (*buffer)->getBuffer() : "", '\n')) {
    bool probe = line.contains("@probe");
    if (!probe && !skip)
      text += (line + "\n").str();
    skip = line.contains("@probe from");
  }
  return replaced(text, "safety.require bounded_step(@momentum) at_most(30000)",
                  "safety.require bounded_step(@momentum) at_most(200000)");
}

/// The evidence is what the checker goes by. Someone who can write certificates, digest and all, can't make it prove what
/// it does not prove, nor say more than it proves.
TEST(Certificate, EvidenceIsVerifiedNotTrusted) {
  auto spec = parse(manyProofs()), same = parse(manyProofs());
  ASSERT_TRUE(spec && same);
  auto made = certifyCandidate(*spec, *same);
  ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
  Certified c{std::move(spec), std::move(same), std::move(*made), ""};
  EXPECT_EQ(forged(c, [](Certificate &) {}), "");
  auto at = [&](StringRef constraint) {
    return size_t(llvm::find_if(c.certificate.checks, [&](auto &check) {
                    return StringRef(check.constraint).starts_with(constraint);
                  }) - c.certificate.checks.begin());
  };
  auto editing = [&](StringRef constraint, llvm::function_ref<void(llvm::json::Object &)> edit) {
    size_t i = at(constraint);
    return forged(c, [&](Certificate &f) { edit(*f.checks[i].evidence.getAsObject()); });
  };
  auto put = [](llvm::json::Object &object, StringRef name, llvm::json::Value value) { object[name] = std::move(value); };
  // A potential that is none, values that solve nothing; a proof that says more of itself than it is.
  for (const char *list : {"potential", "without_bonus", "with_bonus"})
    EXPECT_SAYS(editing("require potential_based", [&](llvm::json::Object &e) { put(*e.getObject("values"), list, "AAAA"); }),
                "require potential_based(@nearer): expected holds, found unknown: expected evidence of 6 states");
  EXPECT_SAYS(editing("require potential_based", [&](llvm::json::Object &e) {
                std::string zeros(64, 'A'); // six numbers, all of them 0
                put(*e.getObject("values"), "potential", zeros);
              }),
              "require potential_based(@nearer): expected holds, found unknown: no potential was found");
  EXPECT_SAYS(editing("require potential_based", [&](llvm::json::Object &e) { put(e, "gap", 100.0); }),
              "require potential_based(@nearer) (evidence): expected");
  // Boxes that the rule leaves, and steps that are in no piece.
  auto shrink = [&](llvm::json::Object &e) {
    put(*(*e.getArray("invariant"))[0].getAsObject(), "box", llvm::json::Array{"-1.0", "1.0"});
  };
  EXPECT_SAYS(editing("require finite_state", shrink), "expected holds, found unknown: state 0 is in no box that the rule keeps");
  EXPECT_SAYS(editing("require bounded_step", shrink), "expected holds, found unknown: state 0 is in no box that the rule keeps");
  EXPECT_SAYS(editing("require bounded_step", [&](llvm::json::Object &e) { put(e, "pieces", llvm::json::Array{1000}); }),
              "expected holds, found unknown: expected at most 512 parts of the steps");
  EXPECT_SAYS(editing("require bounded_step", [&](llvm::json::Object &e) { put(e, "bound", "1.0"); }), "(evidence): expected");
  // A loss that moves nowhere, as far as the evidence goes; a tree of a box that needs none, or cases that are not there.
  EXPECT_SAYS(editing("require aligned(@loss)", [&](llvm::json::Object &e) {
                (*e.getArray("cases"))[0].getAsObject()->erase("point");
              }),
              "expected holds, found unknown: label 0, the derivative by the right score was found other than 0, the right way, at no point");
  EXPECT_SAYS(editing("require finite(@loss)", [&](llvm::json::Object &e) {
                put(*(*e.getArray("cases"))[0].getAsObject(), "tree", "(0.0 0.0 L L)");
              }),
              "(evidence): expected");
  EXPECT_SAYS(editing("require finite(@loss)", [&](llvm::json::Object &e) { e.getArray("cases")->push_back(nullptr); }),
              "(evidence): expected");
  // No evidence at all: nothing is looked for here.
  for (size_t i = 0; i < c.certificate.checks.size(); ++i)
    if (const std::string &name = c.certificate.checks[i].constraint; c.certificate.checks[i].evidence.getAsObject())
      EXPECT_NE(forged(c, [&](Certificate &f) { f.checks[i].evidence = nullptr; }), "") << name;
  // Or under the name of another constraint.
  EXPECT_NE(forged(c, [&](Certificate &f) { std::swap(f.checks[at("require finite_state")], f.checks[at("require bounded_step")]); }), "");
}

//===--- The lineage --------------------------------------------------------===//

TEST(Certificate, LineageOfTheCertificate) {
  Certified c = certified();
  std::string zeros(64, '0');
  for (size_t i = 0; i < 3; ++i) {
    std::string step = "lineage step " + std::to_string(i);
    std::string gone = forged(c, [&](Certificate &f) { f.lineage.erase(f.lineage.begin() + i); });
    EXPECT_SAYS(gone, "lineage: expected the 2 mutations that the certificate lists, found 3 in the candidate");
    EXPECT_SAYS(gone, i < 2 ? step + " (before): expected digest " : std::string("lineage end: expected digest "));
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.lineage[i].claim = "equivalent"; }),
                step + " (claim): expected equivalent, found changing");
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.lineage[i].before = zeros; }), step + " (before): expected digest ");
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.lineage[i].after = zeros; }), "found digest ");
    EXPECT_SAYS(forged(c, [&](Certificate &f) { f.lineage[i].mutation += " "; }), step + ": expected 'evolve.");
  }
  EXPECT_SAYS(forged(c, [&](Certificate &f) { std::swap(f.lineage[0], f.lineage[1]); }), "lineage step 0 (before): expected digest ");
  // Digests in place, texts exchanged.
  EXPECT_SAYS(forged(c, [&](Certificate &f) { std::swap(f.lineage[0].mutation, f.lineage[1].mutation); }),
              "lineage step 0: expected 'evolve.jitter_hyper");
}

TEST(Certificate, LineageOfTheCandidate) {
  Certified c = certified();
  auto said = [&] { return joined(checkCertificate(*c.spec, *c.candidate, c.text)); };
  auto lineage = *c.candidate->getOps<evolve::LineageOp>().begin();
  Block &block = lineage.getBody().front();
  // The canonical digest knows nothing of the lineage: this is what compares it.
  block.front().moveAfter(&block.back());
  EXPECT_SAYS(said(), "lineage step 0: expected 'evolve.widen @net at(0) units(7)', found 'evolve.jitter_hyper");
  block.back().moveBefore(&block.front());
  EXPECT_EQ(said(), "");
  Operation *last = &block.back();
  last->remove();
  EXPECT_SAYS(said(), "lineage: expected the 3 mutations that the certificate lists, found 2 in the candidate");
  block.push_back(last);
  std::string from = lineage.getFrom().str();
  lineage.setFrom("5d1c");
  EXPECT_SAYS(said(), "lineage: expected a lineage from " + from + ", found one from 5d1c");
  lineage.setFrom(from);
  c.candidate->push_back(lineage->clone());
  EXPECT_SAYS(said(), "expected one evolve.lineage in the candidate, found several");
  c.candidate->getBody()->back().erase();
  lineage->erase();
  EXPECT_SAYS(said(), "found 0 in the candidate");
}

TEST(Certificate, EditedBeyondItsLineage) {
  Certified c = certified();
  c.candidate->lookupSymbol<TrainOp>("fit").setEpochs(6);
  EXPECT_SAYS(joined(checkCertificate(*c.spec, *c.candidate, c.text)), "candidate: expected digest " + c.certificate.candidate);
  auto refused = certifyCandidate(*c.spec, *c.candidate);
  EXPECT_SAYS(llvm::toString(refused.takeError()), "expected the candidate's lineage to lead to it");
}

//===--- The attribute ------------------------------------------------------===//

TEST(Certificate, TheCandidateNamesIt) {
  Certified c = certified();
  std::string digest = llvm::cantFail(digestOf(c.certificate)), canonical = canonicalDigest(*c.candidate);
  auto said = [&] { return joined(checkCertificate(*c.spec, *c.candidate, c.text)); };
  Builder b(&context());
  (*c.candidate)->setAttr(safety::certificateAttr, b.getStringAttr(digest));
  EXPECT_EQ(said(), "");
  EXPECT_EQ(canonicalDigest(*c.candidate), canonical);
  EXPECT_EQ(SpecDigester().digest(*c.candidate), canonical);
  (*c.candidate)->setAttr("other", b.getUnitAttr());
  EXPECT_NE(canonicalDigest(*c.candidate), canonical) << "only this attribute is no part of it";
  (*c.candidate)->removeAttr("other");
  auto again = parse(printSpec(*c.candidate));
  EXPECT_EQ(joined(checkCertificate(*c.spec, *again, c.text)), "");
  (*c.candidate)->setAttr(safety::certificateAttr, b.getStringAttr(canonical));
  EXPECT_SAYS(said(), "candidate: expected safety.certificate to name this certificate, " + digest + ", found " + canonical);
  (*c.candidate)->setAttr(safety::certificateAttr, b.getUnitAttr());
  EXPECT_SAYS(said(), "found no string");
}

} // namespace
