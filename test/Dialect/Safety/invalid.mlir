// RUN: selfopt-opt --split-input-file --verify-diagnostics %s

safety.policy @policy_c1_no_constraint {
  // expected-error @+1 {{'arith.constant' op is no constraint; a safety.policy holds safety.seal, range, limit and require}}
  %c = arith.constant 1.0 : f32
}

// -----

safety.policy @seal_c1_twice {
  // expected-error @+1 {{'safety.seal' op names @seal_c1_twice twice}}
  safety.seal @seal_c1_twice, @seal_c1_twice
}

// -----

safety.policy @seal_c2_undefined {
  // expected-error @+1 {{'safety.seal' op expects @nowhere to be defined in the module, found no such symbol}}
  safety.seal @seal_c2_undefined, @nowhere
}

// -----

safety.policy @range_c1_upside_down {
  // expected-error @+1 {{'safety.range' op expects low <= high, found [2.0, 1.0]}}
  safety.range @range_c1_upside_down "lr" in [2.0, 1.0]
}

// -----

safety.policy @range_c1_nan {
  // expected-error @+1 {{'safety.range' op expects low <= high, found [nan, 1.0]}}
  safety.range @range_c1_nan "lr" in [0x7FF8000000000000 : f64, 1.0]
}

// -----

safety.policy @range_c2_unknown_hyper {
  // expected-error @+1 {{'safety.range' op expects a hyperparameter (lr, batch, epochs), found "momentum"}}
  safety.range @range_c2_unknown_hyper "momentum" in [0.0, 1.0]
}

// -----

safety.policy @range_c3_undefined {
  // expected-error @+1 {{'safety.range' op expects @nowhere to be defined in the module, found no such symbol}}
  safety.range @nowhere "lr" in [0.0, 1.0]
}

// -----

safety.policy @limit_beyond_63_bits {
  // expected-error @+1 {{expected an integer of at most 9223372036854775807, found 9223372036854775808}}
  safety.limit parameters <= 9223372036854775808
}

// -----

safety.policy @bits_without_a_type {
  // expected-error @+1 {{expected a decimal number, or a float's bits with their type, found 9218868437227405312 : i64}}
  safety.range @nowhere "lr" in [0.0, 0x7FF0000000000000]
}

// -----

safety.policy @limit_c1_negative {
  // expected-error @+1 {{'safety.limit' op expects a bound of at least 0, found -1}}
  safety.limit parameters <= -1
}

// -----

safety.policy @require_c1_no_sink {
  // expected-error @+1 {{'safety.require' op expects no_flow(@source -> @sink)}}
  safety.require no_flow(@require_c1_no_sink)
}

// -----

safety.policy @require_c1_sink {
  // expected-error @+1 {{'safety.require' op expects one symbol, without '->'}}
  safety.require finite(@require_c1_sink -> @require_c1_sink)
}

// -----

safety.policy @require_c2_unknown_split {
  // expected-error @+1 {{'safety.require' op expects a symbol, or in no_flow a split train, validation or test of a dataset, found @require_c2_unknown_split::@rest}}
  safety.require no_flow(@require_c2_unknown_split::rest -> @require_c2_unknown_split)
}

// -----

safety.policy @require_c2_split_of_finite {
  // expected-error @+1 {{'safety.require' op expects a symbol, or in no_flow a split train, validation or test of a dataset, found @require_c2_split_of_finite::@test}}
  safety.require finite(@require_c2_split_of_finite::test)
}

// -----

safety.policy @require_c3_undefined {
  // expected-error @+1 {{'safety.require' op expects @nowhere to be defined in the module, found no such symbol}}
  safety.require finite(@nowhere)
}

// -----

safety.policy @require_c3_undefined_sink {
  // expected-error @+1 {{'safety.require' op expects @nowhere to be defined in the module, found no such symbol}}
  safety.require no_flow(@require_c3_undefined_sink -> @nowhere)
}

// -----

// require (C4)
safety.policy @require_c4_domain {
  // expected-error @+1 {{'safety.require' op expects domain in [1.0e-06, 3.4e+38], found -1.0}}
  safety.require finite(@require_c4_domain) domain(-1.0)
}

// -----

safety.policy @require_c4_none {
  // expected-error @+1 {{'safety.require' op expects 1 parameters, found 0}}
  "safety.require"() <{property = 0 : i32, subject = @require_c4_none}> : () -> ()
}

// -----

safety.policy @require_c5_no_split {
  // expected-error @+1 {{'safety.require' op expects @model on train, validation or test, found no split}}
  safety.require robust(@require_c5_no_split) radius(0.5) at_least(0.5)
}

// -----

safety.policy @require_c5_other_split {
  // expected-error @+1 {{'safety.require' op expects @model on train, validation or test, found 'on rest'}}
  safety.require class_accuracy(@require_c5_other_split on rest) at_least(0.5)
}

// -----

safety.policy @require_c5_split_of_finite {
  // expected-error @+1 {{'safety.require' op expects no 'on' of a split, found 'on test'}}
  safety.require finite(@require_c5_split_of_finite on test)
}

// -----

safety.policy @require_c4_radius {
  // expected-error @+1 {{'safety.require' op expects radius in [0.0, 3.4e+38], found -1.0}}
  safety.require robust(@require_c4_radius on validation) radius(-1.0) at_least(0.5)
}

// -----

safety.policy @require_c4_share {
  // expected-error @+1 {{'safety.require' op expects at_most in [0.0, 1.0], found 1.5}}
  safety.require calibration_error(@require_c4_share on validation) at_most(1.5)
}

// -----

safety.policy @require_c6_no_probe {
  // expected-error @+1 {{'safety.require' op expects the probe set, 'on @dataset::split', found 'on validation'}}
  safety.require agreement(@require_c6_no_probe on validation) at_least(0.5)
}

// -----

safety.policy @require_c6_dataset_of_flow {
  // expected-error @+1 {{'safety.require' op expects no dataset, found 'on @require_c6_dataset_of_flow::'}}
  "safety.require"() <{property = 0 : i32, subject = @require_c6_dataset_of_flow, data = @require_c6_dataset_of_flow, parameters = array<f64: 100.0>}> : () -> ()
}

// -----

safety.policy @require_c5_other_split_of_a_dataset {
  // expected-error @+1 {{'safety.require' op expects @model on train, validation or test, found 'on @probe::rest'}}
  safety.require agreement(@require_c5_other_split_of_a_dataset on @probe::rest) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_no_dataset(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects a selfopt.dataset, found @other}}
  safety.require agreement(@require_c7_no_dataset on @other::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_no_model(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects a selfopt.model, found @policy}}
  safety.require agreement(@policy on @probe::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_unsealed(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy
  // expected-error @+2 {{'safety.require' op is judged by @probe, which nothing seals: a candidate could edit it}}
  // expected-note @+1 {{expected safety.seal @probe in this policy}}
  safety.require agreement(@require_c7_unsealed on @probe::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<5xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_features(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects features that @require_c7_features takes, 'tensor<4xf32>', found 'tensor<5xf32>' in @probe}}
  safety.require agreement(@require_c7_features on @probe::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 2]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_label(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects labels that are classes of @require_c7_label, in [0, 1], found 'i32' in [0.0, 2.0]}}
  safety.require agreement(@require_c7_label on @probe::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [-1, 1]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_negative_label(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects labels that are classes of @require_c7_negative_label, in [0, 1], found 'i32' in [-1.0, 1.0]}}
  safety.require agreement(@require_c7_negative_label on @probe::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) target(tensor<3xf32> in [0.0, 1.0]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_target(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects targets that @require_c7_target predicts, 'tensor<2xf32>', found 'tensor<3xf32>' in @probe}}
  safety.require agreement(@require_c7_target on @probe::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) target(tensor<2xf32> in [0.0, 1.0]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c7_target_of_accuracy(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects labels that are classes of @require_c7_target_of_accuracy, in [0, 1], found 'tensor<2xf32>' in [0.0, 1.0]}}
  safety.require class_accuracy(@require_c7_target_of_accuracy on @probe::test) at_least(0.5)
}

// -----

selfopt.dataset @probe from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @require_c8_within(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
safety.policy @policy {
  safety.seal @policy, @probe
  // expected-error @+1 {{'safety.require' op expects no within of classes, found 0.5}}
  safety.require agreement(@require_c8_within on @probe::test) at_least(0.5) within(0.5)
}

// -----

//===--- What ODS says --------------------------------------------------------===//

// expected-error @+1 {{'safety.limit' op expects parent op 'safety.policy'}}
safety.limit parameters <= 1

// -----

//===--- Assembly -------------------------------------------------------------===//

safety.policy @unknown_quantity {
  // expected-error @+1 {{expected a quantity (parameters, flops_per_example, train_flops, memory, depth, state_bytes, code_bytes), found 'seconds'}}
  safety.limit seconds <= 1
}

// -----

safety.policy @unknown_property {
  // expected-error @+1 {{expected a property (finite, aligned, no_flow, monotone, bounded_below, proper, bounded_step, finite_state, robust, class_accuracy, calibration_error, agreement, potential_based), found 'fair'}}
  safety.require fair(@unknown_property)
}

// -----

safety.policy @bound_of_half {
  // expected-error @+1 {{the bound must be an integer, found 2.5}}
  safety.limit parameters <= 2.5
}

// -----

safety.policy @no_such_parameter {
  // expected-error @+1 {{finite has no parameter 'until'; expected domain}}
  safety.require finite(@no_such_parameter) until(0.5)
}

// -----

safety.policy @parameter_twice {
  // expected-error @+1 {{expected each parameter once, found 'domain' again}}
  safety.require finite(@parameter_twice) domain(1.0) domain(2.0)
}

// -----

safety.policy @parameter_missing {
  safety.require bounded_step(@parameter_missing) gradient(1.0)
// expected-error @+1 {{expected the parameter at_most(NUMBER) of bounded_step: the multiple}}
}

// -----

safety.policy @share_missing {
  safety.require robust(@share_missing on validation) radius(1.0)
// expected-error @+1 {{expected the parameter at_least(NUMBER) of robust: the share of the examples}}
}
