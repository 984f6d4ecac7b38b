// Fashion-MNIST, 784-256-128-10, batch 100, Adam 1e-3 with a cosine schedule.
module @fashion_mlp {
  selfopt.dataset @fashion from idx("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
      features(tensor<784xf32> in [0.0, 255.0]) label(i32 in [0, 9])
      split(train = 1.0, validation = 0.0, test = 0.0, seed = 0)
  selfopt.model @net(%x: tensor<784xf32>) -> tensor<10xf32> {
    %scale = arith.constant dense<0.00392156886> : tensor<784xf32>
    %p = arith.mulf %x, %scale : tensor<784xf32>
    %h1 = nn.dense %p units(256) init(he_normal) : tensor<256xf32>
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
  selfopt.schedule @cosine(%t: f32) -> f32 {
    %pi = arith.constant 3.14159274 : f32
    %half = arith.constant 0.5 : f32
    %angle = arith.mulf %pi, %t : f32
    %c = math.cos %angle : f32
    %s = arith.mulf %half, %c : f32
    %f = arith.addf %half, %s : f32
    selfopt.return %f : f32
  }
  selfopt.train @fit model(@net) loss(@cross_entropy) optimizer(@adam) schedule(@cosine)
      data(@fashion) hyper(lr = 1.0e-3, batch = 100, epochs = 10)
  selfopt.metric @accuracy(%logits: tensor<10xf32>, %label: i32) -> f32 {
    %best = nn.argmax %logits : i32
    %hit = arith.cmpi eq, %best, %label : i32
    %score = arith.uitofp %hit : i1 to f32
    selfopt.return %score : f32
  }
}
