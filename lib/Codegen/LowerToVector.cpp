//===- LowerToVector.cpp - Kernels from linalg to vector code ---------------===//
#include "KernelSpace.h"
#include "SelfOpt/Codegen/Lowering.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace selfopt::codegen {

/// An i1 in memory is a byte, while a vector of i1 would be packed bits.
static void makeBoolsBytes(func::FuncOp func) {
  for (BlockArgument arg : func.getArguments())
    if (auto type = dyn_cast<MemRefType>(arg.getType()); type && type.getElementType().isInteger(1))
      arg.setType(MemRefType::get(type.getShape(), IntegerType::get(func.getContext(), 8)));
  SmallVector<Type> types = llvm::to_vector(func.getBody().getArgumentTypes());
  func.setType(FunctionType::get(func.getContext(), types, {}));
}

LogicalResult lowerKernelToVector(func::FuncOp kernel, unsigned lanes) {
  if (lanes != 4 && lanes != 8 && lanes != 16)
    return kernel.emitOpError("cannot be vectorised: expected 4, 8 or 16 lanes, found ") << lanes;
  std::optional<KernelForm> form = matchKernel(kernel);
  if (!form)
    return failure();
  std::optional<ContractionForm> contraction = matchContraction(form->main);
  if (contraction && contraction->bTransposed) {
    InFlightDiagnostic diag = form->main.emitOpError("contraction needs B's rows contiguous");
    diag.attachNote() << "expected B accessed as [k, n], found [n, k]: transpose it first";
    return diag;
  }

  makeBoolsBytes(kernel);
  OpBuilder b(kernel.getBody().front().getTerminator());
  if (contraction)
    lowerContraction(b, *form, *contraction, lanes);
  else
    lowerElementwise(b, *form, lanes);

  if (form->epilogue)
    form->epilogue.erase();
  form->main.erase();
  for (Operation &op : llvm::make_early_inc_range(kernel.getBody().front()))
    if (isa<linalg::FillOp, memref::DeallocOp>(op))
      op.erase();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(kernel.getBody().front())))
    if (isa<memref::AllocaOp, memref::AllocOp>(op) || (isa<memref::DimOp>(op) && op.use_empty())) {
      if (!op.use_empty())
        return op.emitOpError("is a local that something other than the epilogue uses");
      op.erase();
    }
  return success();
}

} // namespace selfopt::codegen
