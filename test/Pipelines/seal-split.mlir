// RUN: selfopt-opt %s --selfopt-check-policy --verify-diagnostics

// A program that trains on a named split can be sealed: the split is no symbol of its own.
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
  %move = arith.mulf %lr, %g : f32
  %w1 = arith.subf %w, %move : f32
  selfopt.return %w1 : f32
}
selfopt.train @fit model(@net) loss(@loss) optimizer(@sgd) data(@data::validation) hyper(lr = 0.1, batch = 8, epochs = 2)
safety.policy @policy {
  // expected-remark @+1 {{holds: seal}}
  safety.seal @fit
}
