//===- ProveEquivalent.cpp - Two programs of a module, compared ----------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===---------------------------------------------------------------------------------------------------------------===//

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Mutation/Equivalence.h"
#include "SelfOpt/Pipelines/Passes.h"
#include "mlir/Dialect/SMT/IR/SMTDialect.h"

namespace selfopt {
#define GEN_PASS_DEF_PROVEEQUIVALENT
#include "SelfOpt/Pipelines/Passes.h.inc"
} // namespace selfopt

using namespace mlir;
using namespace selfopt;

namespace {
struct ProveEquivalentPass : selfopt::impl::ProveEquivalentBase<ProveEquivalentPass> {
  using ProveEquivalentBase::ProveEquivalentBase;

  Operation *lookup(StringRef name, StringRef option) {
    Operation *program = getOperation().lookupSymbol(name);
    if (isa_and_nonnull<ProgramOpInterface>(program))
      return program;
    getOperation().emitError() << "expects " << option << "=NAME of a program, found '" << name << "'";
    return nullptr;
  }

  void runOnOperation() override {
    Operation *one = lookup(before, "before"), *other = one ? lookup(after, "after") : nullptr;
    OpBuilder queries = OpBuilder::atBlockEnd(getOperation().getBody());
    if (!other || failed(validateEquivalence(one, other, /*random=*/64, &queries)))
      return signalPassFailure();
  }
};
} // namespace
