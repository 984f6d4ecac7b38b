//===- SpecDigester.cpp - Digests and texts of many specs -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/SpecDigester.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Digest/CanonicalDigest.h"

using namespace mlir;
using namespace selfopt;

struct SpecDigester::Impl {
  StructureMemo<SymbolDigest> known;
};

SpecDigester::SpecDigester() : impl(std::make_unique<Impl>()) {}
SpecDigester::~SpecDigester() = default;

std::string SpecDigester::digest(ModuleOp spec) {
  return canonicalDigest(spec, [&](Operation *op, auto compute) { return impl->known.get(op, compute); });
}

std::string selfopt::printSpec(ModuleOp spec, bool verified) {
  std::string text;
  llvm::raw_string_ostream os(text);
  spec.print(os, verified ? OpPrintingFlags().assumeVerified() : OpPrintingFlags());
  os << '\n';
  return text;
}
