//===- SpecDigester.cpp - Digests and texts of many specs -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/SpecDigester.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Digest/CanonicalDigest.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace selfopt;

struct SpecDigester::Impl {
  StructureMemo<SymbolDigest> known;
  PrintedTypes printed;
};

SpecDigester::SpecDigester() : impl(std::make_unique<Impl>()) {}
SpecDigester::~SpecDigester() = default;

std::string SpecDigester::digest(ModuleOp spec) {
  auto memo = [&](Operation *op, auto compute) { return impl->known.get(op, compute); };
  return canonicalDigest(spec, memo, &impl->printed);
}

void selfopt::dropDeadCode(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

std::string selfopt::printSpec(ModuleOp spec, bool verified) {
  std::string text;
  llvm::raw_string_ostream os(text);
  spec.print(os, verified ? OpPrintingFlags().assumeVerified() : OpPrintingFlags());
  os << '\n';
  return text;
}
