//===- Policy.h - Whether a candidate keeps the policy ------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A policy is fixed once, on the spec that a search starts from: the digests of what it seals are taken then. Every
// candidate is checked against it before it runs. Each constraint answers holds, violated (with a witness) or unknown
// (with a reason); only a candidate for which all hold may run.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_POLICY_H
#define SELFOPT_SAFETY_POLICY_H

#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Runtime/Dataset.h"
#include "SelfOpt/Safety/BoundPropagation.h"
#include "SelfOpt/Safety/ProgramCost.h"
#include "SelfOpt/Safety/Verdict.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace selfopt {

/// What a check must know beside the text and the data; unknown until then. In the order in which it is found out.
enum class Needs { Text, Plan, Code, Weights };

struct CheckResult {
  std::string constraint; ///< As the policy spells it: "limit parameters <= 20000".
  Verdict verdict = Verdict::Unknown;
  std::string detail;     ///< The witness (violated), the reason (unknown), or the numbers compared (holds).
  mlir::Location location;
  std::string engine;                       ///< What decided: "digest", "cost", "flow", "intervals", "branch and bound", "smt".
  llvm::json::Value evidence = nullptr;     ///< What it decided by, as docs/Safety.md says; null where the text says all.
  Needs needs = Needs::Text;                ///< Unknown until this is known.
};

/// What a check needs to know beyond the spec's text.
struct ProgramFacts {
  std::optional<ProgramCost> cost;   ///< Absent: an op has no known cost, and limits are unknown.
  std::optional<int64_t> arenaBytes; ///< Absent: not planned, and a memory limit is unknown.
  std::optional<int64_t> codeBytes;  ///< Absent: not compiled, and a limit of the code is unknown.
  std::string target;                ///< Of `codeBytes`: what it was compiled for.
  const TrainedWeights *weights = nullptr; ///< Null: not trained, and what is required of weights is unknown.
  BoundEngine boundEngine = interpretBounds; ///< Runs what bounds over balls are computed by.
  /// By constraint, what a certificate claims to prove it; verified, not trusted. Null: evidence is looked for.
  const std::map<std::string, llvm::json::Value> *evidence = nullptr;
};

class Policy {
public:
  /// Fixes `policy` of `spec` for `selfopt.train @program`. Errors are on the op at fault: a sealed dataset that can't be
  /// read, a symbol that is sealed and mutable, or neither, a judge that is not sealed.
  static llvm::FailureOr<Policy> fix(mlir::ModuleOp spec, llvm::StringRef policy, llvm::StringRef program);

  /// The seals, then the other constraints in the order of the policy.
  std::vector<CheckResult> check(mlir::ModuleOp candidate, const ProgramFacts &facts) const;

  /// Only what is required of weights, for these, in the order of the policy. `engine` runs what bounds are computed by.
  std::vector<CheckResult> checkWeights(mlir::ModuleOp candidate, const TrainedWeights &weights,
                                        const BoundEngine &engine = interpretBounds) const;

  /// Symbol to digest, of all that is sealed.
  const std::map<std::string, std::string> &getSeals() const { return sealed; }

  /// What was found out before: most candidates have the loss of their parent.
  struct Proofs {
    /// Of a program, by constraint. In the context that the policy was fixed in; candidates of another one are proved anew.
    StructureMemo<std::unique_ptr<std::map<std::string, ProofResult>>> byProgram;
    /// What a split of a dataset shares with another one's.
    std::map<std::tuple<const Dataset *, std::string, const Dataset *, std::string>, std::string> overlaps;
  };

private:
  std::string policyName, programName;
  std::map<std::string, std::string> sealed; ///< Symbol to digest.
  /// The spec as it was, and of it every symbol that went into a digest: a candidate with the same ops has the same
  /// digests. Lives as long as its context at most.
  std::shared_ptr<mlir::OwningOpRef<mlir::ModuleOp>> original;
  std::vector<mlir::Operation *> closure;
  llvm::StringMap<mlir::Operation *> symbols; ///< Of `original`, but its lineage.
  std::string sealText;                      ///< The seals as the policy spells them.
  std::shared_ptr<Proofs> proofs = std::make_shared<Proofs>();
};

/// Whether a policy asks for something that can't be known before this is.
bool asksFor(mlir::ModuleOp spec, llvm::StringRef policy, Needs needs);

/// The digest of a symbol: its own text, and for a program or a dataset what it refers to and the bytes it reads.
llvm::FailureOr<std::string> sealDigest(mlir::ModuleOp spec, llvm::StringRef symbol);

} // namespace selfopt
#endif // SELFOPT_SAFETY_POLICY_H
