// RUN: selfopt-opt %s --selfopt-plan=function=f --selfopt-verify-planned | FileCheck %s

// A kernel that reads a reshaped argument has an indexing map of the rank that it is given.
// CHECK: plan.program @f
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
func.func @f(%x: tensor<10xf32>) -> tensor<1xf32> {
  %e = tensor.expand_shape %x [[0, 1]] output_shape [1, 10] : tensor<10xf32> into tensor<1x10xf32>
  %c = arith.constant 0.0 : f32
  %0 = tensor.empty() : tensor<1xf32>
  %1 = linalg.fill ins(%c : f32) outs(%0 : tensor<1xf32>) -> tensor<1xf32>
  %2 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%e : tensor<1x10xf32>) outs(%1 : tensor<1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %3 = arith.addf %out, %in : f32
    linalg.yield %3 : f32
  } -> tensor<1xf32>
  return %2 : tensor<1xf32>
}
