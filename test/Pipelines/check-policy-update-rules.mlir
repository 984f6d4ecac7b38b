// RUN: selfopt-opt %s --selfopt-check-policy --verify-diagnostics

// Update rules, each with a twin that must be refused. test/unit/Safety/UpdateRuleTest.cpp runs what is proved here.
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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  %u = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %u : f32
  selfopt.return %w1 : f32
}
selfopt.optimizer @momentum(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
  %beta = arith.constant 0.9 : f32
  %d = arith.mulf %beta, %m : f32
  %m1 = arith.addf %d, %g : f32
  %u = arith.mulf %lr, %m1 : f32
  %w1 = arith.subf %w, %u : f32
  selfopt.return %w1, %m1 : f32, f32
}
// A state that grows.
selfopt.optimizer @growing(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
  %beta = arith.constant 1.001 : f32
  %d = arith.mulf %beta, %m : f32
  %m1 = arith.addf %d, %g : f32
  %u = arith.mulf %lr, %m1 : f32
  %w1 = arith.subf %w, %u : f32
  selfopt.return %w1, %m1 : f32, f32
}
// A step without the learning rate.
selfopt.optimizer @no_rate(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
  %beta = arith.constant 0.9 : f32
  %d = arith.mulf %beta, %m : f32
  %m1 = arith.addf %d, %g : f32
  %u = arith.mulf %beta, %m1 : f32
  %w1 = arith.subf %w, %u : f32
  selfopt.return %w1, %m1 : f32, f32
}
selfopt.optimizer @lion(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0.0 : f32
  %b1 = arith.constant 0.9 : f32
  %b2 = arith.constant 0.99 : f32
  %n1 = arith.subf %one, %b1 : f32
  %n2 = arith.subf %one, %b2 : f32
  %c0 = arith.mulf %b1, %m : f32
  %cg = arith.mulf %n1, %g : f32
  %c = arith.addf %c0, %cg : f32
  %up = arith.cmpf ogt, %c, %zero : f32
  %down = arith.cmpf olt, %c, %zero : f32
  %minus = arith.negf %one : f32
  %s0 = arith.select %down, %minus, %zero : f32
  %sign = arith.select %up, %one, %s0 : f32
  %u = arith.mulf %lr, %sign : f32
  %w1 = arith.subf %w, %u : f32
  %m0 = arith.mulf %b2, %m : f32
  %mg = arith.mulf %n2, %g : f32
  %m1 = arith.addf %m0, %mg : f32
  selfopt.return %w1, %m1 : f32, f32
}
selfopt.optimizer @rmsprop(%w: f32, %g: f32, %lr: f32, %step: f32) state(%v: f32 = 0.0) {
  %rho = arith.constant 0.9 : f32
  %rest = arith.constant 0.1 : f32
  %eps = arith.constant 1.0e-8 : f32
  %v0 = arith.mulf %rho, %v : f32
  %gg = arith.mulf %g, %g : f32
  %vg = arith.mulf %rest, %gg : f32
  %v1 = arith.addf %v0, %vg : f32
  %root = math.sqrt %v1 : f32
  %den = arith.addf %root, %eps : f32
  %dir = arith.divf %g, %den : f32
  %u = arith.mulf %lr, %dir : f32
  %w1 = arith.subf %w, %u : f32
  selfopt.return %w1, %v1 : f32, f32
}
selfopt.optimizer @adam(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0, %v: f32 = 0.0) {
  %one = arith.constant 1.0 : f32
  %b1 = arith.constant 0.9 : f32
  %b2 = arith.constant 0.999 : f32
  %eps = arith.constant 1.0e-8 : f32
  %n1 = arith.subf %one, %b1 : f32
  %n2 = arith.subf %one, %b2 : f32
  %m0 = arith.mulf %b1, %m : f32
  %mg = arith.mulf %n1, %g : f32
  %m1 = arith.addf %m0, %mg : f32
  %v0 = arith.mulf %b2, %v : f32
  %gg = arith.mulf %g, %g : f32
  %vg = arith.mulf %n2, %gg : f32
  %v1 = arith.addf %v0, %vg : f32
  %p1 = math.powf %b1, %step : f32
  %p2 = math.powf %b2, %step : f32
  %c1 = arith.subf %one, %p1 : f32
  %c2 = arith.subf %one, %p2 : f32
  %mh = arith.divf %m1, %c1 : f32
  %vh = arith.divf %v1, %c2 : f32
  %root = math.sqrt %vh : f32
  %den = arith.addf %root, %eps : f32
  %dir = arith.divf %mh, %den : f32
  %u = arith.mulf %lr, %dir : f32
  %w1 = arith.subf %w, %u : f32
  selfopt.return %w1, %m1, %v1 : f32, f32, f32
}
// Adam without epsilon: 0 / 0 where no gradient was seen.
selfopt.optimizer @no_epsilon(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0, %v: f32 = 0.0) {
  %one = arith.constant 1.0 : f32
  %b1 = arith.constant 0.9 : f32
  %b2 = arith.constant 0.999 : f32
  %eps = arith.constant 0.0 : f32
  %n1 = arith.subf %one, %b1 : f32
  %n2 = arith.subf %one, %b2 : f32
  %m0 = arith.mulf %b1, %m : f32
  %mg = arith.mulf %n1, %g : f32
  %m1 = arith.addf %m0, %mg : f32
  %v0 = arith.mulf %b2, %v : f32
  %gg = arith.mulf %g, %g : f32
  %vg = arith.mulf %n2, %gg : f32
  %v1 = arith.addf %v0, %vg : f32
  %p1 = math.powf %b1, %step : f32
  %p2 = math.powf %b2, %step : f32
  %c1 = arith.subf %one, %p1 : f32
  %c2 = arith.subf %one, %p2 : f32
  %mh = arith.divf %m1, %c1 : f32
  %vh = arith.divf %v1, %c2 : f32
  %root = math.sqrt %vh : f32
  %den = arith.addf %root, %eps : f32
  %dir = arith.divf %mh, %den : f32
  %u = arith.mulf %lr, %dir : f32
  %w1 = arith.subf %w, %u : f32
  selfopt.return %w1, %m1, %v1 : f32, f32, f32
}
// Decoupled weight decay: a hundredth of the largest weight belongs to the step.
selfopt.optimizer @adamw(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0, %v: f32 = 0.0) {
  %one = arith.constant 1.0 : f32
  %b1 = arith.constant 0.9 : f32
  %b2 = arith.constant 0.999 : f32
  %eps = arith.constant 1.0e-8 : f32
  %n1 = arith.subf %one, %b1 : f32
  %n2 = arith.subf %one, %b2 : f32
  %m0 = arith.mulf %b1, %m : f32
  %mg = arith.mulf %n1, %g : f32
  %m1 = arith.addf %m0, %mg : f32
  %v0 = arith.mulf %b2, %v : f32
  %gg = arith.mulf %g, %g : f32
  %vg = arith.mulf %n2, %gg : f32
  %v1 = arith.addf %v0, %vg : f32
  %p1 = math.powf %b1, %step : f32
  %p2 = math.powf %b2, %step : f32
  %c1 = arith.subf %one, %p1 : f32
  %c2 = arith.subf %one, %p2 : f32
  %mh = arith.divf %m1, %c1 : f32
  %vh = arith.divf %v1, %c2 : f32
  %root = math.sqrt %vh : f32
  %den = arith.addf %root, %eps : f32
  %dir = arith.divf %mh, %den : f32
  %u = arith.mulf %lr, %dir : f32
  %decay = arith.constant 0.01 : f32
  %rate = arith.mulf %lr, %decay : f32
  %keep = arith.subf %one, %rate : f32
  %kept = arith.mulf %w, %keep : f32
  %w1 = arith.subf %kept, %u : f32
  selfopt.return %w1, %m1, %v1 : f32, f32, f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 2)

safety.policy @policy {
  // expected-remark @+1 {{holds: require finite_state(@sgd) gradient(10000.0) (no state, and every value is finite)}}
  safety.require finite_state(@sgd)
  // expected-remark @+1 {{holds: require bounded_step(@sgd) gradient(10000.0) at_most(10000.0) (|step| <= 10000.0 * lr)}}
  safety.require bounded_step(@sgd) at_most(10000.0)
  // expected-remark @+1 {{holds: require finite_state(@momentum) gradient(10000.0) (state 0 in [-100000.0, 100000.0])}}
  safety.require finite_state(@momentum)
  // expected-remark @+1 {{holds: require bounded_step(@momentum) gradient(10000.0) at_most(100000.0) (|step| <= 100000.0 * lr)}}
  safety.require bounded_step(@momentum) at_most(100000.0)
  // expected-error @+1 {{violated: require finite_state(@growing) gradient(10000.0) (with gradients always 10000.0, at step 72638, arith.mulf of line 32 is not finite)}}
  safety.require finite_state(@growing)
  // expected-error @+1 {{violated: require bounded_step(@no_rate) gradient(10000.0) at_most(1000000.0) (with gradients always 10000.0, at step 138, the parameter moves by 89999930000.0 learning rates, learning rate 1.0e-06)}}
  safety.require bounded_step(@no_rate) at_most(1000000.0)
  // expected-remark @+1 {{holds: require finite_state(@lion) gradient(10000.0) (state 0 in [-10100.0, 10100.0])}}
  safety.require finite_state(@lion)
  // expected-remark @+1 {{holds: require bounded_step(@lion) gradient(10000.0) at_most(1.0) (|step| <= 1.0 * lr)}}
  safety.require bounded_step(@lion) at_most(1.0)
  // expected-remark @+1 {{holds: require finite_state(@rmsprop) gradient(10000.0) (state 0 in [0.0, 101000000.0])}}
  safety.require finite_state(@rmsprop)
  // expected-remark @+1 {{holds: require bounded_step(@rmsprop) gradient(10000.0) at_most(3.17) (|step| <= 3.16228 * lr, by the root of state 0)}}
  safety.require bounded_step(@rmsprop) at_most(3.17)
  // expected-remark @+1 {{holds: require finite_state(@adam) gradient(10000.0) (state 0 in [-10100.0, 10100.0], state 1 in [0.0, 101000000.0])}}
  safety.require finite_state(@adam)
  // expected-remark @+1 {{holds: require bounded_step(@adam) gradient(10000.0) at_most(7.28) (|step| <= 7.27324 * lr, by s0^2 <= 52.9 s1)}}
  safety.require bounded_step(@adam) at_most(7.28)
  // expected-error @+1 {{unknown: require bounded_step(@adam) gradient(10000.0) at_most(7.27) (proved is only |step| <= 7.27324 * lr, by s0^2 <= 52.9 s1)}}
  safety.require bounded_step(@adam) at_most(7.27)
  // expected-error @+1 {{violated: require bounded_step(@adam) gradient(10000.0) at_most(7.2) (with gradients 10000.0 at step 8000, and each step before 1.11 times less, at step 8000, the parameter moves by 7.269124 learning rates)}}
  safety.require bounded_step(@adam) at_most(7.2)
  // expected-error @+1 {{violated: require finite_state(@no_epsilon) gradient(10000.0) (with gradients always 0, at step 1, arith.divf of line 134 is not finite)}}
  safety.require finite_state(@no_epsilon)
  // expected-error @+1 {{violated: require bounded_step(@no_epsilon) gradient(10000.0) at_most(7.28) (with gradients always 0, at step 1, arith.divf of line 134 is not finite)}}
  safety.require bounded_step(@no_epsilon) at_most(7.28)
  // expected-remark @+1 {{holds: require bounded_step(@adamw) gradient(10000.0) at_most(10010.0) (|step| <= 10007.3 * lr, by s0^2 <= 52.9 s1)}}
  safety.require bounded_step(@adamw) at_most(10010.0)
  // expected-error @+1 {{violated: require bounded_step(@adamw) gradient(10000.0) at_most(7.28) (with gradients}}
  safety.require bounded_step(@adamw) at_most(7.28)
  // expected-error @+1 {{unknown: require bounded_step(@net) gradient(10000.0) at_most(1.0) (@net is no selfopt.optimizer)}}
  safety.require bounded_step(@net) at_most(1.0)
}
