// RUN: selfopt-opt %s --selfopt-differentiate --selfopt-verify-differentiated --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not selfopt-opt %s --split-input-file --selfopt-verify-differentiated 2>&1 | FileCheck %s --check-prefix=LEFT
// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-differentiate --selfopt-verify-differentiated | FileCheck %s --check-prefix=SPEC
// RUN: selfopt-opt --split-input-file "--selfopt-differentiate=function=cube" %S/Inputs/cube.mlir | FileCheck %s --check-prefix=OPTION
// RUN: not selfopt-opt "--selfopt-differentiate=function=nowhere" %S/Inputs/cube.mlir 2>&1 | FileCheck %s --check-prefix=NONE

// d(w * w)/dw = w + w, by the cotangent 1.
func.func @square(%w: tensor<f32>) -> tensor<f32> {
  %y = arith.mulf %w, %w : tensor<f32>
  return %y : tensor<f32>
}
// CHECK-LABEL: func.func @square.gradient(
// CHECK-SAME:    %[[W:.*]]: tensor<f32>) -> (tensor<f32>, tensor<f32>)
// CHECK:         %[[Y:.*]] = arith.mulf %[[W]], %[[W]]
// CHECK:         %[[ONE:.*]] = arith.constant dense<1.000000e+00>
// CHECK:         %[[A:.*]] = arith.mulf %[[ONE]], %[[W]]
// CHECK:         %[[B:.*]] = arith.mulf %[[ONE]], %[[W]]
// CHECK:         %[[G:.*]] = arith.addf %[[A]], %[[B]]
// CHECK:         return %[[Y]], %[[G]]
// CHECK-LABEL: func.func @step(
// CHECK-NOT:     selfopt.gradient
// CHECK:         %[[R:.*]]:2 = call @square.gradient(%{{.*}}) : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
// CHECK:         return %[[R]]#0, %[[R]]#1
func.func @step(%w: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %y, %g = selfopt.gradient @square(%w) by 1 : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %y, %g : tensor<f32>, tensor<f32>
}

// LEFT: error: 'selfopt.gradient' op is left after differentiation

// -----

// What a stop_gradient hides has no influence: w * stop(w) has the gradient w, not w + w.
func.func @half(%w: tensor<f32>) -> tensor<f32> {
  %s = selfopt.stop_gradient %w : tensor<f32>
  %y = arith.mulf %w, %s : tensor<f32>
  return %y : tensor<f32>
}
func.func @step(%w: tensor<f32>) -> tensor<f32> {
  %y, %g = selfopt.gradient @half(%w) by 1 : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %g : tensor<f32>
}
// CHECK-LABEL: func.func @half.gradient(
// CHECK-SAME:    %[[W:.*]]: tensor<f32>)
// CHECK-NOT:     arith.addf
// CHECK-NOT:     selfopt.stop_gradient
// CHECK:         %[[G:.*]] = arith.mulf %{{cst.*}}, %[[W]]
// CHECK-NEXT:    return %{{.*}}, %[[G]]

// -----

// Elementwise on a tensor, then a sum: the cotangent is spread over the tensor, the integer operand carries none.
func.func @sum(%w: tensor<4xf32>, %x: tensor<4xf32>, %i: tensor<4xi32>) -> tensor<f32> {
  %p = arith.mulf %w, %x : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %s = linalg.reduce ins(%p : tensor<4xf32>) outs(%zero : tensor<f32>) dimensions = [0]
    (%in: f32, %out: f32) { %a = arith.addf %in, %out : f32 linalg.yield %a : f32 }
  return %s : tensor<f32>
}
func.func @step(%w: tensor<4xf32>, %x: tensor<4xf32>, %i: tensor<4xi32>) -> tensor<4xf32> {
  %y, %g = selfopt.gradient @sum(%w, %x, %i) by 1 : (tensor<4xf32>, tensor<4xf32>, tensor<4xi32>) -> (tensor<f32>, tensor<4xf32>)
  return %g : tensor<4xf32>
}
// CHECK-LABEL: func.func @sum.gradient(
// CHECK-SAME:    %{{.*}}: tensor<4xf32>, %[[X:.*]]: tensor<4xf32>, %{{.*}}: tensor<4xi32>) -> (tensor<f32>, tensor<4xf32>)
// CHECK:         %[[SPREAD:.*]] = linalg.generic {{.*}}iterator_types = ["parallel"]
// CHECK:         %[[G:.*]] = arith.mulf %[[SPREAD]], %[[X]] : tensor<4xf32>
// CHECK:         return %{{.*}}, %[[G]]

// -----

func.func @unknown(%w: tensor<f32>) -> tensor<f32> {
  // expected-error @+2 {{'math.asin' op has no derivative rule}}
  // expected-note @+1 {{expected an op that implements PullbackOpInterface}}
  %y = math.asin %w : tensor<f32>
  return %y : tensor<f32>
}
func.func @step(%w: tensor<f32>) -> tensor<f32> {
  %y, %g = selfopt.gradient @unknown(%w) by 1 : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return %g : tensor<f32>
}

// -----

// expected-error @+1 {{expects a first result that is one float, to be differentiated}}
func.func @vector(%w: tensor<2xf32>) -> tensor<2xf32> {
  return %w : tensor<2xf32>
}
func.func @step(%w: tensor<2xf32>) -> tensor<2xf32> {
  %y, %g = selfopt.gradient @vector(%w) by 1 : (tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  return %g : tensor<2xf32>
}

// -----

// A module without requests stays as it is.
// CHECK-LABEL: func.func @untouched(
// CHECK-NEXT:    math.asin
func.func @untouched(%w: tensor<f32>) -> tensor<f32> {
  %y = math.asin %w : tensor<f32>
  return %y : tensor<f32>
}

// SPEC:     func.func @fit.objective.gradient(
// SPEC-SAME:  tensor<8xi32>) -> (tensor<f32>, tensor<8xf32>, tensor<2x5xf32>, tensor<5xf32>, tensor<5x2xf32>, tensor<2xf32>)
// SPEC:     func.func @fit.step
// SPEC:       call @fit.objective.gradient

// OPTION:     func.func @cube.gradient(%{{.*}}: tensor<f32>, %{{.*}}: tensor<2xi32>) -> (tensor<f32>, tensor<f32>)
// NONE: error: expects a function @nowhere to differentiate, found none
