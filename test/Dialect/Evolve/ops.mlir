// RUN: selfopt-opt %s | FileCheck %s
// RUN: selfopt-opt %s | selfopt-opt | FileCheck %s
// RUN: selfopt-opt --mlir-print-op-generic %s | selfopt-opt | FileCheck %s

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<2xf32>, %label: i32) -> f32 {
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}
selfopt.metric @score(%x: tensor<2xf32>, %label: i32) -> f32 {
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
selfopt.schedule @constant(%t: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  selfopt.return %one : f32
}
selfopt.sampler @uniform(%l: f32, %age: f32, %t: f32) -> f32 {
  %one = arith.constant 1.0 : f32
  selfopt.return %one : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) schedule(@constant) sampler(@uniform)
    data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)
safety.policy @policy {
}

// CHECK:      evolve.search @random program(@fit) policy(@policy) seed(1)
// CHECK-NEXT:   maximize(metric(@score) on validation){{$}}
// CHECK-NEXT:   strategy(random) budget(candidates = 10){{$}}
// CHECK-NEXT:   mutate(architecture(@net)){{$}}
evolve.search @random program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation)
    strategy(random) budget(candidates = 10) mutate(architecture(@net))
// The defaults in_flight(8) and repeats(1) are not printed.
// CHECK:      evolve.search @aging program(@fit) policy(@policy) seed(-5)
// CHECK-NEXT:   minimize(metric(@score) on validation) minimize(parameters) minimize(memory) minimize(flops_per_example) minimize(train_flops){{$}}
// CHECK-NEXT:   strategy(aging population(64) tournament(8)) budget(candidates = 500){{$}}
// CHECK-NEXT:   mutate(architecture(@net), pipeline(@fit, @sgd, @constant, @uniform), objective(@loss)){{$}}
evolve.search @aging program(@fit) policy(@policy) seed(-5) minimize(parameters) minimize(metric(@score) on validation)
    minimize(memory) minimize(flops_per_example) minimize(train_flops)
    strategy(aging population(64) tournament(8)) budget(candidates = 500) in_flight(8) repeats(1)
    mutate(objective(@loss), pipeline(@fit, @sgd, @constant, @uniform), architecture(@net))
// CHECK:      budget(candidates = 1) in_flight(3) repeats(2)
// CHECK-NEXT:   mutate(objective(@loss)) {note = "small"}
evolve.search @small program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(aging population(1) tournament(1)) budget(candidates = 1) in_flight(3) repeats(2)
    mutate(objective(@loss)) {note = "small"}
selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  %done = arith.constant true
  %one = arith.constant 1.0 : f32
  selfopt.return %state, %one, %done : i32, f32, i1
}
selfopt.reward @shaping(%state: i32, %action: i32, %next: i32) -> f32 environment(@grid) {
  %zero = arith.constant 0.0 : f32
  selfopt.return %zero : f32
}
// A reward is an objective, too.
// CHECK:      evolve.search @rewarded
// CHECK:        mutate(objective(@loss, @shaping))
evolve.search @rewarded program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(random) budget(candidates = 9) mutate(objective(@loss, @shaping))
// Every strategy, with the defaults of what is left out; the order of parameters does not matter.
// CHECK: strategy(hill patience(50)) budget(candidates = 9){{$}}
evolve.search @hill program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(hill) budget(candidates = 9) mutate(objective(@loss))
// CHECK: strategy(aging population(64) tournament(3)) budget
evolve.search @half program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(aging tournament(3)) budget(candidates = 9) mutate(objective(@loss))
// CHECK: strategy(nsga2 population(20)) budget(candidates = 9) repeats(3) reuse(probe){{$}}
evolve.search @nsga2 program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(nsga2 population(20)) budget(candidates = 9) repeats(3) reuse(probe) mutate(objective(@loss))
// CHECK: strategy(map_elites initial(7) axis("parameters" in [100.0, 20000.0] cells(8) log) axis("metric" in [0.0, 1.0] cells(4))) budget
evolve.search @map_elites program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(map_elites axis("parameters" in [100, 20000] cells(8) log) initial(7) axis("metric" in [0.0, 1.0] cells(4)))
    budget(candidates = 9) reuse(digest) mutate(objective(@loss))
// CHECK: strategy(islands(3) every(50) population(25) tournament(2)) budget
evolve.search @islands program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(islands(3) tournament(2) every(50)) budget(candidates = 9) mutate(objective(@loss))
// CHECK: strategy(islands(4) every(10) population(25) tournament(5)) budget
evolve.search @archipelago program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(islands every(10)) budget(candidates = 9) mutate(objective(@loss))
// CHECK: strategy(asha reduction(3) rungs(4)) budget
evolve.search @asha program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(asha rungs(4)) budget(candidates = 9) mutate(objective(@loss))
// CHECK: strategy(pbt population(16) interval(2) grow(1)) budget
evolve.search @pbt program(@fit) policy(@policy) seed(0) maximize(metric(@score) on validation)
    strategy(pbt interval(2)) budget(candidates = 9) mutate(objective(@loss))

// CHECK:      evolve.lineage from("5d1c") {
// CHECK-NEXT:   evolve.widen @net at(0) units(48)
// CHECK-NEXT:   evolve.narrow @net at(0) units(20)
// CHECK-NEXT:   evolve.insert_dense @net at(1) units(24) activation("relu")
// CHECK-NEXT:   evolve.remove_dense @net at(0)
// CHECK-NEXT:   evolve.swap_activation @net at(0) to("gelu")
// CHECK-NEXT:   evolve.set_hyper @fit "batch" to(64.0)
// CHECK-NEXT:   evolve.jitter_hyper @fit "lr" by(1.25)
// CHECK-NEXT:   evolve.edit_constant @sgd at(0) to(0.95)
// CHECK-NEXT:   evolve.replace_op @sgd at(4) by("arith.maximumf")
// CHECK-NEXT:   evolve.rewire_operand @sgd at(4) operand(1) value(3)
// CHECK-NEXT:   evolve.insert_op @constant at(3) operand(0) op("arith.mulf") value(0)
// CHECK-NEXT:   evolve.insert_op @constant at(3) operand(0) op("math.tanh")
// CHECK-NEXT:   evolve.drop_op @sgd at(4) keep(0)
// CHECK-NEXT: }
evolve.lineage from("5d1c") {
  evolve.widen @net at(0) units(48)
  evolve.narrow @net at(0) units(20)
  evolve.insert_dense @net at(1) units(24) activation("relu")
  evolve.remove_dense @net at(0)
  evolve.swap_activation @net at(0) to("gelu")
  evolve.set_hyper @fit "batch" to(64.0)
  evolve.jitter_hyper @fit "lr" by(1.25)
  evolve.edit_constant @sgd at(0) to(0.94999999999999996)
  evolve.replace_op @sgd at(4) by("arith.maximumf")
  evolve.rewire_operand @sgd at(4) operand(1) value(3)
  evolve.insert_op @constant at(3) operand(0) op("arith.mulf") value(0)
  evolve.insert_op @constant at(3) operand(0) op("math.tanh")
  evolve.drop_op @sgd at(4) keep(0)
}
