// Layers that draw random numbers: in the objective they draw, in the score they are the identity.
// RUN: selfopt-opt %s --selfopt-instantiate --selfopt-verify-instantiated | FileCheck %s

// The objective takes the training seed and the number of the step.
// CHECK-LABEL: func.func @fit.objective(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<8x2xf32>, %{{.*}}: tensor<8xi32>, %[[SEED:[a-z0-9]+]]: tensor<i64>, %[[NUMBER:[a-z0-9]+]]: tensor<f32>)
// A key for the step, from Philox, then a word for every element from it.
// CHECK:         linalg.generic {{.*}} ins(%[[SEED]], %[[NUMBER]] : tensor<i64>, tensor<f32>)
// CHECK:           arith.mului_extended
// CHECK:         %[[Z:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK:           linalg.index 0
// CHECK:           linalg.index 1
// CHECK:         %[[SCALE:.*]] = arith.constant dense<5.000000e-01> : tensor<8x2xf32>
// CHECK:         %[[MOVED:.*]] = arith.mulf %[[Z]], %[[SCALE]]
// CHECK:         arith.addf %[[X]], %[[MOVED]]
// Dropout keeps at random, and keeps the mean.
// CHECK:         %[[KEPT:.*]] = arith.constant dense<1.33333337> : tensor<8x2xf32>
// CHECK:         arith.cmpf oge
// CHECK:         arith.select {{.*}}, %[[KEPT]]
//
// The step hands them on, behind what every step takes, and augments the features first.
// CHECK-LABEL: func.func @fit.augment
// CHECK-LABEL: func.func @fit.step(
// CHECK-SAME:    %[[LR:[a-z0-9]+]]: tensor<f32>, %[[T:[a-z0-9]+]]: tensor<f32>, %[[N:[a-z0-9]+]]: tensor<f32>, %[[S:[a-z0-9]+]]: tensor<i64>)
// CHECK:         %[[AUGMENTED:.*]] = linalg.generic
// CHECK:           call @fit.augment
// CHECK:         selfopt.gradient @fit.objective({{.*}}, %[[AUGMENTED]], %{{.*}}, %[[S]], %[[N]]) by 2
//
// Nothing is drawn for a score.
// CHECK-LABEL: func.func @fit.score(
// CHECK-NOT:     arith.mului_extended
// CHECK:         return
module {
  selfopt.dataset @data from csv("points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
  selfopt.model @net(%x: tensor<2xf32>) -> tensor<2xf32> {
    %n = nn.noise %x scale(0.5) : tensor<2xf32>
    %h = nn.dense %n units(2) : tensor<2xf32>
    %d = nn.dropout %h rate(0.25) : tensor<2xf32>
    selfopt.return %d : tensor<2xf32>
  }
  selfopt.loss @loss(%logits: tensor<2xf32>, %label: i32) -> f32 {
    %lp = nn.log_softmax %logits : tensor<2xf32>
    %l = nn.pick %lp[%label] : f32
    %n = arith.negf %l : f32
    selfopt.return %n : f32
  }
  selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
    %move = arith.mulf %lr, %g : f32
    %w1 = arith.subf %w, %move : f32
    selfopt.return %w1 : f32
  }
  selfopt.augment @grow(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
    %y = arith.addf %x, %t : f32
    selfopt.return %y : f32
  }
  selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) augment(@grow) data(@data) hyper(lr = 0.1, batch = 8, epochs = 5)
}
