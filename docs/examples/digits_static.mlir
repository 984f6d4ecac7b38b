// The large static net that the search is held against: 64-256-128-10, Adam 1e-3, 20 epochs, on the same split.
module @digits_static {
  selfopt.dataset @digits from csv("digits.csv.gz") features(tensor<64xf32> in [0.0, 16.0]) label(i32 in [0, 9])
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

  selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {
    %h1 = nn.dense %x units(256) init(he_normal) : tensor<256xf32>
    %a1 = nn.activation relu %h1 : tensor<256xf32>
    %h2 = nn.dense %a1 units(128) init(he_normal) : tensor<128xf32>
    %a2 = nn.activation relu %h2 : tensor<128xf32>
    %y = nn.dense %a2 units(10) : tensor<10xf32>
    selfopt.return %y : tensor<10xf32>
  }
  selfopt.loss @cross_entropy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %lp = nn.log_softmax %logits : tensor<10xf32>
    %l  = nn.pick %lp[%label] : f32
    %n  = arith.negf %l : f32
    selfopt.return %n : f32
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
  selfopt.train @fit model(@net) loss(@cross_entropy) optimizer(@adam)
      data(@digits) hyper(lr = 1.0e-3, batch = 32, epochs = 20)
  selfopt.metric @accuracy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %best = nn.argmax %logits : i32
    %hit = arith.cmpi eq, %best, %label : i32
    %score = arith.uitofp %hit : i1 to f32
    selfopt.return %score : f32
  }
}
