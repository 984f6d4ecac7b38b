//===- SpecDiff.h - What changed between two specs ------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A printed spec numbers its values, so one new op renumbers every line behind it, and a diff of the text shows all of
// them as changed. This one aligns lines with the numbers left out, learns from the alignment which value became which,
// and then calls a line changed only where it reads other values than it did:
//
//     %3 = arith.addf %1, %2 : f32            %3 = math.exp %2 : f32              + %3 = math.exp %2 : f32
//     selfopt.return %3 : f32          ->     %4 = arith.addf %1, %3 : f32        - %4 = arith.addf %1, %2 : f32
//                                             selfopt.return %4 : f32             + %4 = arith.addf %1, %3 : f32
//                                                                                   selfopt.return %4 : f32
//
// Removed lines are shown with the new numbers of the values that live on, and their own with a prime where a value is
// gone.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REPORT_SPECDIFF_H
#define SELFOPT_REPORT_SPECDIFF_H

#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace selfopt::report {

struct DiffLine {
  enum class Kind { Same, Removed, Added, Gap };
  Kind kind = Kind::Same;
  std::string text; ///< Empty for a gap.
};

/// All lines of both texts, in order.
std::vector<DiffLine> diffSpecs(llvm::StringRef before, llvm::StringRef after);

/// Only the changed lines with `context` lines around them, and the header of the program that they are in. What is
/// left out is a gap.
std::vector<DiffLine> shorten(const std::vector<DiffLine> &lines, unsigned context = 1);

} // namespace selfopt::report
#endif // SELFOPT_REPORT_SPECDIFF_H
