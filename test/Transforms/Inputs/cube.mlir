func.func @cube(%w: tensor<f32>, %i: tensor<2xi32>) -> tensor<f32> {
  %s = arith.mulf %w, %w : tensor<f32>
  %y = arith.mulf %s, %w : tensor<f32>
  return %y : tensor<f32>
}
