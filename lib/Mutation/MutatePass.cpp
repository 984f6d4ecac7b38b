//===- MutatePass.cpp - --selfopt-mutate -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/MutatePass.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

namespace {
struct MutatePass : PassWrapper<MutatePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MutatePass)

  MutatePass() = default;
  MutatePass(const MutatePass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "selfopt-mutate"; }
  StringRef getDescription() const override { return "draws and applies mutations, or applies the module's lineage"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    // An edit may bring in the first op of a dialect.
    registry.insert<EvolveDialect, nn::NNDialect, arith::ArithDialect, math::MathDialect>();
  }
  void runOnOperation() override {
    if (failed(apply ? applyGiven() : draw()))
      signalPassFailure();
  }

  Option<uint64_t> seed{*this, "seed", llvm::cl::desc("seed of the draws"), llvm::cl::init(0)};
  Option<unsigned> count{*this, "count", llvm::cl::desc("how many mutations to draw"), llvm::cl::init(1)};
  ListOption<std::string> kinds{*this, "kinds", llvm::cl::desc("kinds to draw from (all when empty)")};
  Option<bool> apply{*this, "apply", llvm::cl::desc("apply the module's evolve.lineage and draw nothing"),
                     llvm::cl::init(false)};

private:
  LineageOp findLineage() {
    auto lineages = getOperation().getOps<LineageOp>();
    return lineages.empty() ? LineageOp() : *lineages.begin();
  }

  LogicalResult draw() {
    ModuleOp spec = getOperation();
    SmallVector<std::string> names(kinds.begin(), kinds.end());
    for (const std::string &name : names)
      if (!findMutationKind(name)) {
        InFlightDiagnostic d = spec.emitError("expected a kind of mutation, found '") << name << "'";
        d.attachNote() << "expected one of "
                       << llvm::join(llvm::map_range(getMutationKinds(), [](const MutationKind &k) { return k.name; }),
                                     ", ");
        return d;
      }
    LineageOp lineage = findLineage();
    if (!lineage) {
      std::string from = canonicalDigest(spec);
      OpBuilder b = OpBuilder::atBlockEnd(spec.getBody());
      lineage = LineageOp::create(b, b.getUnknownLoc(), from);
      lineage.getBody().emplaceBlock();
    }
    MutationScope scope = spec.getOps<SearchOp>().empty() ? MutationScope::all(spec) : MutationScope::of(spec);
    Philox random(seed);
    for (unsigned i = 0; i < count; ++i)
      if (!mutate(spec, scope, random, lineage.getBody().front(), names))
        return spec.emitError("found no mutation that applies, after ") << i << " of " << unsigned(count);
    return success();
  }

  LogicalResult applyGiven() {
    ModuleOp spec = getOperation();
    LineageOp lineage = findLineage();
    if (!lineage)
      return spec.emitError("expected an evolve.lineage to apply, found none");
    std::string digest = canonicalDigest(spec);
    if (!lineage.getFrom().empty() && lineage.getFrom() != digest) {
      InFlightDiagnostic d = lineage.emitOpError("starts at another spec");
      d.attachNote() << "expected " << lineage.getFrom();
      d.attachNote() << "found " << digest << "; a lineage that was applied leads to its module, not from it";
      return d;
    }
    if (failed(applyLineage(spec, lineage.getBody().front())))
      return failure();
    lineage.setFrom(digest);
    return success();
  }
};
} // namespace

std::unique_ptr<Pass> selfopt::createMutatePass() { return std::make_unique<MutatePass>(); }
void selfopt::registerMutatePass() { PassRegistration<MutatePass>(); }
