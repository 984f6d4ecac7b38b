//===- Structure.h - Whether two ops are written alike --------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mutant has all but one of its symbols from its parent. To see that a symbol is the one that was looked at before,
// without printing it, attributes and types are compared as the context has uniqued them: by their addresses.
//
// MLIR's OperationEquivalence is close, but takes `a + b` for `b + a`; what is sealed must not even change so much.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_STRUCTURE_H
#define SELFOPT_DIALECT_STRUCTURE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Operation.h"
#include <unordered_map>

namespace selfopt {

/// Whether two ops of one context have the same text: names, attributes, types, operands by position, and regions.
/// Locations don't count.
bool sameStructure(mlir::Operation *a, mlir::Operation *b);

/// The same for ops of the same structure, within one process.
llvm::hash_code structureHash(mlir::Operation *op);

/// A number for what sameStructure compares, and which op reads which, operands of commutative ops in any order. Equal
/// where the structures are; where they differ, equal once in 2^64. Within one process.
uint64_t structureFingerprint(mlir::Operation *op);

/// op->clone(), faster where the regions have one block each whose values are defined before they are used: operands
/// are set as the ops are made, in one pass.
mlir::Operation *cloneStructure(mlir::Operation *op);
mlir::ModuleOp cloneSpec(mlir::ModuleOp spec);

/// The attributes of getAttrs(), in its order, without the dictionary that it makes of those that are properties.
llvm::SmallVector<mlir::NamedAttribute, 8> sortedAttributes(mlir::Operation *op);

/// Whether every machine computes the op alike: the folders of the others call its mathematical library.
bool isCorrectlyRounded(mlir::Operation *op);

/// Calls `visit` with every symbol reference in the attributes of an op, and of the ops in its regions, in the order of
/// the ops and of their attributes' names. The parts of a nested reference are not visited by themselves: they are no
/// symbols of the module.
void walkSymbolRefs(mlir::Operation *op, llvm::function_ref<void(mlir::SymbolRefAttr)> visit);

/// What was found out about ops by their structure alone, for many modules of one context, which it must not outlive. So
/// many ops are remembered, and then forgotten all at once: beside the context of a long search it stays small.
template <typename T> class StructureMemo {
public:
  static constexpr size_t maxOps = 2000;

  StructureMemo() = default;
  StructureMemo(const StructureMemo &) = delete;
  StructureMemo &operator=(const StructureMemo &) = delete;
  ~StructureMemo() { forget(); }

  /// compute(op), or what it was for an op of the same structure. Valid until the next call.
  template <typename Compute> const T &get(mlir::Operation *op, Compute compute) {
    size_t hash = structureHash(op);
    if (auto it = known.find(hash); it != known.end())
      for (const Entry &entry : it->second)
        if (sameStructure(entry.op, op))
          return entry.value;
    if (ops == maxOps)
      forget();
    ++ops;
    T value = compute(op);
    return known[hash].emplace_back(Entry{cloneStructure(op), std::move(value)}).value;
  }

private:
  struct Entry {
    mlir::Operation *op;
    T value;
  };
  void forget() {
    for (auto &[hash, entries] : known)
      for (Entry &entry : entries)
        entry.op->destroy();
    known.clear();
    ops = 0;
  }

  std::unordered_map<size_t, llvm::SmallVector<Entry, 1>> known; ///< By structureHash.
  size_t ops = 0;
};

} // namespace selfopt
#endif // SELFOPT_DIALECT_STRUCTURE_H
