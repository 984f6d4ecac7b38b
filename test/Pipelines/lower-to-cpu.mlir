// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-plan --selfopt-lower-to-cpu --selfopt-verify-lowered | FileCheck %s
// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-plan "--selfopt-lower-to-cpu=stage=vector lanes=8" | FileCheck %s --check-prefix=VECTOR
// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-plan "--selfopt-lower-to-cpu=stage=vector lanes=4" | FileCheck %s --check-prefix=FOUR
// RUN: not selfopt-opt %s "--selfopt-lower-to-cpu=stage=half" 2>&1 | FileCheck %s --check-prefix=STAGE
// RUN: not selfopt-opt %s "--selfopt-lower-to-cpu=lanes=5" 2>&1 | FileCheck %s --check-prefix=LANES
// RUN: not selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-plan --selfopt-verify-lowered 2>&1 | FileCheck %s --check-prefix=LEFT

// The launch list stays; a kernel takes one pointer to its slots.
// CHECK-LABEL: plan.program @fit
// CHECK:         plan.launch @[[K:k_[0-9a-f]+]](
// CHECK:       llvm.func @[[K]](%{{.*}}: !llvm.ptr
// CHECK-NOT:   {{linalg\.|memref\.|vector\.|scf\.|arith\.|math\.}}

// VECTOR: vector<8xf32>
// VECTOR-NOT: vector<16xf32>
// FOUR: vector<4xf32>
// FOUR-NOT: vector<8xf32>
// STAGE: error: expects stage=vector or stage=llvm, found 'half'
// LANES: error: expects 4, 8 or 16 lanes, found
// LEFT: error: {{.*}}is left after lowering
func.func @untouched() {
  return
}
