// What the attacks are made on: sixty points of the unit square; the label says whether x + y > 1.
module @points {
  selfopt.dataset @data from csv("points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
  // What the incumbent says of the test split: the answers of this program, which run.py trains.
  selfopt.dataset @probe from csv("probe.csv") features(tensor<2xf32> in [0, 1]) label(i32 in [0, 1])
      split(train = 0.0, validation = 0.0, test = 1.0, seed = 0)
  selfopt.model @net(%x: tensor<2xf32>) -> tensor<2xf32> {
    %h = nn.dense %x units(5) : tensor<5xf32>
    %a = nn.activation tanh %h : tensor<5xf32>
    %y = nn.dense %a units(2) : tensor<2xf32>
    selfopt.return %y : tensor<2xf32>
  }
  selfopt.loss @loss(%z: tensor<2xf32>, %label: i32) -> f32 {
    %lp = nn.log_softmax %z : tensor<2xf32>
    %l = nn.pick %lp[%label] : f32
    %n = arith.negf %l : f32
    selfopt.return %n : f32
  }
  selfopt.optimizer @momentum(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
    %beta = arith.constant 0.5 : f32
    %kept = arith.mulf %beta, %m : f32
    %m1 = arith.addf %kept, %g : f32
    %move = arith.mulf %lr, %m1 : f32
    %w1 = arith.subf %w, %move : f32
    selfopt.return %w1, %m1 : f32, f32
  }
  selfopt.schedule @linear(%t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %f = arith.subf %one, %t : f32
    selfopt.return %f : f32
  }
  selfopt.sampler @hard_first(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %w = arith.addf %loss, %one : f32
    selfopt.return %w : f32
  }
  selfopt.augment @jitter(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
    %scale = arith.constant 0.01 : f32
    %d = arith.mulf %scale, %normal : f32
    %y = arith.addf %x, %d : f32
    selfopt.return %y : f32
  }
  selfopt.train @fit model(@net) loss(@loss) optimizer(@momentum) schedule(@linear) sampler(@hard_first) augment(@jitter)
      data(@data) hyper(lr = 0.1, batch = 8, epochs = 5)
  selfopt.metric @accuracy(%z: tensor<2xf32>, %label: i32) -> f32 {
    %best = nn.argmax %z : i32
    %hit = arith.cmpi eq, %best, %label : i32
    %score = arith.uitofp %hit : i1 to f32
    selfopt.return %score : f32
  }
  // A corridor of six fields: action 0 goes back, 1 forward; the last field earns 1 and ends the episode.
  selfopt.environment @corridor(%state: i32, %action: i32) -> (i32, f32, i1) states(6) actions(2) discount(0.9) {
    %k1 = arith.constant 1 : i32
    %first = arith.constant 0 : i32
    %last = arith.constant 5 : i32
    %twice = arith.addi %action, %action : i32
    %move = arith.subi %twice, %k1 : i32
    %to = arith.addi %state, %move : i32
    %low = arith.maxsi %to, %first : i32
    %next = arith.minsi %low, %last : i32
    %done = arith.cmpi eq, %next, %last : i32
    %earned = arith.uitofp %done : i1 to f32
    selfopt.return %next, %earned, %done : i32, f32, i1
  }
  selfopt.reward @nearer(%state: i32, %action: i32, %next: i32) -> f32 environment(@corridor) {
    %last = arith.constant 5 : i32
    %rate = arith.constant 0.9 : f32
    %before = arith.subi %state, %last : i32
    %after = arith.subi %next, %last : i32
    %p = arith.sitofp %before : i32 to f32
    %q = arith.sitofp %after : i32 to f32
    %kept_q = arith.mulf %rate, %q : f32
    %bonus = arith.subf %kept_q, %p : f32
    selfopt.return %bonus : f32
  }
  safety.policy @policy {
    safety.seal @data, @accuracy, @policy, @search
    safety.range @fit "lr" in [1.0e-4, 1.0]
    safety.range @fit "batch" in [1, 64]
    safety.range @fit "epochs" in [1, 100]
    safety.limit parameters <= 200
    safety.limit flops_per_example <= 1000
    safety.limit train_flops <= 1000000
    safety.limit memory <= 12288
    safety.limit depth <= 4
    safety.limit state_bytes <= 2000
    safety.seal @probe
    safety.require no_flow(@data::test -> @fit)
    safety.require no_flow(@data::validation -> @fit)
    safety.require no_flow(@probe -> @fit)
    safety.require finite(@loss)
    safety.require aligned(@loss)
    safety.require bounded_below(@loss)
    safety.require finite(@linear)
    safety.require bounded_below(@linear)
    safety.require finite(@hard_first)
    safety.require bounded_below(@hard_first)
    safety.require finite(@jitter)
    safety.require finite_state(@momentum)
    safety.require bounded_step(@momentum) at_most(30000)
    safety.seal @corridor
    safety.require potential_based(@nearer)
  }
  evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@accuracy) on validation)
      minimize(parameters) strategy(aging population(8) tournament(3)) budget(candidates = 24)
      mutate(architecture(@net), pipeline(@fit, @momentum, @linear, @hard_first, @jitter), objective(@nearer, @loss))
}
