// RUN: selfopt-opt --split-input-file --verify-diagnostics %s

// `plan` has no verifier of its own: ODS guards each op, --selfopt-verify-planned the program (Transforms/plan-bad.mlir).

plan.program @dynamic_view arena(64) {
  // expected-error @+1 {{'plan.view' op result #0 must be statically shaped memref of any type values, but got 'memref<?xf32>'}}
  %x = plan.view "x" at(0) : memref<?xf32>
}

// -----

plan.program @tensor_target arena(64) {
  %x = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{invalid kind of type specified: expected builtin.memref, but found 'tensor<4xf32>'}}
  plan.fill 0.0, %x : tensor<4xf32>
}

// -----

plan.program @offset_of_half arena(64) {
  // expected-error @+1 {{floating point value not valid for specified type}}
  %x = plan.view "x" at(0.5) : memref<4xf32>
}

// -----

plan.program @no_times arena(64) {
  // expected-error @+1 {{expected 'times'}}
  plan.repeat "epochs" {
  }
}

// -----

// expected-error @+1 {{invalid kind of attribute specified}}
plan.program @arena_of_text arena("large") {
}
