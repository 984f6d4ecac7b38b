// RUN: selfopt-opt %s --selfopt-derive-bounds -verify-diagnostics

// expected-error @+1 {{interval bound propagation has no rule for math.sin}}
selfopt.model @net(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.sin %x : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}
