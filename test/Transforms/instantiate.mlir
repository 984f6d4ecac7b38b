// RUN: selfopt-opt %S/../Inputs/points.mlir --selfopt-instantiate --selfopt-verify-instantiated | FileCheck %s
// RUN: sed -e 's/sampler(@hard_first)//' -e 's/schedule(@linear)//' %S/../Inputs/points.mlir | selfopt-opt --selfopt-instantiate | FileCheck %s --check-prefix=PLAIN
// RUN: not selfopt-opt %S/../Inputs/points.mlir --selfopt-verify-instantiated 2>&1 | FileCheck %s --check-prefix=LEFT
// RUN: selfopt-opt %s --selfopt-instantiate --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=NOTHING

// The data stays, programs and what judges specs are gone.
// CHECK-LABEL: module @points
// CHECK:       selfopt.dataset @data
// CHECK-NOT:   {{selfopt\.(model|loss|optimizer|schedule|sampler|train|metric) |nn\.|safety\.|evolve\.}}

// One f32 tensor per parameter, in the order of the layers: weight, bias.
// CHECK-LABEL: func.func @fit.initialize(
// CHECK-SAME:    tensor<i64>) -> (tensor<2x5xf32>, tensor<5xf32>, tensor<5x2xf32>, tensor<2xf32>)
// fan_in_uniform is a number in [-1/sqrt(2), 1/sqrt(2)) that Philox draws; biases and init(zeros) are zero.
// CHECK:         arith.mului_extended
// CHECK:         arith.constant {{.*}}0.70710
// CHECK:         linalg.fill ins({{.*}}) outs({{.*}} : tensor<5xf32>)
// CHECK:         linalg.fill ins({{.*}}) outs({{.*}} : tensor<5x2xf32>)
// CHECK:         linalg.fill ins({{.*}}) outs({{.*}} : tensor<2xf32>)

// The batch is explicit; the first result is the mean, the second the loss of each example.
// CHECK-LABEL: func.func @fit.objective(
// CHECK-SAME:    %[[W0:.*]]: tensor<2x5xf32>, %{{.*}}: tensor<5xf32>, %[[W1:.*]]: tensor<5x2xf32>, %{{.*}}: tensor<2xf32>, %[[X:.*]]: tensor<8x2xf32>, %{{.*}}: tensor<8xi32>) -> (tensor<f32>, tensor<8xf32>)
// CHECK:         linalg.matmul ins(%[[X]], %[[W0]] : tensor<8x2xf32>, tensor<2x5xf32>)
// CHECK:         math.tanh {{.*}} : tensor<8x5xf32>
// CHECK:         linalg.matmul ins({{.*}}, %[[W1]] : tensor<8x5xf32>, tensor<5x2xf32>)
// The shift of log_softmax carries no gradient.
// CHECK:         selfopt.stop_gradient
// CHECK:         %[[EACH:.*]] = arith.negf {{.*}} : tensor<8xf32>
// CHECK:         arith.constant dense<1.250000e-01>
// CHECK:         %[[MEAN:.*]] = arith.mulf
// CHECK-NEXT:    return %[[MEAN]], %[[EACH]] : tensor<f32>, tensor<8xf32>

// CHECK-LABEL: func.func @fit.update(
// CHECK-SAME:    f32, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32) -> (f32, f32)
// CHECK-LABEL: func.func @fit.schedule(
// CHECK-SAME:    f32) -> f32

// One step: gradient by the four parameters, learning rate times schedule, one update rule for every parameter.
// CHECK-LABEL: func.func @fit.step(
// CHECK:         selfopt.gradient @fit.objective({{.*}}) by 4
// CHECK:         func.call @fit.schedule
// CHECK-COUNT-4: func.call @fit.update

// CHECK-LABEL: func.func @fit.score(
// CHECK-SAME:    %{{.*}}: tensor<128x2xf32>, %{{.*}}: tensor<128xi32>, %{{.*}}: tensor<i32>) -> (tensor<f32>, tensor<f32>)
// CHECK-LABEL: func.func @fit.sampler(
// CHECK:       selfopt.pipeline @fit data(@data) parameters(4) state([0.5]) lr(0.1) batch(8) epochs(5)
// CHECK-NEXT:    score(128) metrics(["accuracy"]) sampled

// PLAIN-NOT: func.func @fit.schedule
// PLAIN-NOT: func.func @fit.sampler
// PLAIN:     selfopt.pipeline @fit
// PLAIN-NEXT:  metrics(["accuracy"]){{$}}

// LEFT: error: 'nn.dense' op is left after instantiation

// Without selfopt.train nothing happens.
// NOTHING:      selfopt.schedule @alone
// NOTHING-NEXT:   selfopt.return
selfopt.schedule @alone(%t: f32) -> f32 {
  selfopt.return %t : f32
}

// -----

selfopt.dataset @data from csv("x.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 1.0, validation = 0.0, test = 0.0, seed = 0)
selfopt.model @net(%x: tensor<2xf32>) -> tensor<2xf32> {
  selfopt.return %x : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<2xf32>, %label: i32) -> f32 {
  %p = nn.pick %x[%label] : f32
  selfopt.return %p : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op trains a model without parameters}}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 5)
