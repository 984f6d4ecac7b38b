// RUN: selfopt-opt %s | FileCheck %s
// RUN: selfopt-opt %s | selfopt-opt | FileCheck %s
// RUN: selfopt-opt --mlir-print-op-generic %s | selfopt-opt | FileCheck %s

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
// All of it judges, none of it trains.
selfopt.dataset @probe from csv("probe.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0, validation = 0, test = 1, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<2xf32>, %label: i32) -> f32 {
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)
selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  %done = arith.constant true
  %one = arith.constant 1.0 : f32
  selfopt.return %state, %one, %done : i32, f32, i1
}
selfopt.reward @shaping(%state: i32, %action: i32, %next: i32) -> f32 environment(@grid) {
  %zero = arith.constant 0.0 : f32
  selfopt.return %zero : f32
}

// CHECK:      safety.policy @policy {
// CHECK-NEXT:   safety.seal @data, @policy, @probe
// CHECK-NEXT:   safety.seal @loss {why = "fixed"}
// CHECK-NEXT:   safety.range @fit "lr" in [1.0e-05, 0.1]
// CHECK-NEXT:   safety.range @fit "batch" in [8.0, 256.0]
// CHECK-NEXT:   safety.range @fit "epochs" in [1.0, 1.0]
// CHECK-NEXT:   safety.limit parameters <= 20000
// CHECK-NEXT:   safety.limit flops_per_example <= 0
// CHECK-NEXT:   safety.limit train_flops <= 20000000000
// CHECK-NEXT:   safety.limit memory <= 67108864
// CHECK-NEXT:   safety.limit depth <= 4
// CHECK-NEXT:   safety.limit state_bytes <= 65536
// CHECK-NEXT:   safety.limit code_bytes <= 32768
// CHECK-NEXT:   safety.require finite(@loss) domain(100.0)
// CHECK-NEXT:   safety.require aligned(@loss) domain(20.0) until(0.9)
// CHECK-NEXT:   safety.require no_flow(@data::test -> @fit)
// CHECK-NEXT:   safety.require no_flow(@data -> @net)
// CHECK-NEXT:   safety.require robust(@net on validation) radius(0.5) at_least(0.6)
// CHECK-NEXT:   safety.require class_accuracy(@net on test) at_least(0.8)
// CHECK-NEXT:   safety.require calibration_error(@net on train) at_most(0.1)
// CHECK-NEXT:   safety.require agreement(@net on @probe::test) at_least(0.9) within(0.0)
// CHECK-NEXT:   safety.require class_accuracy(@net on @probe::validation) at_least(0.5)
// CHECK-NEXT:   safety.require potential_based(@shaping)
// CHECK-NEXT: }
safety.policy @policy {
  safety.seal @data, @policy, @probe
  safety.seal @loss {why = "fixed"}
  safety.range @fit "lr" in [1.0e-5, 1.0e-1]
  safety.range @fit "batch" in [8, 256]
  safety.range @fit "epochs" in [1, 1]
  safety.limit parameters <= 20000
  safety.limit flops_per_example <= 0
  safety.limit train_flops <= 2.0e10
  safety.limit memory <= 67108864
  safety.limit depth <= 4
  safety.limit state_bytes <= 65536
  safety.limit code_bytes <= 32768
  safety.require finite(@loss)
  safety.require aligned(@loss) until(0.9) domain(20)
  safety.require no_flow(@data::test -> @fit)
  safety.require no_flow(@data -> @net)
  safety.require robust(@net on validation) at_least(0.6) radius(0.5)
  safety.require class_accuracy(@net on test) at_least(0.8)
  safety.require calibration_error(@net on train) at_most(0.1)
  safety.require agreement(@net on @probe::test) at_least(0.9)
  safety.require class_accuracy(@net on @probe::validation) at_least(0.5)
  safety.require potential_based(@shaping)
}
// CHECK:      safety.policy @empty attributes {note = "nothing is asked"} {
// CHECK-NEXT: }
safety.policy @empty attributes {note = "nothing is asked"} {
}
