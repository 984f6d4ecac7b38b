// RUN: selfopt-opt %s --selfopt-check-policy --verify-diagnostics --split-input-file

// The twins that hold are in check-policy.mlir, and beside each violated constraint.
selfopt.dataset @data from csv("../Inputs/points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
// The same file by another split seed: some of its train rows are test rows of @data.
selfopt.dataset @reshuffled from csv("../Inputs/points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 1)
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
selfopt.metric @accuracy(%x: tensor<2xf32>, %label: i32) -> f32 {
  %p = nn.pick %x[%label] : f32
  selfopt.return %p : f32
}
selfopt.loss @gain(%x: tensor<2xf32>, %label: i32) -> f32 {
  %p = nn.pick %x[%label] : f32
  selfopt.return %p : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 2)
selfopt.train @on_test model(@net) loss(@loss) optimizer(@sgd) data(@data::test) hyper(lr = 0.1, batch = 8, epochs = 2)
selfopt.train @on_reshuffled model(@net) loss(@loss) optimizer(@sgd) data(@reshuffled) hyper(lr = 0.1, batch = 8, epochs = 2)

safety.policy @policy {
  // expected-remark @+1 {{holds: seal}}
  safety.seal @data, @reshuffled, @accuracy, @on_reshuffled, @policy, @search, @sgd
  // expected-remark @+1 {{holds: range @fit "lr"}}
  safety.range @fit "lr" in [0.1, 0.5]
  // expected-error @+1 {{violated: range @fit "lr" in [0.2, 0.5] (lr is 0.1, outside)}}
  safety.range @fit "lr" in [0.2, 0.5]
  // expected-error @+1 {{violated: range @fit "batch" in [9.0, 256.0] (batch is 8.0, outside)}}
  safety.range @fit "batch" in [9, 256]
  // expected-error @+1 {{violated: range @fit "epochs" in [1.0, 1.0] (epochs is 2.0, outside)}}
  safety.range @fit "epochs" in [1, 1]
  // expected-remark @+1 {{holds: range @fit "epochs"}}
  safety.range @fit "epochs" in [1, 2]
  // What is no training program has no hyperparameter, so nothing is known of it.
  // expected-error @+1 {{unknown: range @net "lr" in [0.0, 1.0] (@net is no selfopt.train)}}
  safety.range @net "lr" in [0.0, 1.0]
  // expected-error @+1 {{violated: limit parameters <= 5 (6 > 5)}}
  safety.limit parameters <= 5
  // expected-remark @+1 {{holds: limit parameters <= 6 (6 <= 6)}}
  safety.limit parameters <= 6
  // expected-error-re @+1 {{violated: limit flops_per_example <= 1 ({{[0-9]+}} > 1)}}
  safety.limit flops_per_example <= 1
  // expected-error-re @+1 {{violated: limit train_flops <= 100 ({{[0-9]+}} > 100)}}
  safety.limit train_flops <= 100
  // expected-error-re @+1 {{violated: limit memory <= 64 ({{[0-9]+}} > 64)}}
  safety.limit memory <= 64
  // expected-error @+1 {{violated: require no_flow(@data::test -> @on_test) (@on_test -> @data::test is that split)}}
  safety.require no_flow(@data::test -> @on_test)
  // expected-remark @+1 {{holds: require no_flow(@data::test -> @fit)}}
  safety.require no_flow(@data::test -> @fit)
  // expected-error @+1 {{violated: require no_flow(@data::train -> @fit) (@fit -> @data::train is that split)}}
  safety.require no_flow(@data::train -> @fit)
  // The whole dataset, in any split.
  // expected-error @+1 {{violated: require no_flow(@data -> @fit) (@fit -> @data::train is that split)}}
  safety.require no_flow(@data -> @fit)
  // expected-error-re @+1 {{violated: require no_flow(@data::test -> @on_reshuffled) (@on_reshuffled -> @reshuffled::train holds row {{[0-9]+}} of its test split)}}
  safety.require no_flow(@data::test -> @on_reshuffled)
  // expected-remark @+1 {{holds: require no_flow(@reshuffled::test -> @on_reshuffled)}}
  safety.require no_flow(@reshuffled::test -> @on_reshuffled)
  // Through the search: it names @fit.
  // expected-error @+1 {{violated: require no_flow(@data::train -> @search)}}
  safety.require no_flow(@data::train -> @search)
  // expected-error @+1 {{violated: require no_flow(@accuracy -> @search) (@search -> }}
  safety.require no_flow(@accuracy -> @search)
  // expected-remark @+1 {{holds: require no_flow(@accuracy -> @fit)}}
  safety.require no_flow(@accuracy -> @fit)
  // This loss is the score of the right class.
  // expected-remark @+1 {{holds: require finite(@gain) domain(100.0) (every value is finite, the result in [-100.0, 100.0])}}
  safety.require finite(@gain)
  // expected-error @+1 {{violated: require aligned(@gain) domain(100.0) until(1.0) (label 0, the derivative by the right score is 1.0}}
  safety.require aligned(@gain)
  // expected-error @+1 {{violated: require monotone(@gain) domain(1.0) (label 0, the derivative by the right score is 1.0}}
  safety.require monotone(@gain) domain(1)
  // expected-remark @+1 {{holds: require bounded_below(@gain) domain(100.0) at_least(-100.0) (the value is at least -100.0)}}
  safety.require bounded_below(@gain) at_least(-100)
  // expected-error @+1 {{violated: require bounded_below(@gain) domain(100.0) at_least(0.0) (label 0, the value is -100.0}}
  safety.require bounded_below(@gain)
  // expected-error @+1 {{violated: require proper(@gain) (with the truth (0.778, 0.222) the expected loss is}}
  safety.require proper(@gain)
  // expected-error @+1 {{unknown: require finite(@net) domain(100.0) (finite is said of losses, schedules, samplers and augments, not of a selfopt.model)}}
  safety.require finite(@net)
}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@accuracy) on validation)
    strategy(random) budget(candidates = 1) mutate(architecture(@net), pipeline(@on_test), objective(@loss, @gain))

// -----

//===--- What is sealed, what is mutable: every symbol is one of the two ------===//

selfopt.dataset @data from csv("../Inputs/points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
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
selfopt.metric @accuracy(%x: tensor<2xf32>, %label: i32) -> f32 {
  %p = nn.pick %x[%label] : f32
  selfopt.return %p : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 2)
safety.policy @policy {
  safety.seal @data, @accuracy, @policy, @search, @loss, @sgd
}
// expected-error @+1 {{'evolve.search' op mutates @loss, which @policy seals}}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@accuracy) on validation)
    strategy(random) budget(candidates = 1) mutate(architecture(@net), objective(@loss))

// -----

selfopt.dataset @data from csv("../Inputs/points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
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
selfopt.metric @accuracy(%x: tensor<2xf32>, %label: i32) -> f32 {
  %p = nn.pick %x[%label] : f32
  selfopt.return %p : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 2)
// expected-error @+2 {{'safety.policy' op does not seal @accuracy, which judges @search}}
// expected-note @+1 {{expected safety.seal @accuracy}}
safety.policy @policy {
  safety.seal @data, @policy, @search, @loss, @sgd
}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@accuracy) on validation)
    strategy(random) budget(candidates = 1) mutate(architecture(@net))

// -----

selfopt.dataset @data from csv("../Inputs/points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
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
selfopt.metric @accuracy(%x: tensor<2xf32>, %label: i32) -> f32 {
  %p = nn.pick %x[%label] : f32
  selfopt.return %p : f32
}
// expected-error @+1 {{'selfopt.optimizer' op is neither sealed nor mutable}}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 2)
safety.policy @policy {
  safety.seal @data, @accuracy, @policy, @search, @loss
}
// expected-note @+1 {{expected @sgd in safety.seal of @policy, or in mutate(...) of @search}}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@accuracy) on validation)
    strategy(random) budget(candidates = 1) mutate(architecture(@net))

// -----

selfopt.dataset @data from csv("../Inputs/points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
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
selfopt.metric @accuracy(%x: tensor<2xf32>, %label: i32) -> f32 {
  %p = nn.pick %x[%label] : f32
  selfopt.return %p : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 2)
// The twin that is complete.
safety.policy @policy {
  // expected-remark @+1 {{holds: seal}}
  safety.seal @data, @accuracy, @policy, @search, @loss, @sgd
}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@accuracy) on validation)
    strategy(random) budget(candidates = 1) mutate(architecture(@net))
