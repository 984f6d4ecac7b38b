//===- Certificate.cpp - The canonical form of a certificate ----------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON in UTF-8: the fields of an object sorted by their names, two spaces of indentation a level, a newline at the
// end, numbers and strings as LLVM's JSON library writes them. A text is canonical when it is what its own contents
// print as: the parser needs no rules about white space, escapes, spellings of numbers, or fields that come twice.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/Certificate.h"
#include "SelfOpt/Support/Digest.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace selfopt;

static constexpr StringLiteral formatName = "selfopt certificate";
static constexpr int64_t version = 2; // 1 had evidence that nothing could be verified from.
static constexpr StringLiteral enforcedBy =
    "the arena is allocated to the byte that the plan says, and the worker's address space is limited";
/// More than a lineage of thousands; and deeper than anything that is written here.
static constexpr size_t maximumBytes = size_t(64) << 20, maximumValues = size_t(1) << 20;
static constexpr size_t maximumDepth = 64;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static std::string printed(const json::Value &value) { return formatv("{0:2}\n", value).str(); }

/// What a reader makes of a value: -0.0, say, is written as an integer. Numbers that are not finite have no text.
static Expected<json::Value> asRead(const json::Value &value) {
  std::string text = printed(value);
  auto read = json::parse(text);
  if (!read)
    return read.takeError();
  if (printed(*read) != text)
    return asRead(*read);
  return read;
}

CertifiedCheck selfopt::certifiedCheck(const CheckResult &result) {
  // Only the planner and the compiler can say these again.
  bool assumed = result.needs == Needs::Plan || result.needs == Needs::Code;
  // In the form that it is compared in. One that can't be written stays, and printing says so.
  auto evidence = asRead(result.evidence);
  if (!evidence)
    consumeError(evidence.takeError());
  return {result.constraint, stringifyVerdict(result.verdict).str(),
          result.engine,     assumed ? "assumed" : result.engine == "measured" ? "measured" : "proved",
          result.detail,     evidence ? *evidence : result.evidence};
}

/// All but the digest.
static Expected<json::Object> objectOf(const Certificate &c) {
  json::Object seals;
  for (auto &[symbol, digest] : c.seals)
    seals[symbol] = digest;
  json::Array lineage, checks;
  for (const CertifiedStep &s : c.lineage)
    lineage.push_back(
        json::Object{{"mutation", s.mutation}, {"claim", s.claim}, {"before", s.before}, {"after", s.after}});
  for (const CertifiedCheck &check : c.checks) {
    auto evidence = asRead(check.evidence);
    if (!evidence)
      return joinErrors(createStringError("the evidence of '" + check.constraint + "' can't be written"),
                        evidence.takeError());
    checks.push_back(json::Object{{"constraint", check.constraint},
                                  {"verdict", check.verdict},
                                  {"engine", check.engine},
                                  {"status", check.status},
                                  {"detail", check.detail},
                                  {"evidence", std::move(*evidence)}});
  }
  return json::Object{
      {"format", formatName},
      {"version", version},
      {"spec", c.spec},
      {"candidate", c.candidate},
      {"program", c.program},
      {"policy", json::Object{{"name", c.policy}, {"seals", std::move(seals)}}},
      {"lineage", std::move(lineage)},
      {"checks", std::move(checks)},
      {"memory", json::Object{{"arena_bytes", c.arenaBytes}, {"status", "assumed"}, {"enforced_by", enforcedBy}}}};
}

Expected<std::string> selfopt::digestOf(const Certificate &certificate) {
  auto object = objectOf(certificate);
  if (!object)
    return object.takeError();
  return digestHex(printed(std::move(*object)));
}

Expected<std::string> selfopt::printCertificate(const Certificate &certificate) {
  auto object = objectOf(certificate);
  if (!object)
    return object.takeError();
  std::string digest = digestHex(printed(json::Object(*object)));
  (*object)["digest"] = digest;
  return printed(std::move(*object));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// LLVM's parser calls itself for every level, and an object has room for 64 fields.
static bool isTooLarge(StringRef text) {
  size_t depth = 0, values = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"')
      inString = !inString;
    if (inString) {
      i += c == '\\';
      continue;
    }
    depth += (c == '[' || c == '{') - (depth && (c == ']' || c == '}'));
    values += c == '{' ? 64 : c == '[' || c == ',';
    if (depth > maximumDepth || values > maximumValues)
      return true;
  }
  return false;
}

// Errors say where, and what was expected there. Fields beside these, and words that nothing else may be, are not
// looked for: they are not in the canonical form of what was read.

namespace selfopt {

static bool fromJSON(const json::Value &value, CertifiedStep &step, json::Path at) {
  json::ObjectMapper o(value, at);
  return o && o.map("mutation", step.mutation) && o.map("claim", step.claim) && o.map("before", step.before) &&
         o.map("after", step.after);
}

static bool fromJSON(const json::Value &value, CertifiedCheck &check, json::Path at) {
  json::ObjectMapper o(value, at);
  if (!o || !o.map("constraint", check.constraint) || !o.map("verdict", check.verdict) ||
      !o.map("engine", check.engine) || !o.map("status", check.status) || !o.map("detail", check.detail))
    return false;
  if (const json::Value *evidence = value.getAsObject()->get("evidence"))
    return check.evidence = *evidence, true;
  at.field("evidence").report("missing value");
  return false;
}

} // namespace selfopt

Expected<Certificate> selfopt::parseCertificate(StringRef text) {
  if (text.size() > maximumBytes)
    return createStringError("expected at most " + Twine(maximumBytes) + " bytes, found " + Twine(text.size()));
  if (isTooLarge(text))
    return createStringError("expected at most " + Twine(maximumDepth) + " levels of JSON and " + Twine(maximumValues) +
                             " values, an object counted for 64, found more");
  auto value = json::parse(text);
  if (!value)
    return joinErrors(createStringError("expected JSON"), value.takeError());
  // Another version has other fields.
  if (const json::Object *any = value->getAsObject())
    if (any->getString("format") != StringRef(formatName) || any->getInteger("version") != version)
      return createStringError("expected format '" + formatName + "' version " + Twine(version) + ", found another");
  Certificate c;
  std::string digest;
  json::Path::Root root("certificate");
  json::Path at(root);
  const json::Value none = nullptr;
  auto field = [&](StringLiteral name) {
    const json::Object *object = value->getAsObject();
    const json::Value *found = object ? object->get(name) : nullptr;
    return json::ObjectMapper(found ? *found : none, at.field(name));
  };
  json::ObjectMapper o(*value, at), policy = field("policy"), memory = field("memory");
  if (!o || !policy || !memory || !o.map("spec", c.spec) || !o.map("candidate", c.candidate) ||
      !o.map("program", c.program) || !policy.map("name", c.policy) || !policy.map("seals", c.seals) ||
      !o.map("lineage", c.lineage) || !o.map("checks", c.checks) || !memory.map("arena_bytes", c.arenaBytes) ||
      !o.map("digest", digest)) {
    std::string found;
    raw_string_ostream os(found);
    root.printErrorContext(*value, os);
    return joinErrors(root.getError(), createStringError("found " + found));
  }
  if (c.arenaBytes < 0)
    return createStringError("expected a number of bytes as memory.arena_bytes, found " + Twine(c.arenaBytes));
  // The whole of what was read, so that whatever was not is found here.
  auto found = digestOf(c);
  if (!found)
    return found.takeError();
  if (*found != digest)
    return createStringError("it was edited: expected the digest " + digest + " that it holds, found " + *found);
  std::string canonical = cantFail(printCertificate(c));
  if (canonical != text) {
    size_t same = std::mismatch(text.begin(), text.end(), canonical.begin(), canonical.end()).first - text.begin();
    return createStringError("expected the canonical form, found another one from byte " + Twine(same) + " on");
  }
  return c;
}
