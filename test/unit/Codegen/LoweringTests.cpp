//===- LoweringTests.cpp - The stages on their own --------------------------===//
#include "Harness.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Verifier.h"

namespace selfopt::codegen::test {
namespace {

const char *kKernels[] = {R"(
func.func @product(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %bias: memref<?xf32>, %out: memref<?x?xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = memref.dim %out, %c0 : memref<?x?xf32>
  %n = memref.dim %out, %c1 : memref<?x?xf32>
  %acc = memref.alloca(%m, %n) : memref<?x?xf32>
  linalg.fill ins(%zero : f32) outs(%acc : memref<?x?xf32>)
  linalg.matmul ins(%a, %b : memref<?x?xf32>, memref<?x?xf32>) outs(%acc : memref<?x?xf32>)
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%acc, %bias : memref<?x?xf32>, memref<?xf32>) outs(%out : memref<?x?xf32>) {
    ^bb0(%x: f32, %y: f32, %o: f32):
      %0 = arith.addf %x, %y : f32
      %1 = arith.maximumf %0, %zero : f32
      linalg.yield %1 : f32
    }
  return
})",
                          R"(
func.func @reduction(%x: memref<?x?xf32>, %mask: memref<?x?xi1>, %out: memref<?xf32>) {
  %low = arith.constant 0xFF800000 : f32
  linalg.fill ins(%low : f32) outs(%out : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
    ins(%x, %mask : memref<?x?xf32>, memref<?x?xi1>) outs(%out : memref<?xf32>) {
    ^bb0(%a: f32, %m: i1, %o: f32):
      %0 = arith.select %m, %a, %low : f32
      %1 = math.exp %0 : f32
      %2 = arith.maximumf %o, %1 : f32
      linalg.yield %2 : f32
    }
  return
})",
                          R"(
func.func @transpose(%x: memref<?x?xf32>, %out: memref<?x?xf32>) {
  linalg.transpose ins(%x : memref<?x?xf32>) outs(%out : memref<?x?xf32>) permutation = [1, 0]
  return
})"};

class StageTest : public LanesTest {};
SELFOPT_ALL_LANES(StageTest);

TEST_P(StageTest, EachStageGivesValidCode) {
  for (const char *text : kKernels) {
    Parsed parsed = parse(text);
    mlir::func::FuncOp kernel = parsed.kernels.front();
    unsigned arguments = kernel.getNumArguments();
    ASSERT_TRUE(mlir::succeeded(lowerKernelToVector(kernel, GetParam())));
    EXPECT_TRUE(mlir::succeeded(mlir::verify(*parsed.module)));
    EXPECT_EQ(kernel.getNumArguments(), arguments);
    kernel.walk([](mlir::Operation *op) {
      EXPECT_FALSE((llvm::isa<mlir::linalg::LinalgOp, mlir::memref::AllocaOp>(op)))
          << op->getName().getStringRef().str();
    });
    ASSERT_TRUE(mlir::succeeded(lowerVectorToLLVM(*parsed.module)));
    EXPECT_TRUE(mlir::succeeded(mlir::verify(*parsed.module)));
    parsed.module->walk([](mlir::Operation *op) {
      llvm::StringRef dialect = op->getName().getDialectNamespace();
      EXPECT_TRUE(dialect == "llvm" || dialect == "builtin") << op->getName().getStringRef().str();
    });
  }
}

TEST(Stage, RefusesOtherLaneCounts) {
  Parsed parsed = parse(kKernels[2]);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context(), [&](mlir::Diagnostic &d) { message = d.str(); });
  EXPECT_TRUE(mlir::failed(lowerKernelToVector(parsed.kernels.front(), 5)));
  EXPECT_NE(message.find("expected 4, 8 or 16 lanes, found 5"), std::string::npos) << message;
}

} // namespace
} // namespace selfopt::codegen::test
