//===- Structure.cpp - Whether two ops are written alike ---------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
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

namespace {
class Fingerprint {
public:
  uint64_t of(Operation *op) {
    llvm::hash_code hash = llvm::hash_combine(op->getName(), op->getRawDictionaryAttrs(), op->hashProperties());
    SmallVector<uint64_t, 4> operands;
    for (Value operand : op->getOperands())
      operands.push_back(numbers.try_emplace(operand, numbers.size()).first->second);
    if (op->hasTrait<OpTrait::IsCommutative>())
      llvm::sort(operands);
    hash = llvm::hash_combine(hash, llvm::hash_combine_range(operands));
    for (Block *successor : op->getSuccessors())
      hash = llvm::hash_combine(hash, blocks.try_emplace(successor, blocks.size()).first->second);
    for (Type type : op->getResultTypes())
      hash = llvm::hash_combine(hash, type);
    for (Region &region : op->getRegions()) {
      hash = llvm::hash_combine(hash, region.getBlocks().size());
      for (Block &block : region) {
        hash = llvm::hash_combine(hash, blocks.try_emplace(&block, blocks.size()).first->second);
        for (BlockArgument argument : block.getArguments()) {
          numbers.try_emplace(argument, numbers.size());
          hash = llvm::hash_combine(hash, argument.getType());
        }
        for (Operation &inner : block)
          hash = llvm::hash_combine(hash, of(&inner));
      }
    }
    for (Value result : op->getResults())
      numbers.try_emplace(result, numbers.size());
    return uint64_t(size_t(hash));
  }

private:
  llvm::SmallDenseMap<Value, uint64_t, 64> numbers;
  llvm::SmallDenseMap<Block *, uint64_t, 4> blocks;
};

class Cloner {
public:
  static Operation *run(Operation *op) {
    Cloner cloner(op);
    Operation *copy = cloner.clone(op);
    if (cloner.straight)
      return copy;
    copy->dropAllReferences();
    copy->destroy();
    return op->clone();
  }

private:
  explicit Cloner(Operation *root) : root(root) {}

  Operation *clone(Operation *op) {
    SmallVector<Value, 8> operands;
    for (Value operand : op->getOperands()) {
      auto it = values.find(operand);
      // One from outside stays what it is; one from inside would have to be there by now.
      straight &= it != values.end() || !root->isAncestor(operand.getParentBlock()->getParentOp());
      operands.push_back(it == values.end() ? operand : it->second);
    }
    straight &= op->getNumSuccessors() == 0;
    Operation *copy =
        Operation::create(op->getLoc(), op->getName(), op->getResultTypes(), operands, op->getRawDictionaryAttrs(),
                          op->getPropertiesStorage(), BlockRange(), op->getNumRegions());
    for (auto [from, to] : llvm::zip(op->getRegions(), copy->getRegions())) {
      if (from.empty())
        continue;
      straight &= from.hasOneBlock();
      Block &block = to.emplaceBlock();
      for (BlockArgument argument : from.front().getArguments())
        values[argument] = block.addArgument(argument.getType(), argument.getLoc());
      for (Operation &inner : from.front()) {
        if (!straight)
          return copy;
        block.push_back(clone(&inner));
      }
    }
    for (auto [from, to] : llvm::zip(op->getResults(), copy->getResults()))
      values[from] = to;
    return copy;
  }

  Operation *root;
  bool straight = true;
  llvm::SmallDenseMap<Value, Value, 64> values;
};
} // namespace

uint64_t selfopt::structureFingerprint(Operation *op) { return Fingerprint().of(op); }
Operation *selfopt::cloneStructure(Operation *op) { return Cloner::run(op); }
ModuleOp selfopt::cloneSpec(ModuleOp spec) {
  // Where no symbol reads another's values each is cloned by itself, with a map that stays small.
  if (llvm::any_of(*spec.getBody(), [](Operation &op) { return op.getNumOperands() || op.getNumResults(); }))
    return cast<ModuleOp>(cloneStructure(spec));
  auto copy = cast<ModuleOp>(spec->cloneWithoutRegions());
  Block &block = copy->getRegion(0).emplaceBlock();
  for (Operation &op : *spec.getBody())
    block.push_back(cloneStructure(&op));
  return copy;
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

/// Attributes that have no symbols in them, of those that programs are full of.
static bool hasNoSymbols(Attribute attribute) {
  if (auto type = dyn_cast<TypeAttr>(attribute))
    if (auto function = dyn_cast<FunctionType>(type.getValue()))
      return llvm::all_of(llvm::concat<const Type>(function.getInputs(), function.getResults()), [](Type type) {
        auto tensor = dyn_cast<RankedTensorType>(type);
        return type.isIntOrFloat() || (tensor && !tensor.getEncoding() && tensor.getElementType().isIntOrFloat());
      });
  return isa<IntegerAttr, FloatAttr, StringAttr, UnitAttr, DenseElementsAttr, DenseArrayAttr, arith::FastMathFlagsAttr,
             arith::IntegerOverflowFlagsAttr>(attribute);
}

void selfopt::walkSymbolRefs(Operation *op, llvm::function_ref<void(SymbolRefAttr)> visit) {
  SmallVector<NamedAttribute, 8> some;
  std::function<void(Attribute)> walk = [&](Attribute attribute) {
    if (auto symbol = dyn_cast<SymbolRefAttr>(attribute)) {
      visit(symbol);
    } else if (auto array = dyn_cast<ArrayAttr>(attribute)) {
      for (Attribute element : array)
        walk(element);
    } else if (!hasNoSymbols(attribute)) {
      attribute.walk<WalkOrder::PreOrder>([&](SymbolRefAttr nested) {
        visit(nested);
        return WalkResult::skip();
      });
    }
  };
  op->walk([&](Operation *inner) {
    // Of these dialects no attribute of an op's own holds a symbol; expressions are made of them.
    if (inner->getRawDictionaryAttrs().empty() &&
        isa_and_nonnull<arith::ArithDialect, math::MathDialect, nn::NNDialect>(inner->getDialect()))
      return;
    some.clear();
    for (NamedAttribute attribute : attributesOf(inner))
      if (!hasNoSymbols(attribute.getValue()))
        some.push_back(attribute);
    llvm::sort(some);
    for (NamedAttribute attribute : some)
      walk(attribute.getValue());
  });
}

bool selfopt::isCorrectlyRounded(Operation *op) {
  return op->getName().getDialectNamespace() != "math" ||
         isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::RoundEvenOp, math::RoundOp,
             math::SqrtOp, math::TruncOp, math::AbsIOp>(op);
}
