//===- Certificate.cpp - The canonical form of a certificate ----------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON in UTF-8: the fields of an object sorted by their names, two spaces of indentation a level, a newline at the end,
// numbers and strings as LLVM's JSON library writes them. A text is canonical when it is what its own contents print as:
// the parser needs no rules about white space, escapes, spellings of numbers, or fields that come twice.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/Certificate.h"
#include "SelfOpt/Support/Digest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace selfopt;

static constexpr StringLiteral formatName = "selfopt certificate";
static constexpr int64_t version = 1;
static constexpr StringLiteral enforcedBy =
    "the arena is allocated to the byte that the plan says, and the worker's address space is limited";
/// More than a lineage of thousands; and deeper than anything that is written here.
static constexpr size_t maximumBytes = size_t(64) << 20;
static constexpr int maximumDepth = 64;

static Error makeError(const Twine &message) {
  return createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

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
  return {result.constraint,
          stringifyVerdict(result.verdict).str(),
          result.engine,
          assumed                       ? "assumed"
          : result.engine == "measured" ? "measured"
                                        : "proved",
          result.detail,
          evidence ? *evidence : result.evidence};
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
      return joinErrors(makeError("the evidence of '" + check.constraint + "' can't be written"), evidence.takeError());
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

/// LLVM's parser calls itself for every level.
static bool isTooDeep(StringRef text) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      i += c == '\\';
      inString = c != '"';
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > maximumDepth)
        return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

namespace {

/// The fields of an object. The first thing that is wrong is remembered, and said with its place.
class Reader {
public:
  std::string problem;

  /// Null, with a problem, unless it is an object of these fields and no others.
  const json::Object *object(const json::Value *value, ArrayRef<StringRef> fields, const Twine &where) {
    const json::Object *o = value ? value->getAsObject() : nullptr;
    if (!o)
      return refuse(where, "an object", value), nullptr;
    for (auto &[name, field] : *o)
      if (!is_contained(fields, StringRef(name)))
        return note(where + ": expected " + join(fields, ", ") + "; found the unknown field '" + StringRef(name) + "'"),
               nullptr;
    for (StringRef field : fields)
      if (!o->get(field))
        return note(where + ": expected the field '" + field + "', found none"), nullptr;
    return o;
  }
  std::string text(const json::Object &o, StringRef field, const Twine &where, ArrayRef<StringRef> words = {}) {
    auto s = o.getString(field);
    if (!s || (!words.empty() && !is_contained(words, *s)))
      return refuse(where + "." + field, words.empty() ? "a string" : join(words, " or "), o.get(field)), "";
    return s->str();
  }
  std::string digest(const json::Object &o, StringRef field, const Twine &where) {
    std::string s = text(o, field, where);
    bool isDigest = s.size() == 64 && all_of(s, [](char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); });
    if (!isDigest)
      refuse(where + "." + field, "64 hexadecimal digits", o.get(field));
    return s;
  }
  const json::Array &array(const json::Object &o, StringRef field, const Twine &where) {
    static const json::Array none;
    if (const json::Array *a = o.getArray(field))
      return *a;
    refuse(where + "." + field, "an array", o.get(field));
    return none;
  }
  void refuse(const Twine &where, const Twine &expected, const json::Value *found) {
    std::string text = "nothing";
    if (found)
      text = formatv("{0}", *found).str();
    note(where + ": expected " + expected + ", found " + StringRef(text).take_front(80));
  }
  void note(const Twine &what) {
    if (problem.empty())
      problem = what.str();
  }
};

} // namespace

Expected<Certificate> selfopt::parseCertificate(StringRef text) {
  if (text.size() > maximumBytes)
    return makeError("expected at most " + Twine(maximumBytes) + " bytes, found " + Twine(text.size()));
  if (isTooDeep(text))
    return makeError("expected at most " + Twine(maximumDepth) + " levels of JSON, found more");
  auto value = json::parse(text);
  if (!value)
    return joinErrors(makeError("expected JSON"), value.takeError());
  Certificate c;
  Reader read;
  auto refused = [&] { return makeError(read.problem); };
  // Another version has other fields.
  if (const json::Object *any = value->getAsObject())
    if (any->getString("format") != StringRef(formatName) || any->getInteger("version") != version)
      return makeError("expected format '" + formatName + "' version " + Twine(version) + ", found another");
  const json::Object *top = read.object(&*value,
                                        {"candidate", "checks", "digest", "format", "lineage", "memory", "policy",
                                         "program", "spec", "version"},
                                        "certificate");
  if (!top)
    return refused();
  c.spec = read.digest(*top, "spec", "certificate");
  c.candidate = read.digest(*top, "candidate", "certificate");
  c.program = read.text(*top, "program", "certificate");
  std::string digest = read.digest(*top, "digest", "certificate");
  if (const json::Object *policy = read.object(top->get("policy"), {"name", "seals"}, "policy")) {
    c.policy = read.text(*policy, "name", "policy");
    if (const json::Object *seals = policy->getObject("seals"))
      for (auto &[symbol, sealed] : *seals)
        c.seals[StringRef(symbol).str()] = read.digest(*seals, symbol, "policy.seals");
    else
      read.refuse("policy.seals", "an object", policy->get("seals"));
  }
  for (auto [i, entry] : enumerate(read.array(*top, "lineage", "certificate"))) {
    std::string where = "lineage[" + std::to_string(i) + "]";
    const json::Object *o = read.object(&entry, {"after", "before", "claim", "mutation"}, where);
    if (!o)
      return refused();
    CertifiedStep step;
    step.mutation = read.text(*o, "mutation", where);
    step.claim = read.text(*o, "claim", where, {"equivalent", "preserving", "repairing", "changing"});
    step.before = read.digest(*o, "before", where);
    step.after = read.digest(*o, "after", where);
    c.lineage.push_back(std::move(step));
  }
  for (auto [i, entry] : enumerate(read.array(*top, "checks", "certificate"))) {
    std::string where = "checks[" + std::to_string(i) + "]";
    const json::Object *o =
        read.object(&entry, {"constraint", "detail", "engine", "evidence", "status", "verdict"}, where);
    if (!o)
      return refused();
    CertifiedCheck check;
    check.constraint = read.text(*o, "constraint", where);
    check.verdict = read.text(*o, "verdict", where, {"holds", "violated", "unknown"});
    check.engine = read.text(*o, "engine", where);
    check.status = read.text(*o, "status", where, {"proved", "measured", "assumed"});
    check.detail = read.text(*o, "detail", where);
    check.evidence = *o->get("evidence");
    c.checks.push_back(std::move(check));
  }
  if (const json::Object *memory = read.object(top->get("memory"), {"arena_bytes", "enforced_by", "status"}, "memory")) {
    read.text(*memory, "status", "memory", {"assumed"});
    read.text(*memory, "enforced_by", "memory", {enforcedBy});
    if (auto bytes = memory->getInteger("arena_bytes"); bytes && *bytes >= 0)
      c.arenaBytes = *bytes;
    else
      read.refuse("memory.arena_bytes", "a number of bytes", memory->get("arena_bytes"));
  }
  if (!read.problem.empty())
    return refused();
  // The whole of what was read, so that whatever was not is found here.
  auto canonical = printCertificate(c);
  if (!canonical)
    return canonical.takeError();
  auto found = digestOf(c);
  if (!found)
    return found.takeError();
  if (*found != digest)
    return makeError("it was edited: expected the digest " + digest + " that it holds, found " + *found);
  if (*canonical != text) {
    size_t same = std::mismatch(text.begin(), text.end(), canonical->begin(), canonical->end()).first - text.begin();
    return makeError("expected the canonical form, found another one from byte " + Twine(same) + " on");
  }
  return c;
}
