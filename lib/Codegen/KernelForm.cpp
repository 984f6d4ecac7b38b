//===- KernelForm.cpp - What a kernel's body consists of -------------------===//
#include "KernelForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace selfopt::codegen {

SmallVector<unsigned> mapDims(AffineMap map) {
  SmallVector<unsigned> dims;
  for (AffineExpr expr : map.getResults())
    dims.push_back(cast<AffineDimExpr>(expr).getPosition());
  return dims;
}

static bool isElement(Type type) {
  return type.isF32() || type.isInteger(1) || type.isInteger(32) || type.isInteger(64);
}

static LogicalResult checkSignature(func::FuncOp func) {
  if (func.isExternal() || !func.getBody().hasOneBlock())
    return func.emitOpError("is not a kernel: expected a body of one block");
  if (func.getNumResults() != 0) {
    InFlightDiagnostic diag = func.emitOpError("is not a kernel: it has results");
    diag.attachNote() << "expected outputs as memref arguments";
    return diag;
  }
  for (auto [i, type] : llvm::enumerate(func.getArgumentTypes())) {
    if (auto memref = dyn_cast<MemRefType>(type)) {
      bool dynamic = llvm::all_of(memref.getShape(), [](int64_t size) { return ShapedType::isDynamic(size); });
      if (dynamic && memref.getLayout().isIdentity() && isElement(memref.getElementType()))
        continue;
    } else if (type.isF32() || type.isInteger(32) || type.isInteger(64)) {
      continue;
    }
    InFlightDiagnostic diag = func.emitOpError("argument ") << i << " has a type that no kernel takes";
    diag.attachNote() << "expected a contiguous memref of dynamic sizes of f32, i64, i32 or i1, or one f32, i64 or i32";
    diag.attachNote() << "found " << type;
    return diag;
  }
  return success();
}

/// What the emitters rely on for each generic.
static LogicalResult checkGeneric(linalg::GenericOp op) {
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!map.isProjectedPermutation()) {
      InFlightDiagnostic diag = op.emitOpError("operand ") << operand.getOperandNumber() << " has an unsupported map";
      diag.attachNote() << "expected a projected permutation";
      diag.attachNote() << "found " << AffineMapAttr::get(map);
      return diag;
    }
    if (isa<TensorType>(operand.get().getType()))
      return op.emitOpError("works on tensors: expected memrefs, found ") << operand.get().getType();
    if (op.isDpsInit(&operand)) {
      SmallVector<unsigned> dims = mapDims(map);
      for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray()))
        if (kind == utils::IteratorType::parallel && !llvm::is_contained(dims, dim))
          return op.emitOpError("output ")
                 << operand.getOperandNumber() - op.getNumDpsInputs() << " lacks the parallel dimension d" << dim;
      // An output is either stored at every point, or reduced over all reduction dimensions.
      unsigned reductions = op.getNumReductionLoops(), absent = op.getNumLoops() - dims.size();
      if (absent != 0 && absent != reductions)
        return op.emitOpError("output ") << operand.getOperandNumber() - op.getNumDpsInputs() << " is reduced over "
                                         << absent << " of " << reductions << " reduction dimensions";
    }
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    bool known = isa<arith::ConstantOp, linalg::IndexOp>(inner) || OpTrait::hasElementwiseMappableTraits(&inner);
    if (!known || inner.getNumRegions() != 0)
      return inner.emitOpError("is not supported in a kernel: expected elementwise arithmetic on scalars");
    for (Type type : inner.getResultTypes())
      if (!type.isIntOrIndexOrFloat())
        return inner.emitOpError("is not supported in a kernel: expected a scalar result, found ") << type;
  }
  return success();
}

static LogicalResult checkEpilogue(const KernelForm &form) {
  linalg::GenericOp main = form.main, op = form.epilogue;
  if (op.getNumReductionLoops() != 0)
    return op.emitOpError("is an epilogue with a reduction: expected parallel dimensions only");
  if (op.getNumLoops() != main.getNumParallelLoops())
    return op.emitOpError("is an epilogue over ") << op.getNumLoops() << " dimensions, but what it follows has "
                                                  << main.getNumParallelLoops() << " parallel dimensions";
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (form.locals.contains(operand.get())) {
      if (op.isDpsInit(&operand))
        return op.emitOpError("writes a local: expected an argument");
      if (!map.isIdentity())
        return op.emitOpError("reads a local through a map that is not the identity");
    }
  }
  SmallVector<unsigned> first;
  for (OpOperand &init : main.getDpsInitsMutable()) {
    SmallVector<unsigned> dims = mapDims(main.getMatchingIndexingMap(&init));
    if (!form.locals.contains(init.get()) || dims.size() == main.getNumLoops())
      return main.emitOpError("has an epilogue: expected all its outputs to be reduced locals");
    if (first.empty())
      first = dims;
    else if (dims != first)
      return main.emitOpError("has locals with different maps before an epilogue");
    if (!form.fills.contains(init.get()))
      return main.emitOpError("reduces into a local that was not filled");
  }
  return success();
}

std::optional<KernelForm> matchKernel(func::FuncOp func) {
  if (failed(checkSignature(func)))
    return std::nullopt;
  IRRewriter rewriter(func.getContext());
  // Fills before another op are initial values; a kernel of fills alone is elementwise.
  bool onlyFills = llvm::all_of(func.getBody().front(),
                                [](Operation &op) { return !isa<linalg::LinalgOp>(op) || isa<linalg::FillOp>(op); });
  for (Operation &op : llvm::make_early_inc_range(func.getBody().front())) {
    auto named = dyn_cast<linalg::LinalgOp>(op);
    if (!named || isa<linalg::GenericOp>(op) || (isa<linalg::FillOp>(op) && !onlyFills))
      continue;
    rewriter.setInsertionPoint(&op);
    if (failed(linalg::generalizeNamedOp(rewriter, named))) {
      op.emitOpError("has no generic form");
      return std::nullopt;
    }
  }

  KernelForm form;
  form.func = func;
  for (Operation &op : func.getBody().front().without_terminator()) {
    if (isa<memref::AllocaOp, memref::AllocOp>(op)) {
      form.locals.insert(op.getResult(0));
    } else if (auto fill = dyn_cast<linalg::FillOp>(op)) {
      if (form.main) {
        op.emitOpError("comes after the op that it should initialise");
        return std::nullopt;
      }
      form.fills[fill.getOutputs().front()] = fill.getInputs().front();
    } else if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (failed(checkGeneric(generic)))
        return std::nullopt;
      if (form.epilogue) {
        generic.emitOpError("is one op too many: expected at most an op and its epilogue");
        return std::nullopt;
      }
      (form.main ? form.epilogue : form.main) = generic;
    } else if (!isa<memref::DeallocOp, memref::DimOp>(op) && !isMemoryEffectFree(&op)) {
      op.emitOpError("is not supported in a kernel: expected linalg on memrefs, locals and constants");
      return std::nullopt;
    }
  }
  if (!form.main) {
    func.emitOpError("is not a kernel: expected a linalg op");
    return std::nullopt;
  }
  if (form.epilogue && failed(checkEpilogue(form)))
    return std::nullopt;
  if (!form.epilogue && llvm::any_of(form.main.getOperands(), [&](Value v) { return form.locals.contains(v); })) {
    form.main.emitOpError("uses a local without an epilogue that reads it");
    return std::nullopt;
  }
  for (auto [memref, scalar] : form.fills)
    if (!llvm::is_contained(form.main.getDpsInits(), memref)) {
      func.emitOpError("fills a memref that the op after it does not write");
      return std::nullopt;
    }
  return form;
}

std::optional<ContractionForm> matchContraction(linalg::GenericOp op) {
  if (op.getNumLoops() != 3 || op.getNumReductionLoops() != 1 || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  auto add = yield.getValues()[0].getDefiningOp<arith::AddFOp>();
  if (!add || !add.getType().isF32())
    return std::nullopt;
  BlockArgument out = op.getBody()->getArgument(2), in0 = op.getBody()->getArgument(0);
  Value other = add.getLhs() == out ? add.getRhs() : add.getLhs();
  auto mul = other.getDefiningOp<arith::MulFOp>();
  if (!mul || (add.getLhs() != out && add.getRhs() != out))
    return std::nullopt;
  BlockArgument in1 = op.getBody()->getArgument(1);
  bool straight = mul.getLhs() == in0 && mul.getRhs() == in1, swapped = mul.getLhs() == in1 && mul.getRhs() == in0;
  if (!straight && !swapped)
    return std::nullopt;

  SmallVector<unsigned> dims[3];
  for (unsigned i = 0; i < 3; ++i)
    dims[i] = mapDims(op.getIndexingMapsArray()[i]);
  if (dims[0].size() != 2 || dims[1].size() != 2 || dims[2].size() != 2)
    return std::nullopt;
  ContractionForm form;
  form.m = dims[2][0];
  form.n = dims[2][1];
  form.k = 3 - form.m - form.n;
  form.a = llvm::is_contained(dims[0], form.m) ? 0 : 1;
  form.b = 1 - form.a;
  auto &a = dims[form.a], &b = dims[form.b];
  auto both = [](ArrayRef<unsigned> d, unsigned x, unsigned y) {
    return llvm::is_contained(d, x) && llvm::is_contained(d, y);
  };
  if (!both(a, form.m, form.k) || !both(b, form.k, form.n))
    return std::nullopt;
  form.aTransposed = a[0] == form.k;
  form.bTransposed = b[0] == form.n;
  return form;
}

} // namespace selfopt::codegen
