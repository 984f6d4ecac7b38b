//===- Structure.cpp - Whether two ops are written alike ---------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Structure.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace selfopt;

namespace {

/// Compares as it walks both; values and blocks correspond by where they are defined.
class Comparison {
public:
  bool same(Operation *a, Operation *b) {
    if (a->getName() != b->getName() || a->getRawDictionaryAttrs() != b->getRawDictionaryAttrs() ||
        a->getNumOperands() != b->getNumOperands() || a->getNumRegions() != b->getNumRegions() ||
        a->getNumSuccessors() != b->getNumSuccessors() || a->getResultTypes() != b->getResultTypes())
      return false;
    if (a->getPropertiesStorageSize() &&
        !a->getName().compareOpProperties(a->getPropertiesStorage(), b->getPropertiesStorage()))
      return false;
    for (auto [x, y] : llvm::zip(a->getOperands(), b->getOperands()))
      if (partner(x) != y)
        return false;
    for (auto [x, y] : llvm::zip(a->getSuccessors(), b->getSuccessors()))
      if (blocks.lookup(x) != y)
        return false;
    for (auto [x, y] : llvm::zip(a->getRegions(), b->getRegions()))
      if (!same(x, y))
        return false;
    for (auto [x, y] : llvm::zip(a->getResults(), b->getResults()))
      values[x] = y;
    return true;
  }

private:
  Value partner(Value x) const {
    auto it = values.find(x);
    return it == values.end() ? x : it->second; // one from outside is the same value
  }

  bool same(Region &a, Region &b) {
    // Blocks and their arguments first: a branch may go forward.
    auto y = b.begin();
    for (Block &block : a) {
      if (y == b.end() || block.getArgumentTypes() != y->getArgumentTypes())
        return false;
      blocks[&block] = &*y;
      for (auto [from, to] : llvm::zip(block.getArguments(), y->getArguments()))
        values[from] = to;
      ++y;
    }
    if (y != b.end())
      return false;
    for (Block &block : a) {
      Block &other = *blocks.lookup(&block);
      auto op = other.begin();
      for (Operation &inner : block) {
        if (op == other.end() || !same(&inner, &*op))
          return false;
        ++op;
      }
      if (op != other.end())
        return false;
    }
    return true;
  }

  llvm::SmallDenseMap<Value, Value, 64> values;
  llvm::SmallDenseMap<Block *, Block *, 4> blocks;
};

} // namespace

bool selfopt::sameStructure(Operation *a, Operation *b) { return Comparison().same(a, b); }

llvm::hash_code selfopt::structureHash(Operation *op) {
  // Which op reads which is left out: ops that differ in nothing else are few, and compared in full.
  llvm::hash_code hash = llvm::hash_combine(op->getName(), op->getRawDictionaryAttrs(), op->hashProperties(),
                                            op->getNumOperands());
  for (Type type : op->getResultTypes())
    hash = llvm::hash_combine(hash, type);
  for (Region &region : op->getRegions())
    for (Block &block : region) {
      for (Type type : block.getArgumentTypes())
        hash = llvm::hash_combine(hash, type);
      for (Operation &inner : block)
        hash = llvm::hash_combine(hash, structureHash(&inner));
    }
  return hash;
}

/// The attributes as they come, without the dictionary that getAttrs() makes of those that are properties.
static NamedAttrList attributesOf(Operation *op) {
  if (!op->isRegistered())
    return op->getAttrDictionary();
  NamedAttrList attributes(op->getRawDictionaryAttrs());
  if (op->getPropertiesStorageSize())
    op->getName().populateInherentAttrs(op, attributes);
  return attributes;
}

SmallVector<NamedAttribute, 8> selfopt::sortedAttributes(Operation *op) {
  SmallVector<NamedAttribute, 8> sorted(attributesOf(op).getAttrs());
  llvm::sort(sorted);
  return sorted;
}

void selfopt::walkSymbolRefs(Operation *op, llvm::function_ref<void(SymbolRefAttr)> visit) {
  SmallVector<NamedAttribute, 8> some;
  op->walk([&](Operation *inner) {
    // Most attributes are numbers and names: those are not even sorted.
    some.clear();
    for (NamedAttribute attribute : attributesOf(inner))
      if (!isa<IntegerAttr, FloatAttr, StringAttr, UnitAttr>(attribute.getValue()))
        some.push_back(attribute);
    llvm::sort(some);
    for (NamedAttribute attribute : some) {
      if (auto symbol = dyn_cast<SymbolRefAttr>(attribute.getValue())) {
        visit(symbol);
        continue;
      }
      attribute.getValue().walk<WalkOrder::PreOrder>([&](SymbolRefAttr symbol) {
        visit(symbol);
        return WalkResult::skip();
      });
    }
  });
}
