//===- LowerToLLVM.cpp - Kernels from vector code to the LLVM dialect --------===//
#include "SelfOpt/Codegen/Lowering.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace selfopt::codegen {

/// func(memref, f32, ...) -> func(ptr slots): the slots become descriptors of row-major memrefs, and scalars.
static void applySlotsAbi(func::FuncOp func, const LLVMTypeConverter &converter) {
  Block &entry = func.getBody().front();
  OpBuilder b = OpBuilder::atBlockBegin(&entry);
  Location loc = func.getLoc();
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  unsigned numArgs = entry.getNumArguments();
  BlockArgument slots = entry.insertArgument(0u, pointer, loc);
  int32_t next = 0;
  auto loadSlot = [&](Type type) -> Value {
    Value address = LLVM::GEPOp::create(b, loc, pointer, b.getI64Type(), slots, ArrayRef<LLVM::GEPArg>{next++});
    return LLVM::LoadOp::create(b, loc, type, address);
  };
  for (unsigned i = 1; i <= numArgs; ++i) {
    BlockArgument arg = entry.getArgument(i);
    Value replacement;
    if (auto type = dyn_cast<MemRefType>(arg.getType())) {
      Value base = loadSlot(pointer), one = LLVM::ConstantOp::create(b, loc, b.getI64IntegerAttr(1));
      Value zero = LLVM::ConstantOp::create(b, loc, b.getI64IntegerAttr(0));
      SmallVector<Value> sizes;
      for (int64_t d = 0; d < type.getRank(); ++d)
        sizes.push_back(loadSlot(b.getI64Type()));
      SmallVector<Value> strides(type.getRank(), one);
      for (int64_t d = type.getRank() - 1; d-- > 0;)
        strides[d] =
            d == type.getRank() - 2 ? sizes[d + 1] : Value(LLVM::MulOp::create(b, loc, strides[d + 1], sizes[d + 1]));
      SmallVector<Value> parts{base, base, zero};
      llvm::append_range(parts, sizes);
      llvm::append_range(parts, strides);
      Value descriptor = MemRefDescriptor::pack(b, loc, converter, type, parts);
      replacement = UnrealizedConversionCastOp::create(b, loc, type, descriptor).getResult(0);
    } else {
      replacement = loadSlot(arg.getType());
    }
    arg.replaceAllUsesWith(replacement);
  }
  entry.eraseArguments(1, numArgs);
  func.setType(FunctionType::get(b.getContext(), {pointer}, {}));
}

namespace {
/// Polynomial approximations where upstream's stay within 4 ulp. Those of sin, cos (errors beyond 1e-6 outside of one
/// period), atan and cbrt (40 and 11 ulp) do not, so these, like powf, call libm lane by lane.
struct ApproximateMath : PassWrapper<ApproximateMath, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ApproximateMath)
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<vector::VectorDialect, math::MathDialect>();
  }
  /// libm takes these apart by the bits of their operand. Where the runtime flushes, it can't scale a subnormal one, and
  /// returns what has nothing to do with it: -5.6e-16 for the root of 1e-40. As zero they are what all others are.
  static void flushOperand(Operation *op) {
    Value x = op->getOperand(0);
    auto type = dyn_cast<FloatType>(getElementTypeOrSelf(x.getType()));
    if (!type)
      return;
    OpBuilder b(op);
    auto splat = [&](const APFloat &value) -> Value {
      TypedAttr attribute = b.getFloatAttr(type, value);
      if (auto vector = dyn_cast<VectorType>(x.getType()))
        attribute = DenseElementsAttr::get(vector, attribute);
      return arith::ConstantOp::create(b, op->getLoc(), attribute);
    };
    Value size = math::AbsFOp::create(b, op->getLoc(), x);
    Value normal = splat(APFloat::getSmallestNormalized(type.getFloatSemantics()));
    Value zero = arith::MulFOp::create(b, op->getLoc(), x, splat(APFloat::getZero(type.getFloatSemantics()))); // of its sign
    Value small = arith::CmpFOp::create(b, op->getLoc(), arith::CmpFPredicate::OLT, size, normal);
    op->setOperand(0, arith::SelectOp::create(b, op->getLoc(), small, zero, x));
  }
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (isa<math::CbrtOp, math::PowFOp, math::Log10Op>(op))
        flushOperand(op);
    });
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      return llvm::is_contained({math::ExpOp::getOperationName(), math::ExpM1Op::getOperationName(),
                                 math::LogOp::getOperationName(), math::Log2Op::getOperationName(),
                                 math::Log1pOp::getOperationName(), math::TanhOp::getOperationName(),
                                 math::ErfOp::getOperationName()},
                                name);
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

LogicalResult lowerVectorToLLVM(ModuleOp module) {
  MLIRContext *context = module.getContext();
  LLVMTypeConverter converter(context);
  for (auto func : module.getOps<func::FuncOp>())
    applySlotsAbi(func, converter);

  PassManager pm(context);
  pm.enableVerifier(false);
  pm.addPass(std::make_unique<ApproximateMath>());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  // These two before the vector dialect goes: what has no LLVM intrinsic is taken apart into lanes.
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

void registerCodegenDialects(DialectRegistry &registry) {
  registry
      .insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, linalg::LinalgDialect, LLVM::LLVMDialect,
              math::MathDialect, memref::MemRefDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

} // namespace selfopt::codegen
