//===- Html.cpp - Texts of a page --------------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;

std::string report::escape(StringRef text) {
  std::string clean = llvm::json::isUTF8(text) ? text.str() : llvm::json::fixUTF8(text);
  std::string out;
  for (char c : clean) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      // XML knows no other control characters, not even as references.
      out += (unsigned char)(c) >= 0x20 || c == '\n' || c == '\t' ? c : '?';
    }
  }
  return out;
}

static std::string withMinus(std::string text) {
  if (!text.empty() && text[0] == '-')
    text.replace(0, 1, "\xe2\x88\x92");
  return text;
}

std::string report::decimal(double value, int digits) {
  if (!std::isfinite(value))
    return std::isnan(value) ? "none" : value > 0 ? "\xe2\x88\x9e" : "\xe2\x88\x92\xe2\x88\x9e";
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  // What rounds to zero has no sign.
  if (StringRef(buffer).find_first_not_of("-0.") == StringRef::npos)
    return StringRef(buffer).ltrim('-').str();
  return withMinus(buffer);
}

std::string report::grouped(int64_t value) {
  std::string digits = std::to_string(value < 0 ? -value : value), out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % 3 == 0)
      out += ',';
    out += digits[i];
  }
  return value < 0 ? "\xe2\x88\x92" + out : out;
}

std::string report::scaled(double value) {
  const char *units[] = {"", " k", " M", " G", " T", " P"};
  size_t unit = 0;
  while (std::fabs(value) >= 1000 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, unit == 0 ? "%.4g" : "%.3g", value);
  return withMinus(buffer) + units[unit];
}

std::string report::seconds(double value) {
  if (value < 0.995)
    return decimal(value * 1000, value < 0.01 ? 2 : 0) + " ms";
  if (value < 10)
    return decimal(value, 2) + " s";
  if (value < 100)
    return decimal(value, 0) + " s";
  return llvm::formatv("{0} min {1} s", int64_t(value) / 60, int64_t(value) % 60);
}

std::string report::withInterval(const Estimate &e, int digits) {
  if (e.count == 0)
    return "none";
  std::string text = decimal(e.mean, digits);
  if (e.count > 1)
    text += " [" + decimal(e.low, digits) + ", " + decimal(e.high, digits) + "]";
  return text;
}

StringRef report::quantityName(StringRef quantity) {
  return quantity == "flops_per_example" ? "FLOPs per example"
         : quantity == "train_flops"     ? "train FLOPs"
         : quantity == "memory"          ? "bytes of memory"
                                         : quantity;
}

std::string report::legend(llvm::ArrayRef<std::pair<StringRef, std::string>> entries) {
  std::string out = "<ul class=\"legend\">";
  for (auto &[style, text] : entries)
    out += "<li><span class=\"key " + style.str() + "\" aria-hidden=\"true\"></span>" + escape(text) + "</li>";
  return out + "</ul>\n";
}

std::string report::figure(const std::string &title, const std::string &chart, const std::string &caption) {
  return "<figure><h3>" + escape(title) + "</h3>\n" + chart + "<figcaption>" + caption + "</figcaption></figure>\n";
}

std::string report::withSign(double value, int digits) {
  std::string text = decimal(value, digits);
  return (value > 0 && StringRef(text).find_first_not_of("0.") != StringRef::npos ? "+" : "") + text;
}
