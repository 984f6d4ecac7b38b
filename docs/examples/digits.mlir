// Handwritten digits: find a small network that beats the large static one.
module @digits {
  // What it learns from. Domains are checked while reading; a value outside is an error with file and row.
  selfopt.dataset @digits from csv("digits.csv.gz") features(tensor<64xf32> in [0.0, 16.0]) label(i32 in [0, 9])
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

  // Loop 1, architecture.
  selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {
    %h = nn.dense %x units(32) init(he_normal) : tensor<32xf32>
    %a = nn.activation relu %h : tensor<32xf32>
    %y = nn.dense %a units(10) : tensor<10xf32>
    selfopt.return %y : tensor<10xf32>
  }

  // Loop 3, objective: what training minimises.
  selfopt.loss @cross_entropy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %lp = nn.log_softmax %logits : tensor<10xf32>
    %l  = nn.pick %lp[%label] : f32
    %n  = arith.negf %l : f32
    selfopt.return %n : f32
  }

  // Loop 2, pipeline: update rule, schedule, data selection, and the scalars that drive them.
  // Adam (Kingma and Ba 2015), betas 0.9 and 0.999, epsilon 1e-8.
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
    %r1 = arith.divf %one, %c1 : f32
    %r2 = arith.divf %one, %c2 : f32
    %mh = arith.mulf %m1, %r1 : f32
    %vh = arith.mulf %v1, %r2 : f32
    %root = math.sqrt %vh : f32
    %den = arith.addf %root, %eps : f32
    %dir = arith.divf %mh, %den : f32
    %move = arith.mulf %lr, %dir : f32
    %w1 = arith.subf %w, %move : f32
    selfopt.return %w1, %m1, %v1 : f32, f32, f32
  }
  // t: fraction of training done; returns a factor of lr. Here 1 + cos(pi t): from 2 to 0, 1 on average.
  selfopt.schedule @cosine(%t: f32) -> f32 {
    %pi = arith.constant 3.14159274 : f32
    %one = arith.constant 1.0 : f32
    %angle = arith.mulf %pi, %t : f32
    %c = math.cos %angle : f32
    %f = arith.addf %one, %c : f32
    selfopt.return %f : f32
  }
  // Sampling weight of an example, >= 0.
  selfopt.sampler @uniform(%loss: f32, %age: f32, %t: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    selfopt.return %one : f32
  }
  selfopt.train @fit model(@net) loss(@cross_entropy) optimizer(@adam) schedule(@cosine) sampler(@uniform)
      data(@digits) hyper(lr = 1.0e-3, batch = 32, epochs = 20)

  // What judges. Never rewritten.
  selfopt.metric @accuracy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %best = nn.argmax %logits : i32
    %hit = arith.cmpi eq, %best, %label : i32
    %score = arith.uitofp %hit : i1 to f32
    selfopt.return %score : f32
  }

  safety.policy @policy {
    safety.seal @digits, @accuracy, @policy, @search
    safety.range @fit "lr" in [1.0e-5, 1.0e-1]
    safety.range @fit "batch" in [8, 256]
    safety.limit parameters <= 20000
    safety.limit flops_per_example <= 200000
    safety.limit train_flops <= 2.0e10
    safety.limit memory <= 67108864
    safety.require no_flow(@digits::test -> @fit)  // nothing that trains can read the test split
    safety.require finite(@cross_entropy) domain(300) // no NaN, no infinity, for scores up to 300, which is watched
    safety.require aligned(@cross_entropy) domain(300) until(0.8) // more score for the right class never raises the loss
  }

  evolve.search @search program(@fit) policy(@policy) seed(1)
      maximize(metric(@accuracy) on validation) minimize(parameters)
      strategy(aging population(100) tournament(10)) budget(candidates = 500) repeats(3)
      mutate(architecture(@net), pipeline(@fit, @adam, @cosine, @uniform), objective(@cross_entropy))
}
