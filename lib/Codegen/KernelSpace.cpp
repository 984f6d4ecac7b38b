//===- KernelSpace.cpp - Loops and operands of a kernel --------------------===//
#include "KernelSpace.h"
#include "VectorMath.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace selfopt::codegen {

Accumulators emitFor(OpBuilder &b, Value low, Value high, int64_t step, ArrayRef<Value> carried, LoopBody body) {
  Value stepValue = indexConstant(b, low.getLoc(), step);
  auto loop = scf::ForOp::create(b, low.getLoc(), low, high, stepValue, carried,
                                 [&](OpBuilder &inner, Location loc, Value index, ValueRange args) {
                                   OpBuilder::InsertionGuard guard(b);
                                   b.setInsertionPointToEnd(inner.getInsertionBlock());
                                   Accumulators in(args.begin(), args.end());
                                   Accumulators out = body(index, in);
                                   scf::YieldOp::create(b, loc, out);
                                 });
  return Accumulators(loop.getResults().begin(), loop.getResults().end());
}

/// Operand positions with their loops, before and after renaming.
static SmallVector<SmallVector<unsigned>> operandDims(linalg::GenericOp op, ArrayRef<unsigned> rename) {
  SmallVector<SmallVector<unsigned>> all;
  for (AffineMap map : op.getIndexingMapsArray()) {
    SmallVector<unsigned> &dims = all.emplace_back(mapDims(map));
    for (unsigned &dim : dims)
      dim = rename[dim];
  }
  return all;
}

static DimSet indexedDims(linalg::GenericOp op, ArrayRef<unsigned> rename) {
  DimSet set = 0;
  for (auto index : op.getBody()->getOps<linalg::IndexOp>())
    set |= DimSet(1) << rename[index.getDim()];
  return set;
}

/// Whether d and d + 1 are walked together by an operand.
static bool togetherIn(ArrayRef<unsigned> dims, unsigned d) {
  auto first = llvm::find(dims, d), second = llvm::find(dims, d + 1);
  if (first == dims.end() && second == dims.end())
    return true;
  return first != dims.end() && second != dims.end() && second == first + 1;
}

namespace {
class Builder {
public:
  Builder(OpBuilder &b, KernelForm &form) : b(b), form(form), loc(form.main.getLoc()) {}

  KernelSpace build(bool collapse) {
    linalg::GenericOp main = form.main, epilogue = form.epilogue;
    SmallVector<unsigned> identity, toMain;
    for (unsigned d = 0; d < main.getNumLoops(); ++d)
      identity.push_back(d);
    SmallVector<SmallVector<unsigned>> mainOps = operandDims(main, identity), epilogueOps;
    DimSet indexed = indexedDims(main, identity);
    if (epilogue) {
      toMain = mainOps[main.getNumDpsInputs()];
      epilogueOps = operandDims(epilogue, toMain);
      indexed |= indexedDims(epilogue, toMain);
    }

    // group[d]: the dimension of the space that loop d belongs to.
    auto kinds = main.getIteratorTypesArray();
    SmallVector<unsigned> group;
    for (unsigned d = 0; d < identity.size(); ++d) {
      bool merge = collapse && d > 0 && kinds[d] == kinds[d - 1] && !(indexed & (DimSet(3) << (d - 1)));
      for (auto *ops : {&mainOps, &epilogueOps})
        for (auto &dims : *ops)
          merge = merge && togetherIn(dims, d - 1);
      group.push_back(merge ? group.back() : (d == 0 ? 0 : group.back() + 1));
    }

    KernelSpace result;
    for (unsigned d = 0; d < identity.size(); ++d) {
      Value size = sizeOf(d, mainOps, epilogueOps);
      if (d > 0 && group[d] == group[d - 1]) {
        result.space.sizes.back() = mulIndex(b, result.space.sizes.back(), size);
      } else {
        result.space.sizes.push_back(size);
        result.space.kinds.push_back(kinds[d]);
      }
    }
    result.mainDims = group;
    for (unsigned dim : toMain)
      result.epilogueDims.push_back(group[dim]);
    addAccesses(main, mainOps, group, result.space, result.mainAccesses);
    if (epilogue)
      addAccesses(epilogue, epilogueOps, group, result.space, result.epilogueAccesses);
    return result;
  }

private:
  Value sizeOf(unsigned d, ArrayRef<SmallVector<unsigned>> mainOps, ArrayRef<SmallVector<unsigned>> epilogueOps) {
    auto search = [&](linalg::GenericOp op, ArrayRef<SmallVector<unsigned>> all) -> Value {
      for (auto [value, dims] : llvm::zip_equal(op->getOperands(), all))
        if (!form.locals.contains(value))
          for (auto [position, dim] : llvm::enumerate(dims))
            if (dim == d)
              return memref::DimOp::create(b, loc, value, position);
      return {};
    };
    if (Value size = search(form.main, mainOps))
      return size;
    return search(form.epilogue, epilogueOps);
  }

  void addAccesses(linalg::GenericOp op, ArrayRef<SmallVector<unsigned>> all, ArrayRef<unsigned> group,
                   const Space &space, SmallVectorImpl<Access> &accesses) {
    for (auto [number, value] : llvm::enumerate(op->getOperands())) {
      Access access;
      access.element = op.getBody()->getArgument(number).getType();
      for (unsigned dim : all[number])
        if (access.dims.empty() || access.dims.back() != group[dim])
          access.dims.push_back(group[dim]);
      access.strides.resize(access.dims.size());
      Value stride;
      for (unsigned i = access.dims.size(); i-- > 1;) {
        Value size = space.sizes[access.dims[i]];
        stride = stride ? mulIndex(b, stride, size) : size;
        access.strides[i - 1] = stride;
      }
      if (!isa<MemRefType>(value.getType()))
        access.scalar = value;
      else if (!form.locals.contains(value))
        access.flat = flatView(value);
      accesses.push_back(access);
    }
  }

  Value flatView(Value memref) {
    auto type = cast<MemRefType>(memref.getType());
    if (type.getRank() == 1)
      return memref;
    Value &view = views[memref];
    if (view)
      return view;
    Value total = indexConstant(b, loc, 1);
    for (int64_t i = 0; i < type.getRank(); ++i) {
      Value size = memref::DimOp::create(b, loc, memref, i);
      total = mulIndex(b, total, size);
    }
    auto flat = MemRefType::get({ShapedType::kDynamic}, type.getElementType());
    view = memref::ReinterpretCastOp::create(b, loc, flat, memref, OpFoldResult(b.getIndexAttr(0)),
                                             ArrayRef<OpFoldResult>{total}, ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
    return view;
  }

  OpBuilder &b;
  KernelForm &form;
  Location loc;
  DenseMap<Value, Value> views;
};
} // namespace

KernelSpace buildSpace(OpBuilder &b, KernelForm &form, bool collapse) { return Builder(b, form).build(collapse); }

std::optional<unsigned> chooseVectorDim(const KernelSpace &ks, unsigned numInputs, bool parallelOnly) {
  std::optional<unsigned> best;
  int bestScore = 0;
  for (unsigned dim = 0; dim < ks.space.sizes.size(); ++dim) {
    if (parallelOnly && ks.space.kinds[dim] != utils::IteratorType::parallel)
      continue;
    int score = 0;
    for (auto [number, access] : llvm::enumerate(ks.mainAccesses)) {
      int weight = number >= numInputs ? 2 : 1;
      if (access.isContiguousIn(dim))
        score += weight;
      else if (access.dimSet() >> dim & 1)
        score -= 3 * weight; // a gather or scatter
    }
    if (!best || score >= bestScore) {
      best = dim;
      bestScore = score;
    }
  }
  return best;
}

} // namespace selfopt::codegen
