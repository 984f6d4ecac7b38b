// The points of points.mlir, and a model with a skip connection over three ops.
module @"skip <b>&\22 'x'" {
  selfopt.dataset @data from csv("points.csv") features(tensor<2xf32> in [0.0, 1.0]) label(i32 in [0, 1])
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
  selfopt.model @net(%x: tensor<2xf32>) -> tensor<2xf32> {
    %h = nn.dense %x units(6) : tensor<6xf32>
    %a = nn.activation tanh %h : tensor<6xf32>
    %k = nn.dense %a units(6) : tensor<6xf32>
    %b = nn.activation relu %k : tensor<6xf32>
    %s = arith.addf %h, %b : tensor<6xf32>
    %y = nn.dense %s units(2) : tensor<2xf32>
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
  selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 5)
  // Mean cross entropy again, as a metric that is minimised.
  selfopt.metric @surprise(%x: tensor<2xf32>, %label: i32) -> f32 {
    %lp = nn.log_softmax %x : tensor<2xf32>
    %p = nn.pick %lp[%label] : f32
    %y = arith.negf %p : f32
    selfopt.return %y : f32
  }
  safety.policy @policy {
    safety.seal @data, @surprise, @policy, @search
    safety.limit parameters <= 90
    safety.require no_flow(@data::test -> @fit)
  }
  evolve.search @search program(@fit) policy(@policy) seed(1) minimize(metric(@surprise) on validation)
      minimize(parameters) strategy(aging population(8) tournament(3)) budget(candidates = 24)
      mutate(architecture(@net), pipeline(@fit, @sgd), objective(@loss))
}
