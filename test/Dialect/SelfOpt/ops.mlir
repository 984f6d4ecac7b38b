// RUN: selfopt-opt %s | FileCheck %s
// RUN: selfopt-opt %s | selfopt-opt | FileCheck %s
// RUN: selfopt-opt --mlir-print-op-generic %s | selfopt-opt | FileCheck %s

// CHECK:      selfopt.dataset @digits from csv("digits.csv.gz") features(tensor<64xf32> in [0.0, 16.0]) label(i32 in [0, 9])
// CHECK-NEXT:   split(train = 0.6, validation = 0.2, test = 0.2, seed = 0){{$}}
selfopt.dataset @digits from csv("digits.csv.gz") features(tensor<64xf32> in [0.0, 16.0]) label(i32 in [0, 9])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
// A domain may be a point, bounds may be negative and integers, a seed negative.
// CHECK:      selfopt.dataset @two_files from csv("x.csv", "y.csv") features(tensor<10xf32> in [-400.0, 1.0e-05]) target(tensor<2xf32> in [5.0, 5.0])
// CHECK-NEXT:   split(train = 1.0, validation = 0.0, test = 0.0, seed = -7) {source = "made up"}
selfopt.dataset @two_files from csv("x.csv", "y.csv") features(tensor<10xf32> in [-400, 1.0e-5]) target(tensor<2xf32> in [5, 5])
    split(train = 1, validation = 0, test = 0, seed = -7) {source = "made up"}
// CHECK:      selfopt.dataset @images from idx("a", "b") features(tensor<28x28xf32> in [0.0, 255.0]) label(i32 in [-1, 9])
selfopt.dataset @images from idx("a", "b") features(tensor<28x28xf32> in [0.0, 255.0]) label(i32 in [-1, 9])
    split(train = 0.8, validation = 0.1, test = 0.1, seed = 3)
// CHECK:      selfopt.dataset @four from idx("a", "b", "c", "d") features
selfopt.dataset @four from idx("a", "b", "c", "d") features(tensor<784xf32> in [0.0, 255.0]) label(i32 in [0, 9])
    split(train = 1.0, validation = 0.0, test = 0.0, seed = 0)

// CHECK:      selfopt.model @net(%[[X:.*]]: tensor<64xf32>) -> tensor<10xf32> {
// CHECK-NEXT:   %[[Y:.*]] = nn.dense %[[X]] units(10) : tensor<10xf32>
// CHECK-NEXT:   selfopt.return %[[Y]] : tensor<10xf32>
// CHECK-NEXT: }
selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {
  %y = nn.dense %x units(10) : tensor<10xf32>
  selfopt.return %y : tensor<10xf32>
}
// CHECK:      selfopt.model @noted(%[[X:.*]]: tensor<4xf32>) -> tensor<4xf32> attributes {from = "a paper"} {
// CHECK-NEXT:   selfopt.return %[[X]]
selfopt.model @noted(%x: tensor<4xf32>) -> tensor<4xf32> attributes {from = "a paper"} {
  selfopt.return %x : tensor<4xf32>
}

// CHECK:      selfopt.loss @cross_entropy(%[[LOGITS:.*]]: tensor<10xf32>, %[[LABEL:.*]]: i32) -> f32 {
selfopt.loss @cross_entropy(%logits: tensor<10xf32>, %label: i32) -> f32 {
  %lp = nn.log_softmax %logits : tensor<10xf32>
  %l  = nn.pick %lp[%label] : f32
  %n  = arith.negf %l : f32
  selfopt.return %n : f32
}
// CHECK:      selfopt.loss @squared(%{{.*}}: tensor<10xf32>, %{{.*}}: tensor<10xf32>) -> f32 {
selfopt.loss @squared(%prediction: tensor<10xf32>, %target: tensor<10xf32>) -> f32 {
  %d = arith.subf %prediction, %target : tensor<10xf32>
  %dd = arith.mulf %d, %d : tensor<10xf32>
  %l = nn.reduce mean %dd : f32
  selfopt.return %l : f32
}
// CHECK:      selfopt.metric @accuracy(%{{.*}}: tensor<10xf32>, %{{.*}}: i32) -> f32 {
selfopt.metric @accuracy(%logits: tensor<10xf32>, %label: i32) -> f32 {
  %best = nn.argmax %logits : i32
  %hit = arith.cmpi eq, %best, %label : i32
  %one = arith.uitofp %hit : i1 to f32
  selfopt.return %one : f32
}

// CHECK:      selfopt.optimizer @sgd(%[[W:.*]]: f32, %[[G:.*]]: f32, %[[LR:.*]]: f32, %{{.*}}: f32) {
// CHECK-NEXT:   %[[MOVE:.*]] = arith.mulf %[[LR]], %[[G]] : f32
// CHECK-NEXT:   %[[NEW:.*]] = arith.subf %[[W]], %[[MOVE]] : f32
// CHECK-NEXT:   selfopt.return %[[NEW]] : f32
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
// CHECK:      selfopt.optimizer @stateful(%{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32) state(%[[M:.*]]: f32 = 0.0, %[[V:.*]]: f32 = -1.5) attributes {from = "a paper"} {
// CHECK-NEXT:   selfopt.return %{{.*}}, %[[M]], %[[V]] : f32, f32, f32
selfopt.optimizer @stateful(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0, %v: f32 = -1.5) attributes {from = "a paper"} {
  selfopt.return %w, %m, %v : f32, f32, f32
}
// CHECK:      selfopt.schedule @constant(%{{.*}}: f32) -> f32 {
selfopt.schedule @constant(%t: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  selfopt.return %one : f32
}
// CHECK:      selfopt.sampler @hard_first(%[[LOSS:.*]]: f32, %{{.*}}: f32, %{{.*}}: f32) -> f32 {
// CHECK-NEXT:   selfopt.return %[[LOSS]] : f32
selfopt.sampler @hard_first(%loss: f32, %age: f32, %t: f32) -> f32 {
  selfopt.return %loss : f32
}

// CHECK:      selfopt.augment @jitter(%[[F:.*]]: f32, %[[N:.*]]: f32, %{{.*}}: f32, %{{.*}}: f32) -> f32 {
// CHECK-NEXT:   %[[S:.*]] = arith.addf %[[F]], %[[N]] : f32
// CHECK-NEXT:   selfopt.return %[[S]] : f32
selfopt.augment @jitter(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
  %y = arith.addf %x, %normal : f32
  selfopt.return %y : f32
}

// CHECK:      selfopt.train @plain model(@net) loss(@cross_entropy) optimizer(@sgd)
// CHECK-NEXT:   data(@digits) hyper(lr = 0.001, batch = 32, epochs = 20){{$}}
selfopt.train @plain model(@net) loss(@cross_entropy) optimizer(@sgd) data(@digits) hyper(lr = 1.0e-3, batch = 32, epochs = 20)
// Hyperparameters in any order; an integer may be written as a whole float, a float as an integer.
// CHECK:      selfopt.train @full model(@net) loss(@cross_entropy) optimizer(@stateful) schedule(@constant) sampler(@hard_first)
// CHECK-NEXT:   data(@digits::validation) hyper(lr = 1.0, batch = 8, epochs = 1)
selfopt.train @full model(@net) loss(@cross_entropy) optimizer(@stateful) schedule(@constant) sampler(@hard_first)
    data(@digits::validation) hyper(epochs = 1, batch = 8.0, lr = 1)
// CHECK:      selfopt.train @scheduled {{.*}} optimizer(@sgd) schedule(@constant){{$}}
selfopt.train @scheduled model(@net) loss(@cross_entropy) optimizer(@sgd) schedule(@constant) data(@digits::train) hyper(lr = 1.0, batch = 8, epochs = 1)
// CHECK:      selfopt.train @sampled {{.*}} optimizer(@sgd) sampler(@hard_first){{$}}
selfopt.train @sampled model(@net) loss(@cross_entropy) optimizer(@sgd) sampler(@hard_first) data(@digits::test) hyper(lr = 1.0, batch = 8, epochs = 1)

// CHECK:      selfopt.train @augmented {{.*}} optimizer(@sgd) sampler(@hard_first) augment(@jitter){{$}}
selfopt.train @augmented model(@net) loss(@cross_entropy) optimizer(@sgd) sampler(@hard_first) augment(@jitter) data(@digits) hyper(lr = 1.0, batch = 8, epochs = 1)

// CHECK:      selfopt.pipeline @fit data(@digits) parameters(4) state([0.0, 1.0]) lr(0.001) batch(32) epochs(20)
// CHECK-NEXT:   score(128) metrics(["accuracy"]){{$}}
selfopt.pipeline @fit data(@digits) parameters(4) state([0.0, 1.0]) lr(0.001) batch(32) epochs(20) score(128) metrics(["accuracy"])
// CHECK:      selfopt.pipeline @other data(@digits::test) parameters(1) state([]) lr(1.0) batch(1) epochs(1)
// CHECK-NEXT:   score(128) metrics([]) sampled{{$}}
selfopt.pipeline @other data(@digits::test) parameters(1) state([]) lr(1.0) batch(1) epochs(1) score(128) metrics([]) sampled
// CHECK:      selfopt.pipeline @watched
// CHECK-NEXT:   score(128) metrics([]) monitor(prediction(100.0) gradient(10000.0) weight(1000000.0)){{$}}
selfopt.pipeline @watched data(@digits) parameters(1) state([]) lr(1.0) batch(1) epochs(1) score(128) metrics([]) monitor(prediction(100.0) gradient(1.0e4) weight(1.0e6))
// CHECK:      selfopt.pipeline @looked_at
// CHECK-NEXT:   score(128) metrics([]) sampled monitor(gradient(0.5)){{$}}
selfopt.pipeline @looked_at data(@digits) parameters(1) state([]) lr(1.0) batch(1) epochs(1) score(128) metrics([]) sampled monitor(gradient(0.5))

func.func private @objective(tensor<2xf32>, tensor<4xf32>) -> tensor<f32>
// CHECK-LABEL: func.func @differentiated(
// CHECK-SAME:    %[[W:.*]]: tensor<2xf32>, %[[X:.*]]: tensor<4xf32>)
func.func @differentiated(%w: tensor<2xf32>, %x: tensor<4xf32>) -> tensor<2xf32> {
  // CHECK-NEXT: %[[G:.*]]:2 = selfopt.gradient @objective(%[[W]], %[[X]]) by 1 : (tensor<2xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<2xf32>)
  %l, %g = selfopt.gradient @objective(%w, %x) by 1 : (tensor<2xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<2xf32>)
  // CHECK-NEXT: selfopt.stop_gradient %[[G]]#1 : tensor<2xf32>
  %s = selfopt.stop_gradient %g : tensor<2xf32>
  return %s : tensor<2xf32>
}

// CHECK:      selfopt.environment @corridor(%[[S:.*]]: i32, %{{.*}}: i32) -> (i32, f32, i1) states(5) actions(2) discount(0.9) {
// CHECK:        selfopt.return %[[S]], %{{.*}}, %{{.*}} : i32, f32, i1
selfopt.environment @corridor(%state: i32, %action: i32) -> (i32, f32, i1) states(5) actions(2.0) discount(0.9) {
  %done = arith.cmpi eq, %state, %action : i32
  %reward = arith.uitofp %done : i1 to f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
// CHECK:      selfopt.reward @shaping(%{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i32) -> f32 environment(@corridor) attributes {from = "a paper"} {
// CHECK:        selfopt.return %{{.*}} : f32
selfopt.reward @shaping(%state: i32, %action: i32, %next: i32) -> f32 environment(@corridor) attributes {from = "a paper"} {
  %bonus = arith.sitofp %next : i32 to f32
  selfopt.return %bonus : f32
}
// CHECK:      selfopt.environment @"no name"(%{{.*}}: i32, %{{.*}}: i32) -> (i32, f32, i1) states(1048576) actions(1) discount(1.0e-10) attributes {from = "a paper"} {
selfopt.environment @"no name"(%state: i32, %action: i32) -> (i32, f32, i1) states(1048576) actions(1) discount(1.0e-10) attributes {from = "a paper"} {
  %done = arith.constant true
  %reward = arith.constant -1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
// CHECK:      selfopt.reward @nothing(%{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i32) -> f32 environment(@"no name") {
selfopt.reward @nothing(%state: i32, %action: i32, %next: i32) -> f32 environment(@"no name") {
  %bonus = arith.constant 0.0 : f32
  selfopt.return %bonus : f32
}
