//===- CheckPolicy.cpp - A spec against its own policy ------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Repair.h"
#include "SelfOpt/Pipelines/Passes.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Safety/PolicyResults.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"

namespace selfopt {
#define GEN_PASS_DEF_CHECKPOLICY
#include "SelfOpt/Pipelines/Passes.h.inc"
} // namespace selfopt

using namespace mlir;
using namespace selfopt;

namespace {
struct CheckPolicyPass : selfopt::impl::CheckPolicyBase<CheckPolicyPass> {
  using CheckPolicyBase::CheckPolicyBase;

  /// With the repair that makes it hold, where there is one.
  static void report(const CheckResult &r, ModuleOp module) {
    InFlightDiagnostic d = mlir::emitError(r.location) << stringifyVerdict(r.verdict) << ": " << r.constraint << " (" << r.detail << ")";
    for (auto policy : module.getOps<safety::PolicyOp>())
      for (auto require : policy.getOps<safety::RequireOp>()) {
        if (require.getProperty() != safety::Property::Finite || require.getLoc() != r.location)
          continue;
        Operation *program = module.lookupSymbol(require.getSubjectAttr().getRootReference());
        OpBuilder b(module.getContext());
        Operation *repair = program ? proposeRepairFor(b, program, require.getParameter("domain")) : nullptr;
        if (!repair)
          continue;
        std::string text;
        llvm::raw_string_ostream os(text);
        repair->print(os, OpPrintingFlags().useLocalScope());
        repair->destroy();
        d.attachNote() << "holds after " << text;
      }
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    markAllAnalysesPreserved();
    OwningOpRef<ModuleOp> other;
    if (!policyOf.empty()) {
      other = parseSourceFile<ModuleOp>(policyOf, ParserConfig(&getContext()));
      if (!other)
        return signalPassFailure();
    }
    ModuleOp fixedFrom = other ? *other : module;
    if (fixedFrom.getOps<safety::PolicyOp>().empty()) {
      fixedFrom.emitError() << "expects a safety.policy in the module, found none";
      return signalPassFailure();
    }
    for (auto op : fixedFrom.getOps<safety::PolicyOp>()) {
      // Where nothing trains there is nothing to plan, and costs are unknown: a spec of an environment and its rewards.
      bool trains = !fixedFrom.getOps<TrainOp>().empty();
      std::string program = trains ? defaultProgram(fixedFrom) : "";
      auto policy = trains && program.empty() ? FailureOr<Policy>(failure())
                                              : Policy::fix(fixedFrom, op.getSymName(), program);
      if (failed(policy))
        return signalPassFailure();
      FailureOr<ProgramFacts> facts = ProgramFacts();
      if (trains) {
        auto planned = planTraining(module, program);
        facts = failed(planned) ? FailureOr<ProgramFacts>(failure()) : programFacts(module, *planned, op.getSymName());
      }
      if (failed(facts))
        return signalPassFailure();
      auto results = policy->check(module, *facts);
      for (const CheckResult &r : results) {
        if (r.verdict == Verdict::Holds)
          mlir::emitRemark(r.location) << "holds: " << r.constraint << " (" << r.detail << ")";
        else
          report(r, module);
      }
      std::string reason;
      if (!allHold(results, &reason)) {
        if (results.empty())
          op.emitOpError("holds nothing that could be checked: ") << reason;
        signalPassFailure();
      }
    }
  }
};
} // namespace
