// Update rules written as programs; any of them fits `optimizer(...)` of a selfopt.train.
module @optimizers {
  selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
    %move = arith.mulf %lr, %g : f32
    %w1 = arith.subf %w, %move : f32
    selfopt.return %w1 : f32
  }

  selfopt.optimizer @momentum(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
    %beta = arith.constant 0.9 : f32
    %kept = arith.mulf %beta, %m : f32
    %m1 = arith.addf %kept, %g : f32
    %move = arith.mulf %lr, %m1 : f32
    %w1 = arith.subf %w, %move : f32
    selfopt.return %w1, %m1 : f32, f32
  }

  // Lion (Chen et al. 2023): the sign of an interpolated momentum, betas 0.9 and 0.99.
  selfopt.optimizer @lion(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %b1 = arith.constant 0.9 : f32
    %b2 = arith.constant 0.99 : f32
    %n1 = arith.subf %one, %b1 : f32
    %n2 = arith.subf %one, %b2 : f32
    %c0 = arith.mulf %b1, %m : f32
    %c1 = arith.mulf %n1, %g : f32
    %c = arith.addf %c0, %c1 : f32
    %up = arith.cmpf ogt, %c, %zero : f32
    %down = arith.cmpf olt, %c, %zero : f32
    %minus = arith.negf %one : f32
    %negative = arith.select %down, %minus, %zero : f32
    %sign = arith.select %up, %one, %negative : f32
    %move = arith.mulf %lr, %sign : f32
    %w1 = arith.subf %w, %move : f32
    %m0 = arith.mulf %b2, %m : f32
    %mg = arith.mulf %n2, %g : f32
    %m1 = arith.addf %m0, %mg : f32
    selfopt.return %w1, %m1 : f32, f32
  }
}
