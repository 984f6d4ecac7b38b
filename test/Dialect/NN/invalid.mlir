// RUN: selfopt-opt --split-input-file --verify-diagnostics %s

selfopt.model @dense_c1_no_units(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{'nn.dense' op expects between 1 and 16777216 units, found 0}}
  %y = nn.dense %x units(0) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}

// -----

selfopt.model @dense_c1_negative_units(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{'nn.dense' op expects between 1 and 16777216 units, found -3}}
  %y = nn.dense %x units(-3) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}

// -----

selfopt.model @dense_c2_empty_vector(%x: tensor<0xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{'nn.dense' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}

// -----

func.func @dense_c2_dynamic_size(%x: tensor<?xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{'nn.dense' op expects a non-empty vector of static size, found 'tensor<?xf32>'}}
  %y = nn.dense %x units(2) : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

selfopt.model @dense_c3_other_size(%x: tensor<4xf32>) -> tensor<3xf32> {
  // expected-error @+3 {{'nn.dense' op has a result that does not fit its units}}
  // expected-note @+2 {{expected 'tensor<2xf32>'}}
  // expected-note @+1 {{found 'tensor<3xf32>'}}
  %y = nn.dense %x units(2) : tensor<3xf32>
  selfopt.return %y : tensor<3xf32>
}

// -----

func.func @activation_c1_dynamic_size(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'nn.activation' op expects operands with a static shape, found 'tensor<?xf32>'}}
  %y = nn.activation relu %x : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

func.func @activation_c1_dynamic_result(%x: tensor<4xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{'nn.activation' op expects results with a static shape, found 'tensor<?xf32>'}}
  %y = nn.activation relu %x : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

selfopt.model @activation_c2_other_size(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+3 {{'nn.activation' op has a result of another type than its operand}}
  // expected-note @+2 {{expected 'tensor<4xf32>'}}
  // expected-note @+1 {{found 'tensor<5xf32>'}}
  %y = nn.activation tanh %x : tensor<5xf32>
  selfopt.return %y : tensor<5xf32>
}

// -----

selfopt.model @softmax_c1_empty_vector(%x: tensor<0xf32>) -> tensor<0xf32> {
  // expected-error @+1 {{'nn.softmax' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %y = nn.softmax %x : tensor<0xf32>
  selfopt.return %y : tensor<0xf32>
}

// -----

selfopt.model @softmax_c2_other_size(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+3 {{'nn.softmax' op has a result of another type than its operand}}
  // expected-note @+2 {{expected 'tensor<4xf32>'}}
  // expected-note @+1 {{found 'tensor<5xf32>'}}
  %y = nn.softmax %x : tensor<5xf32>
  selfopt.return %y : tensor<5xf32>
}

// -----

selfopt.model @log_softmax_c1_empty_vector(%x: tensor<0xf32>) -> tensor<0xf32> {
  // expected-error @+1 {{'nn.log_softmax' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %y = nn.log_softmax %x : tensor<0xf32>
  selfopt.return %y : tensor<0xf32>
}

// -----

selfopt.model @log_softmax_c2_other_size(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+3 {{'nn.log_softmax' op has a result of another type than its operand}}
  // expected-note @+2 {{expected 'tensor<4xf32>'}}
  // expected-note @+1 {{found 'tensor<5xf32>'}}
  %y = nn.log_softmax %x : tensor<5xf32>
  selfopt.return %y : tensor<5xf32>
}

// -----

selfopt.loss @pick_c1_empty_vector(%x: tensor<0xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.pick' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}

// -----

selfopt.loss @one_hot_c1_empty_result(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.one_hot' op expects a non-empty result of static size, found 'tensor<0xf32>'}}
  %h = nn.one_hot %label : tensor<0xf32>
  %y = nn.reduce sum %x : f32
  selfopt.return %y : f32
}

// -----

selfopt.loss @one_hot_c1_dynamic_result(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.one_hot' op expects a non-empty result of static size, found 'tensor<?xf32>'}}
  %h = nn.one_hot %label : tensor<?xf32>
  %y = nn.reduce sum %x : f32
  selfopt.return %y : f32
}

// -----

selfopt.metric @argmax_c1_empty_vector(%x: tensor<0xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.argmax' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %b = nn.argmax %x : i32
  %y = arith.sitofp %b : i32 to f32
  selfopt.return %y : f32
}

// -----

selfopt.loss @reduce_c1_empty_vector(%x: tensor<0xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.reduce' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %y = nn.reduce sum %x : f32
  selfopt.return %y : f32
}

// -----

//===--- What ODS says --------------------------------------------------------===//

selfopt.model @matrix(%x: tensor<2x2xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{'nn.dense' op operand #0 must be 1D tensor of 32-bit float values}}
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}

// -----

selfopt.loss @index_of_other_type(%x: tensor<4xf32>, %target: tensor<1xf32>) -> f32 {
  // expected-error @+1 {{'nn.pick' op operand #1 must be 32-bit signless integer, but got 'tensor<1xf32>'}}
  %y = nn.pick %x[%target] : f32
  selfopt.return %y : f32
}

// -----

//===--- Assembly -------------------------------------------------------------===//

selfopt.model @unknown_activation(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected an activation (relu, tanh, gelu, sigmoid), found 'swish'}}
  %y = nn.activation swish %x : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @unknown_init(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected an initialisation (fan_in_uniform, glorot_uniform, he_normal, lecun_normal, zeros, identity), found 'ones'}}
  %y = nn.dense %x units(4) init(ones) : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.loss @unknown_reduction(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{expected a reduction (sum, mean, max), found 'product'}}
  %y = nn.reduce product %x : f32
  selfopt.return %y : f32
}

// -----

selfopt.model @units_of_half(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{the number of units must be an integer, found 2.5}}
  %y = nn.dense %x units(2.5) : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @forward_reference(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected a value that is defined above, found '%h'}}
  %y = nn.dense %h units(4) : tensor<4xf32>
  %h = nn.activation relu %x : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @undefined_value(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected a value that is defined above, found '%nowhere'}}
  %y = nn.activation relu %nowhere : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @unknown_op(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{custom op 'nn.dens' is unknown}}
  %y = nn.dens %x units(4) : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

// A product of such sizes would leave 64 bits.
selfopt.model @dense_c1_too_many(%x: tensor<4xf32>) -> tensor<10xf32> {
  // expected-error @+1 {{'nn.dense' op expects between 1 and 16777216 units, found 4611686018427387904}}
  %y = nn.dense %x units(4611686018427387904) : tensor<10xf32>
  selfopt.return %y : tensor<10xf32>
}

// -----

selfopt.model @noise_c1_negative(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'nn.noise' op expects a scale in [0, 1e6], found -1.000000e+00}}
  %y = nn.noise %x scale(-1.0) : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @noise_c2_other_type(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+3 {{'nn.noise' op has a result of another type than its operand}}
  // expected-note @+2 {{expected 'tensor<4xf32>'}}
  // expected-note @+1 {{found 'tensor<5xf32>'}}
  %y = nn.noise %x scale(1.0) : tensor<5xf32>
  selfopt.return %y : tensor<5xf32>
}

// -----

selfopt.model @dropout_c1_one(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'nn.dropout' op expects a rate in [0, 0.99], found 1.000000e+00}}
  %y = nn.dropout %x rate(1.0) : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @dropout_c2_dynamic(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'nn.dropout' op expects results with a static shape, found 'tensor<?xf32>'}}
  %y = nn.dropout %x rate(0.5) : tensor<?xf32>
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @noise_missing_scale(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected 'scale'}}
  %y = nn.noise %x rate(1.0) : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @layer_norm_c1_matrix(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{'nn.layer_norm' op operand #0 must be 1D tensor of 32-bit float values, but got 'tensor<2x3xf32>'}}
  %y = nn.layer_norm %x : tensor<2x3xf32>
  selfopt.return %x : tensor<2x3xf32>
}

// -----

selfopt.model @layer_norm_c1_empty(%x: tensor<0xf32>) -> tensor<0xf32> {
  // expected-error @+1 {{'nn.layer_norm' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %y = nn.layer_norm %x : tensor<0xf32>
  selfopt.return %y : tensor<0xf32>
}

// -----

selfopt.model @layer_norm_c2_other_size(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+3 {{'nn.layer_norm' op has a result of another type than its operand}}
  // expected-note @+2 {{expected 'tensor<4xf32>'}}
  // expected-note @+1 {{found 'tensor<5xf32>'}}
  %y = nn.layer_norm %x : tensor<5xf32>
  selfopt.return %y : tensor<5xf32>
}

// -----

selfopt.model @rms_norm_c1_matrix(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{'nn.rms_norm' op operand #0 must be 1D tensor of 32-bit float values, but got 'tensor<2x3xf32>'}}
  %y = nn.rms_norm %x : tensor<2x3xf32>
  selfopt.return %x : tensor<2x3xf32>
}

// -----

selfopt.model @rms_norm_c1_empty(%x: tensor<0xf32>) -> tensor<0xf32> {
  // expected-error @+1 {{'nn.rms_norm' op expects a non-empty vector of static size, found 'tensor<0xf32>'}}
  %y = nn.rms_norm %x : tensor<0xf32>
  selfopt.return %y : tensor<0xf32>
}

// -----

selfopt.model @rms_norm_c2_other_size(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+3 {{'nn.rms_norm' op has a result of another type than its operand}}
  // expected-note @+2 {{expected 'tensor<4xf32>'}}
  // expected-note @+1 {{found 'tensor<5xf32>'}}
  %y = nn.rms_norm %x : tensor<5xf32>
  selfopt.return %y : tensor<5xf32>
}

// -----

selfopt.model @concat_c1_none(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'nn.concat' op expects at least one operand, found none}}
  %y = "nn.concat"() : () -> tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @concat_c2_empty(%x: tensor<0xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'nn.concat' op expects non-empty vectors of static size, found 'tensor<0xf32>'}}
  %y = nn.concat %x, %x : tensor<4xf32>
  selfopt.return %y : tensor<4xf32>
}

// -----

selfopt.model @concat_c3_sum(%x: tensor<4xf32>) -> tensor<7xf32> {
  // expected-error @+3 {{'nn.concat' op has a result that does not fit its operands}}
  // expected-note @+2 {{expected 'tensor<8xf32>'}}
  // expected-note @+1 {{found 'tensor<7xf32>'}}
  %y = nn.concat %x, %x : tensor<7xf32>
  selfopt.return %y : tensor<7xf32>
}

// -----

selfopt.model @dense_c4_sizes(%x: tensor<4xf32>) -> tensor<3xf32> {
  // expected-note @+1 {{expected 'tensor<4xf32>' to 'tensor<4xf32>' with init(fan_in_uniform)}}
  %a = nn.dense %x units(4) param("core") : tensor<4xf32>
  // expected-error @+2 {{'nn.dense' op can't share the parameters "core"}}
  // expected-note @+1 {{found 'tensor<4xf32>' to 'tensor<3xf32>' with init(fan_in_uniform)}}
  %b = nn.dense %a units(3) param("core") : tensor<3xf32>
  selfopt.return %b : tensor<3xf32>
}

// -----

selfopt.model @dense_c4_init(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-note @+1 {{expected 'tensor<4xf32>' to 'tensor<4xf32>' with init(zeros)}}
  %a = nn.dense %x units(4) init(zeros) param("core") : tensor<4xf32>
  // expected-error @+2 {{'nn.dense' op can't share the parameters "core"}}
  // expected-note @+1 {{found 'tensor<4xf32>' to 'tensor<4xf32>' with init(fan_in_uniform)}}
  %b = nn.dense %a units(4) param("core") : tensor<4xf32>
  selfopt.return %b : tensor<4xf32>
}
