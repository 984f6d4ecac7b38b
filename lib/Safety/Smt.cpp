//===- Smt.cpp - Questions to Z3 ----------------------------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Smt.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <z3.h> // The C interface: z3++.h reports errors by exceptions, which this project does without.

using namespace selfopt;
using namespace selfopt::smt;

std::string smt::run(const std::string &text, unsigned resources) {
  Z3_config config = Z3_mk_config();
  Z3_context context = Z3_mk_context(config);
  Z3_del_config(config);
  // The default ends the process.
  Z3_set_error_handler(context, [](Z3_context, Z3_error_code) {});
  std::string limit = "(set-option :rlimit " + std::to_string(resources) + ")\n";
  std::string said = Z3_eval_smtlib2_string(context, (limit + text).c_str());
  Z3_del_context(context);
  return said;
}
std::string smt::ask(const std::string &text, unsigned resources) {
  std::string said = run(text, resources);
  // Whatever else it says, of a text that it can't read for one, is no answer.
  return said == "unsat\n" ? "unsat" : said == "sat\n" ? "sat" : "unknown";
}

/// The power of ten that leaves `digits` digits before the point; values below 1e-300 count as zero.
static int scaleOf(double value, unsigned digits) { return int(digits) - 1 - int(std::floor(std::log10(value))); }

// Powers of ten and products are off by some 1e-16 of an f64, which the factors more than cover.
Decimal Decimal::above(double value, unsigned digits) {
  if (value == 0)
    return {};
  int scale = scaleOf(std::max(value, 1e-290), digits);
  return {int64_t(std::ceil(std::max(value, 1e-290) * std::pow(10.0, scale) * (1 + 1e-14))), -scale};
}
Decimal Decimal::below(double value, unsigned digits) {
  if (value < 1e-290)
    return {};
  int scale = scaleOf(value, digits);
  return {int64_t(std::floor(value * std::pow(10.0, scale) * (1 - 1e-14))), -scale};
}
std::optional<Decimal> Decimal::parse(llvm::StringRef text) {
  auto [whole, part] = text.split('.');
  Decimal d{0, -int(part.size())};
  if (text.size() > 18 || (whole + part).str().find_first_not_of("0123456789") != std::string::npos ||
      llvm::StringRef((whole + part).str()).getAsInteger(10, d.mantissa))
    return std::nullopt;
  return d;
}
std::string Decimal::term() const {
  std::string number = std::to_string(mantissa) + ".0", power = "1" + std::string(std::abs(exponent), '0') + ".0";
  return exponent == 0 ? number : (exponent < 0 ? "(/ " : "(* ") + number + " " + power + ")";
}
std::string Decimal::decimal() const {
  std::string s = std::to_string(mantissa);
  if (exponent >= 0)
    return s + std::string(exponent, '0');
  if (int(s.size()) <= -exponent)
    s.insert(0, size_t(-exponent) + 1 - s.size(), '0');
  return s.insert(s.size() + exponent, ".");
}
double Decimal::value() const {
  return exponent < 0 ? mantissa / std::pow(10.0, -exponent) : mantissa * std::pow(10.0, exponent);
}
