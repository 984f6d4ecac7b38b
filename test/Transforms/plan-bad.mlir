// RUN: selfopt-opt --selfopt-verify-planned --split-input-file --verify-diagnostics %s

plan.program @inside arena(64) {
  %x = plan.view "x" at(0) : memref<16xf32>
  %y = plan.view "y" at(60) : memref<f32>
}

// -----

plan.program @outside arena(64) {
  // expected-error @+1 {{'plan.view' op lies outside the arena: expected an end of at most 64, found 68}}
  %x = plan.view "x" at(4) : memref<16xf32>
}

// -----

plan.program @before arena(64) {
  // expected-error @+1 {{'plan.view' op lies outside the arena: expected an end of at most 64, found 0}}
  %x = plan.view "x" at(-4) : memref<f32>
}

// -----

plan.program @no_kernel arena(64) {
  %x = plan.view "x" at(0) : memref<16xf32>
  plan.section "call" {
    // expected-error @+1 {{'plan.launch' op expects @nowhere to name a kernel of 1 arguments}}
    plan.launch @nowhere(%x) : memref<16xf32>
  }
}

// -----

func.func private @k(memref<?xf32>, memref<?xf32>)
plan.program @arity arena(64) {
  %x = plan.view "x" at(0) : memref<16xf32>
  plan.section "call" {
    // expected-error @+1 {{'plan.launch' op expects @k to name a kernel of 1 arguments}}
    plan.launch @k(%x) : memref<16xf32>
  }
}
