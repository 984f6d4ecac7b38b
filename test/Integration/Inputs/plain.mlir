// Upstream only: relu(x w) and the sum of its squares.
func.func @layer(%x: tensor<2x3xf32>, %w: tensor<3x2xf32>) -> tensor<2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x2xf32>) -> tensor<2x2xf32>
  %p = linalg.matmul ins(%x, %w : tensor<2x3xf32>, tensor<3x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  %floor = arith.constant dense<0.0> : tensor<2x2xf32>
  %y = arith.maximumf %p, %floor : tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
func.func @wave(%w: tensor<3xf32>) -> tensor<f32> {
  %s = math.sin %w : tensor<3xf32>
  %e = math.exp %s : tensor<3xf32>
  %p = arith.mulf %e, %w : tensor<3xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %y = linalg.reduce { arith.addf } ins(%p : tensor<3xf32>) outs(%zero : tensor<f32>) dimensions = [0]
  return %y : tensor<f32>
}
