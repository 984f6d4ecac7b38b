//===- Smt.h - Questions to Z3 ------------------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A question is SMT-LIB 2 text, so that any other solver can be asked the same. About bits it is written by way of MLIR's
// smt dialect; about reals, which that dialect does not know, by hand.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_SMT_H
#define SELFOPT_LIB_SAFETY_SMT_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace selfopt::smt {

/// What Z3 says. `resources` is its rlimit, which unlike a time-out gives the same answer on every machine.
std::string run(const std::string &text, unsigned resources);
/// Of one question: "unsat", "sat" or "unknown".
std::string ask(const std::string &text, unsigned resources);

/// mantissa * 10^exponent.
struct Decimal {
  int64_t mantissa = 0;
  int exponent = 0;

  /// Of `digits` digits, at or above `value` (or at or below), which is finite and at least 0.
  static Decimal above(double value, unsigned digits);
  static Decimal below(double value, unsigned digits);
  /// Of digits with a point, or none, among them: what `decimal` writes.
  static std::optional<Decimal> parse(llvm::StringRef text);
  std::string term() const;    ///< As SMT-LIB.
  std::string decimal() const; ///< As people write it: 52.9.
  double value() const;        ///< The nearest f64, give or take its last digit.
};

} // namespace selfopt::smt
#endif // SELFOPT_LIB_SAFETY_SMT_H
