//===- SpecDiff.cpp - What changed between two specs -------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/SpecDiff.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;

/// A line as text with one '%' per value, and the values.
namespace {
struct Line {
  StringRef text;
  std::string shape;
  std::vector<StringRef> values;
  bool opensProgram = false; ///< A symbol of the module begins: numbers start again.
};
} // namespace

static bool isNameChar(char c) { return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.' || c == '-'; }

static Line parseLine(StringRef text) {
  Line line;
  line.text = text;
  line.opensProgram = text.starts_with("  ") && text.size() > 2 && text[2] != ' ' && text[2] != '}';
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '%' || (i && text[i - 1] != ' ' && text[i - 1] != '(' && text[i - 1] != '[')) {
      line.shape += text[i++];
      continue;
    }
    size_t end = i + 1;
    while (end < text.size() && isNameChar(text[end]))
      ++end;
    line.values.push_back(text.slice(i, end));
    line.shape += '%';
    i = end;
  }
  return line;
}

static std::vector<Line> parseLines(StringRef text) {
  llvm::SmallVector<StringRef> parts;
  text.rtrim('\n').split(parts, '\n');
  std::vector<Line> lines;
  for (StringRef part : parts)
    lines.push_back(parseLine(part));
  return lines;
}

/// The pairs of a longest common subsequence of shapes. What both texts begin and end with is paired off first, so that
/// a single edit among many lines of one shape is found where it is.
static std::vector<std::pair<size_t, size_t>> align(const std::vector<Line> &a, const std::vector<Line> &b) {
  std::vector<std::pair<size_t, size_t>> pairs;
  size_t begin = 0, endA = a.size(), endB = b.size();
  while (begin < endA && begin < endB && a[begin].shape == b[begin].shape) {
    pairs.push_back({begin, begin});
    ++begin;
  }
  std::vector<std::pair<size_t, size_t>> tail;
  while (endA > begin && endB > begin && a[endA - 1].shape == b[endB - 1].shape)
    tail.push_back({--endA, --endB});
  size_t n = endA - begin, m = endB - begin;
  std::vector<unsigned> longest((n + 1) * (m + 1), 0);
  auto at = [&](size_t i, size_t j) -> unsigned & { return longest[i * (m + 1) + j]; };
  for (size_t i = n; i-- > 0;)
    for (size_t j = m; j-- > 0;)
      at(i, j) = a[begin + i].shape == b[begin + j].shape ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
  for (size_t i = 0, j = 0; i < n && j < m;) {
    if (a[begin + i].shape == b[begin + j].shape) {
      pairs.push_back({begin + i++, begin + j++});
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      ++i;
    } else {
      ++j;
    }
  }
  pairs.insert(pairs.end(), tail.rbegin(), tail.rend());
  return pairs;
}

/// How many of a line's values it defines: those before " = ", and all of a program's header.
static size_t definitions(const Line &line) {
  if (line.opensProgram)
    return line.values.size();
  size_t equals = line.shape.find(" = ");
  return equals == std::string::npos ? 0 : llvm::count(StringRef(line.shape).take_front(equals), '%');
}

/// A line of the old text with the new names; with `mark`, a value that is gone has a prime, since some new value may
/// have its number.
static std::string renamed(const Line &line, const llvm::StringMap<StringRef> &names, bool mark) {
  std::string text;
  size_t next = 0;
  for (char c : line.shape) {
    if (c != '%' || next >= line.values.size()) {
      text += c;
      continue;
    }
    StringRef value = line.values[next++];
    auto it = names.find(value);
    text += it == names.end() ? value : it->second;
    if (mark && it == names.end())
      text += '\'';
  }
  return text;
}

/// "selfopt.optimizer @adam" of a program's header.
static StringRef titleOf(const Line &line) {
  return line.text.trim().take_until([](char c) { return c == '(' || c == '{'; });
}

/// The op that a line begins with, behind what it defines.
static StringRef opOf(const Line &line) {
  StringRef text = line.text;
  if (definitions(line) && !line.opensProgram)
    text = text.split(" = ").second;
  return text.ltrim().take_until([](char c) { return c == ' ' || c == '('; });
}

/// What stands in for what where a few lines were replaced: the values that they define keep their readers unchanged.
/// As many on both sides stand in for each other in order; otherwise those with the same op.
static void matchReplaced(llvm::ArrayRef<Line> removed, llvm::ArrayRef<Line> added, llvm::StringMap<StringRef> &names) {
  auto take = [&](const Line &x, const Line &y) {
    if (definitions(x) != definitions(y))
      return false;
    for (size_t k = 0; k < definitions(x); ++k)
      names[x.values[k]] = y.values[k];
    return true;
  };
  if (removed.size() == added.size()) {
    for (auto [x, y] : llvm::zip(removed, added))
      take(x, y);
    return;
  }
  size_t next = 0;
  for (const Line &x : removed)
    for (size_t k = next; k < added.size(); ++k)
      if (opOf(x) == opOf(added[k]) && take(x, added[k])) {
        next = k + 1;
        break;
      }
}

std::vector<DiffLine> report::diffSpecs(StringRef before, StringRef after) {
  std::vector<Line> a = parseLines(before), b = parseLines(after);
  std::vector<std::pair<size_t, size_t>> pairs = align(a, b);
  std::vector<DiffLine> out;
  llvm::StringMap<StringRef> names; // of the old text's values in the new one, inside the present program
  bool livesOn = false;             // whether the present program of the old text is in the new one
  size_t i = 0, j = 0;
  auto slice = [](const std::vector<Line> &lines, size_t from, size_t to) {
    return llvm::ArrayRef(lines).slice(from, to - from);
  };
  auto replaceUntil = [&](size_t oldEnd, size_t newEnd) {
    matchReplaced(slice(a, i, oldEnd), slice(b, j, newEnd), names);
    for (; i < oldEnd; ++i) {
      if (a[i].opensProgram) {
        // Another program, or the same with another header: then its arguments are the same as far as they go.
        names.clear();
        size_t k = j;
        while (k < newEnd && !(b[k].opensProgram && titleOf(a[i]) == titleOf(b[k])))
          ++k;
        livesOn = k < newEnd;
        if (livesOn) {
          for (auto [from, to] : llvm::zip(a[i].values, b[k].values))
            names[from] = to;
          matchReplaced(slice(a, i + 1, oldEnd), slice(b, k + 1, newEnd), names);
        }
      }
      out.push_back({DiffLine::Kind::Removed, renamed(a[i], names, livesOn)});
    }
    for (; j < newEnd; ++j)
      out.push_back({DiffLine::Kind::Added, b[j].text.str()});
  };
  for (auto [oldLine, newLine] : pairs) {
    replaceUntil(oldLine, newLine);
    const Line &x = a[oldLine], &y = b[newLine];
    if (x.opensProgram) {
      names.clear();
      livesOn = true;
    }
    bool same = true;
    size_t defined = definitions(y);
    for (auto [k, pair] : llvm::enumerate(llvm::zip(x.values, y.values))) {
      auto [from, to] = pair;
      if (k < defined) {
        names[from] = to;
      } else {
        auto it = names.find(from);
        same &= it != names.end() && it->second == to;
      }
    }
    if (!same)
      out.push_back({DiffLine::Kind::Removed, renamed(x, names, true)});
    out.push_back({same ? DiffLine::Kind::Same : DiffLine::Kind::Added, y.text.str()});
    i = oldLine + 1;
    j = newLine + 1;
  }
  replaceUntil(a.size(), b.size());
  return out;
}

std::vector<DiffLine> report::shorten(const std::vector<DiffLine> &lines, unsigned context) {
  std::vector<bool> keep(lines.size(), false);
  size_t header = lines.size();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (parseLine(lines[i].text).opensProgram)
      header = i;
    if (lines[i].kind == DiffLine::Kind::Same)
      continue;
    size_t first = i > context ? i - context : 0;
    for (size_t k = first; k <= std::min(lines.size() - 1, i + context); ++k)
      keep[k] = true;
    if (header < lines.size())
      keep[header] = true;
  }
  std::vector<DiffLine> out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (keep[i])
      out.push_back(lines[i]);
    else if (!out.empty() && out.back().kind != DiffLine::Kind::Gap)
      out.push_back({DiffLine::Kind::Gap, ""});
  }
  while (!out.empty() && out.back().kind == DiffLine::Kind::Gap)
    out.pop_back();
  return out;
}
