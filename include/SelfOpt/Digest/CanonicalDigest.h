//===- CanonicalDigest.h - When are two specs the same? ------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIGEST_CANONICALDIGEST_H
#define SELFOPT_DIGEST_CANONICALDIGEST_H

#include "mlir/IR/BuiltinOps.h"
#include <array>
#include <string>

namespace selfopt {

using SymbolDigest = std::array<char, 32>;
/// The digest of an op of the module's body: as computed, or as it was for the same op.
using SymbolMemo =
    llvm::function_ref<SymbolDigest(mlir::Operation *, llvm::function_ref<SymbolDigest(mlir::Operation *)>)>;

/// BLAKE3 of the canonical form, in which lineage, the name of a certificate, comments, locations, names of values, the
/// module's own name and the order of its symbols are gone, and every program is the expression that it returns:
/// folded, without dead and common code, commutative operands and independent ops in a fixed order. Equal programs
/// written differently have equal digests. Layers keep their order, since it decides which random numbers their
/// parameters start from. Float constants count by their bits; only correctly rounded functions are folded, so that a
/// digest is the same on every machine.
/// `known` remembers what was printed for a context.
using PrintedTypes = llvm::DenseMap<const void *, std::string>;
std::string canonicalDigest(mlir::ModuleOp spec, SymbolMemo memo = {}, PrintedTypes *known = nullptr);

/// Folds what is constant and what a folder rewrites in place, where every machine computes it alike. On a block of ops
/// without regions.
void foldProgram(mlir::Block &block);

} // namespace selfopt
#endif // SELFOPT_DIGEST_CANONICALDIGEST_H
