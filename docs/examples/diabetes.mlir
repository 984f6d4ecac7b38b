// Disease progression from ten measurements: regression by mean squared error; features and targets in two files.
module @diabetes {
  selfopt.dataset @diabetes from csv("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")
      features(tensor<10xf32> in [0.0, 400.0]) target(tensor<1xf32> in [0.0, 400.0])
      split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

  selfopt.model @net(%x: tensor<10xf32>) -> tensor<1xf32> {
    // Typical values of age, sex, body mass, blood pressure and six serum measurements, and their spread.
    %mean = arith.constant dense<[48.5, 1.5, 26.4, 94.6, 189.1, 115.4, 49.8, 4.1, 4.6, 91.3]> : tensor<10xf32>
    %rate = arith.constant dense<[0.076, 2.0, 0.226, 0.072, 0.029, 0.033, 0.077, 0.775, 1.916, 0.087]> : tensor<10xf32>
    %c = arith.subf %x, %mean : tensor<10xf32>
    %s = arith.mulf %c, %rate : tensor<10xf32>
    %h = nn.dense %s units(16) : tensor<16xf32>
    %a = nn.activation tanh %h : tensor<16xf32>
    %z = nn.dense %a units(1) : tensor<1xf32>
    // Predictions start at the middle of what is to be predicted.
    %scale = arith.constant dense<100.0> : tensor<1xf32>
    %middle = arith.constant dense<150.0> : tensor<1xf32>
    %w = arith.mulf %z, %scale : tensor<1xf32>
    %y = arith.addf %w, %middle : tensor<1xf32>
    selfopt.return %y : tensor<1xf32>
  }

  selfopt.loss @squared_error(%prediction: tensor<1xf32>, %target: tensor<1xf32>) -> f32 {
    %d = arith.subf %prediction, %target : tensor<1xf32>
    %dd = arith.mulf %d, %d : tensor<1xf32>
    %l = nn.reduce mean %dd : f32
    selfopt.return %l : f32
  }

  // Stochastic gradient descent with momentum (Polyak 1964).
  selfopt.optimizer @momentum(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
    %beta = arith.constant 0.9 : f32
    %kept = arith.mulf %beta, %m : f32
    %m1 = arith.addf %kept, %g : f32
    %move = arith.mulf %lr, %m1 : f32
    %w1 = arith.subf %w, %move : f32
    selfopt.return %w1, %m1 : f32, f32
  }

  selfopt.train @fit model(@net) loss(@squared_error) optimizer(@momentum)
      data(@diabetes) hyper(lr = 2.0e-6, batch = 16, epochs = 100)

  selfopt.metric @mean_squared_error(%prediction: tensor<1xf32>, %target: tensor<1xf32>) -> f32 {
    %d = arith.subf %prediction, %target : tensor<1xf32>
    %dd = arith.mulf %d, %d : tensor<1xf32>
    %l = nn.reduce mean %dd : f32
    selfopt.return %l : f32
  }

  safety.policy @policy {
    safety.seal @diabetes, @mean_squared_error, @policy, @search
    safety.range @fit "lr" in [1.0e-9, 1.0e-1]
    safety.limit parameters <= 2000
    safety.limit train_flops <= 1.0e10
    safety.require no_flow(@diabetes::test -> @fit)
  }
  evolve.search @search program(@fit) policy(@policy) seed(1)
      minimize(metric(@mean_squared_error) on validation) minimize(parameters)
      strategy(aging population(32) tournament(6)) budget(candidates = 200) repeats(2)
      mutate(architecture(@net), pipeline(@fit, @momentum), objective(@squared_error))
}
