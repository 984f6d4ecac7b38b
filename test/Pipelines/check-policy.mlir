// RUN: selfopt-opt %s --selfopt-check-policy --verify-diagnostics | FileCheck %s
// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=POINTS
// RUN: %if sklearn-data %{ selfopt-opt %examples/digits.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=DIGITS %}
// RUN: %if sklearn-data %{ selfopt-opt %examples/diabetes.mlir --selfopt-check-policy 2>&1 | FileCheck %s --check-prefix=DIABETES %}

// POINTS-NOT: {{violated|unknown}}
// POINTS:     remark: holds: limit parameters <= 200 (27 <= 200)
// DIGITS-NOT: {{violated|unknown}}
// 64 * 32 + 32 + 32 * 10 + 10 parameters.
// DIGITS:     remark: holds: limit parameters <= 20000 (2410 <= 20000)
// DIGITS:     remark: holds: require no_flow(@digits::test -> @fit)
// DIABETES-NOT: {{violated|unknown}}
// DIABETES:   remark: holds: limit parameters <= 2000 (193 <= 2000)

// Changes nothing.
// CHECK: selfopt.train @fit
// CHECK: safety.limit parameters <= 6
selfopt.dataset @data from csv("../Inputs/points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
// The same rows in the same split by another name.
selfopt.dataset @again from csv("../Inputs/points.csv") features(tensor<2xf32> in [-1.0, 2.0]) label(i32 in [0, 5])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<2xf32>, %label: i32) -> f32 {
  %lp = nn.log_softmax %x : tensor<2xf32>
  %p = nn.pick %lp[%label] : f32
  %y = arith.negf %p : f32
  selfopt.return %y : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 2)

// Twins of check-policy-bad.mlir: bounds are closed.
safety.policy @policy {
  // expected-remark @+1 {{holds: seal @data @policy (2 digests are equal)}}
  safety.seal @data, @policy
  // expected-remark @+1 {{holds: range @fit "lr" in [0.1, 0.5] (lr is 0.1)}}
  safety.range @fit "lr" in [0.1, 0.5]
  // expected-remark @+1 {{holds: range @fit "batch" in [8.0, 8.0] (batch is 8.0)}}
  safety.range @fit "batch" in [8, 8]
  // expected-remark @+1 {{holds: range @fit "epochs" in [1.0, 2.0] (epochs is 2.0)}}
  safety.range @fit "epochs" in [1, 2]
  // expected-remark @+1 {{holds: limit parameters <= 6 (6 <= 6)}}
  safety.limit parameters <= 6
  // expected-remark-re @+1 {{holds: limit flops_per_example <= 1000 ({{[0-9]+}} <= 1000)}}
  safety.limit flops_per_example <= 1000
  // expected-remark-re @+1 {{holds: limit train_flops <= 1000000 ({{[0-9]+}} <= 1000000)}}
  safety.limit train_flops <= 1000000
  // expected-remark-re @+1 {{holds: limit memory <= 1000000 ({{[0-9]+}} <= 1000000)}}
  safety.limit memory <= 1.0e6
  // expected-remark-re @+1 {{holds: require no_flow(@data::test -> @fit) ({{[0-9]+}} symbols reached, none reads it)}}
  safety.require no_flow(@data::test -> @fit)
  // expected-remark-re @+1 {{holds: require no_flow(@data::validation -> @fit) ({{[0-9]+}} symbols reached, none reads it)}}
  safety.require no_flow(@data::validation -> @fit)
  // expected-remark-re @+1 {{holds: require no_flow(@again::test -> @fit) ({{[0-9]+}} symbols reached, none reads it)}}
  safety.require no_flow(@again::test -> @fit)
  // expected-remark-re @+1 {{holds: require no_flow(@data -> @net) ({{[0-9]+}} symbols reached, none reads it)}}
  safety.require no_flow(@data -> @net)
}
