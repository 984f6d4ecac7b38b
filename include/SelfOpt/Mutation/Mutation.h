//===- Mutation.h - The mutation engine ----------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mutation is an op (see Dialect/Evolve). This is what applies, proposes and lists them. One step is
//   propose -> apply -> re-infer types -> verify -> drop dead code -> canonical digest,
// and a mutated spec always verifies: an edit that can't be repaired is taken back and reported, never kept.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_MUTATION_H
#define SELFOPT_MUTATION_MUTATION_H

#include "SelfOpt/Digest/CanonicalDigest.h"
#include "SelfOpt/Interfaces/Mutation.h"
#include "SelfOpt/Mutation/SpecDigester.h"
#include "SelfOpt/Support/Philox.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <memory>

namespace selfopt {

//===--- Applying -----------------------------------------------------------===//

/// Rewrites `spec`, which verifies before and after, as the mutation op says. On failure nothing is changed and an error
/// was emitted on the op: also where the context has no models of mutations (see registerMutationModels).
llvm::LogicalResult applyMutation(mlir::Operation *mutation, mlir::ModuleOp spec);

/// Runs `edit` on the program `target` of a spec, re-infers the types behind the change, drops dead code and verifies
/// it and all that names symbols of the spec.
/// On failure the program is as it was, and the first error of the edit was emitted on `mutation`.
llvm::LogicalResult editProgram(mlir::Operation *mutation, mlir::Operation *target,
                                llvm::function_ref<llvm::LogicalResult(mlir::Operation *)> edit);

/// The most units that a mutation gives a layer: products of a few widths stay far inside 64 bits.
inline constexpr int64_t maxUnits = 1 << 20;

/// The symbol a mutation names, or an error on the mutation.
mlir::Operation *lookupTarget(mlir::Operation *mutation, mlir::FlatSymbolRefAttr symbol, mlir::ModuleOp spec);

/// Recomputes every result type of a program's block from its operands, in order. Splat constants follow the op that
/// uses them. Fails, without a diagnostic, where a type can't be repaired.
llvm::LogicalResult reinferTypes(mlir::Block &block);

/// Ops that the expression edits may create: their name and number of operands (all of one float type).
struct ExpressionOp {
  llvm::StringLiteral name;
  unsigned operands;
};
llvm::ArrayRef<ExpressionOp> getExpressionOps();
const ExpressionOp *findExpressionOp(llvm::StringRef name);

/// The values that an op of a block may read, numbered arguments first, then results in program order.
llvm::SmallVector<mlir::Value> numberedValues(mlir::Block &block);

//===--- Proposing ----------------------------------------------------------===//

/// Which loop of the training program a kind changes.
enum class Loop { Architecture, Pipeline, Objective };
llvm::StringRef stringifyLoop(Loop loop);

/// What a proposal may touch: the symbols of `evolve.search`'s mutate clause.
struct MutationScope {
  llvm::SmallVector<mlir::FlatSymbolRefAttr> architecture, pipeline, objective;
  static MutationScope of(mlir::ModuleOp spec);  ///< From the spec's evolve.search; empty where there is none.
  static MutationScope all(mlir::ModuleOp spec); ///< All models, pipelines with their scalar programs, losses and rewards.
  llvm::ArrayRef<mlir::FlatSymbolRefAttr> symbols(Loop loop) const;
};

/// A kind of mutation: its stable name, what it claims, how it is drawn.
struct MutationKind {
  llvm::StringRef name;
  Loop loop;
  MutationClaim claim;
  llvm::StringRef summary;
  /// Draws one mutation of this kind and creates its op with `builder`; null where the target has no place for it. All
  /// that it draws changes the target's text, if it applies. Null for kinds that need another parent.
  mlir::Operation *(*propose)(mlir::OpBuilder &builder, mlir::Operation *target, Philox &random);
  /// Whether the kind applies to this op of a spec.
  bool (*accepts)(mlir::Operation *target);
  /// The edits of expressions belong to the pipeline and, on a loss or a reward, to the objective.
  bool alsoObjective = false;
  /// How often it is drawn, beside the other kinds of its loop. The hyperparameters pay more often than an edit of an
  /// update rule, most of which are lethal.
  unsigned weight = 1;
  /// Instead of `propose`, for a crossover: draws from the symbol of the same name in another parent.
  mlir::Operation *(*graft)(mlir::OpBuilder &builder, mlir::Operation *target, mlir::Operation *donor,
                            Philox &random) = nullptr;

  bool belongsTo(Loop l) const { return l == loop || (alsoObjective && l == Loop::Objective); }
};
/// In a fixed order. The names are the mnemonics of the ops.
llvm::ArrayRef<MutationKind> getMutationKinds();
const MutationKind *findMutationKind(llvm::StringRef name);

/// A table of all kinds: name, loop, claim, summary.
void listMutations(llvm::raw_ostream &os);

/// Draws one mutation, applies it to `spec`, and appends its op to `lineage` (the block of an evolve.lineage, or any
/// other without a terminator). First a loop is drawn, by the weights 0.5 (architecture), 0.35 (pipeline) and 0.15
/// (objective) among those that have a target in scope, then one of the loop's kinds (of those that `kinds` names; all
/// when empty), a target, and a place. A proposal that can't be applied is drawn again, up to 100 times; nothing of it
/// is left, in the spec or in the diagnostics. Returns the applied op, or null when nothing could be applied.
///
/// Kinds that need another parent are drawn only where there is one: `donor`, a spec with the same symbols.
///
/// The text of the spec always changes; its canonical digest may stay the same (an edit of `x * 1`, say).
mlir::Operation *mutate(mlir::ModuleOp spec, const MutationScope &scope, Philox &random, mlir::Block &lineage,
                        llvm::ArrayRef<std::string> kinds = {}, mlir::ModuleOp donor = {});

/// Applies the ops of a lineage to `spec`, in order. Fails at the first that doesn't apply, with its error.
llvm::LogicalResult applyLineage(mlir::ModuleOp spec, mlir::Block &lineage);

} // namespace selfopt
#endif // SELFOPT_MUTATION_MUTATION_H
