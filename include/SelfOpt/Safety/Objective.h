//===- Objective.h - Proofs about losses and scalar programs -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The properties of safety.require that are about one program: what each says stands in docs/Safety.md. A program's
// domain is a box: predictions and targets of a loss in [-domain, domain], every label; the fraction of training in
// [0, 1]; a sampler's loss in [0, domain], its age up to 2^24; an augment's element in [-domain, domain], its normal draw
// within what the generator makes, its uniform one in [0, 1].
//
// A proof is branch and bound over the box with ElementAnalysis at its leaves, within a budget of leaves. A witness is a
// point at which the same analysis, of a box of that one point, refutes the property, or which the reference
// interpreter computes; never a guess.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_OBJECTIVE_H
#define SELFOPT_SAFETY_OBJECTIVE_H

#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Safety/Verdict.h"

namespace selfopt {

struct ProofOptions {
  unsigned leaves = 512, depth = 40; ///< Boxes that one proof may look at, and how often one may be split,
  /// and of a box of many dimensions, where splitting seldom helps: more than 4 elements. What is proved of those at all has
  /// leaves at depth 1, 10 or 20, where no element, each, or each twice was split (of 13,000 losses none was deeper than 21).
  unsigned manyLeaves = 128, manyDepth = 24;
};

/// A property with its parameters, as safety.require has them.
struct Requirement {
  safety::Property property;
  llvm::ArrayRef<double> parameters;

  double get(llvm::StringRef name) const;
};

/// Any property of one program but those of update rules. Unknown, with a reason, where the program is of another kind.
/// By the evidence that is claimed, of which nothing is assumed, or else by what is found.
ProofResult proveProgram(mlir::Operation *program, const Requirement &requirement, const ProofOptions &options = {},
                         const llvm::json::Value *claimed = nullptr);
inline ProofResult proveProgram(mlir::Operation *program, safety::RequireOp require,
                                const llvm::json::Value *claimed = nullptr) {
  return proveProgram(program, Requirement{require.getProperty(), require.getParameters()}, {}, claimed);
}

} // namespace selfopt
#endif // SELFOPT_SAFETY_OBJECTIVE_H
