// RUN: selfopt-opt %s "--selfopt-plan=function=mlp" --selfopt-verify-planned | FileCheck %s
// RUN: not selfopt-opt %s "--selfopt-plan=function=nowhere" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not selfopt-opt %s "--selfopt-plan=function=dynamic" 2>&1 | FileCheck %s --check-prefix=DYNAMIC

// Any function of upstream ops on static tensors becomes a program with the one section "call".
// CHECK-LABEL: plan.program @mlp arena({{[0-9]+}}) {
// CHECK-DAG:     %[[X:.*]] = plan.view "argument.0" at({{[0-9]+}}) : memref<3x4xf32>
// CHECK-DAG:     %[[W:.*]] = plan.view "argument.1" at({{[0-9]+}}) : memref<4x2xf32>
// CHECK-DAG:     %[[R:.*]] = plan.view "result.0" at({{[0-9]+}}) : memref<3x2xf32>
// CHECK:         plan.section "call" {
// The product and the maximum behind it are one launch.
// CHECK-NEXT:      plan.launch @{{.*}}(%[[X]], %[[W]]{{.*}}%[[R]])
// CHECK-NEXT:    }
func.func @mlp(%x: tensor<3x4xf32>, %w: tensor<4x2xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x2xf32>) -> tensor<3x2xf32>
  %p = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %floor = arith.constant dense<0.0> : tensor<3x2xf32>
  %y = arith.maximumf %p, %floor : tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
func.func @dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = math.exp %x : tensor<?xf32>
  return %y : tensor<?xf32>
}
// NONE: error: expects a func.func @nowhere to plan, found none
// DYNAMIC: error: 'func.func' op can't be planned: expected arguments that are scalars or static tensors, found 'tensor<?xf32>'
