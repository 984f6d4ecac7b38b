// RUN: selfopt-opt %s --selfopt-mutate=apply --split-input-file --verify-diagnostics

// A mutation that does not apply names itself, and the reason as a note; the program stays as it was.
module @place {
  selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
    %y = nn.dense %x units(2) : tensor<2xf32>
    selfopt.return %y : tensor<2xf32>
  }
  evolve.lineage from("") {
    // expected-error @+1 {{expected a place below}}
    evolve.widen @net at(1) units(8)
  }
}

// -----

module @undefined {
  evolve.lineage from("") {
    // expected-error @+1 {{'evolve.widen' op expects @net to be defined in the spec, found no such symbol}}
    evolve.widen @net at(1) units(8)
  }
}

// -----

module @other_kind {
  selfopt.schedule @linear(%t: f32) -> f32 {
    selfopt.return %t : f32
  }
  evolve.lineage from("") {
    // expected-error @+1 {{'evolve.widen' op expects @linear to be a selfopt.model, found a selfopt.schedule}}
    evolve.widen @linear at(0) units(8)
  }
}

// -----

module @not_wider {
  selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
    %h = nn.dense %x units(6) : tensor<6xf32>
    %y = nn.dense %h units(2) : tensor<2xf32>
    selfopt.return %y : tensor<2xf32>
  }
  evolve.lineage from("") {
    // expected-error @+1 {{expected more than 6}}
    evolve.widen @net at(0) units(6)
  }
}
