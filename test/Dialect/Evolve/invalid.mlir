// RUN: selfopt-opt --split-input-file --verify-diagnostics %s

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
// expected-error @+1 {{'evolve.search' op expects candidates, in_flight and repeats of at least 1}}
evolve.search @search_c1_candidates program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 0) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects candidates, in_flight and repeats of at least 1}}
evolve.search @search_c1_in_flight program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) in_flight(0) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects candidates, in_flight and repeats of at least 1}}
evolve.search @search_c1_repeats program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) repeats(-1) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects 1 <= tournament <= population, found 9 and 8}}
evolve.search @search_c2_tournament program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(aging population(8) tournament(9)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects tournament of aging in [1, 1000000], found 0}}
evolve.search @search_c2_no_tournament program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(aging population(8) tournament(0)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op minimises one of parameters, flops_per_example, train_flops and memory, found "seconds"}}
evolve.search @search_c3_seconds program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) minimize(seconds) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+2 {{'evolve.search' op expects @nowhere to name a selfopt.train}}
// expected-note @+1 {{found no such symbol}}
evolve.search @search_c4_program program(@nowhere) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+2 {{'evolve.search' op expects @nowhere to name a safety.policy}}
// expected-note @+1 {{found no such symbol}}
evolve.search @search_c4_policy program(@fit) policy(@nowhere) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
// expected-note @+1 {{found a selfopt.loss}}
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
// expected-error @+1 {{'evolve.search' op expects @loss to name a selfopt.metric}}
evolve.search @search_c4_metric program(@fit) policy(@policy) seed(1) maximize(metric(@loss) on validation) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
// expected-note @+1 {{found a selfopt.loss}}
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
// expected-error @+1 {{'evolve.search' op expects @loss to name a selfopt.model}}
evolve.search @search_c4_architecture program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(architecture(@loss))

// -----

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
// expected-note @+1 {{found a selfopt.model}}
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
// expected-error @+1 {{'evolve.search' op expects @net to name a selfopt.train or selfopt.optimizer or selfopt.schedule or selfopt.sampler or selfopt.augment}}
evolve.search @search_c4_pipeline program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(pipeline(@net))

// -----

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
// expected-note @+1 {{found a selfopt.environment}}
selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
// What judges never changes.
// expected-error @+1 {{'evolve.search' op expects @grid to name a selfopt.loss or selfopt.reward}}
evolve.search @search_c4_environment program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(objective(@loss, @grid))

// -----

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
// expected-note @+1 {{found a selfopt.metric}}
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
// expected-error @+1 {{'evolve.search' op expects @score to name a selfopt.loss or selfopt.reward}}
evolve.search @search_c4_objective program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(objective(@score))

// -----

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
// expected-error @+1 {{'evolve.search' op expects 1 <= tournament <= population, found 4 and 3}}
evolve.search @search_c2_islands program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(islands(4) population(3) tournament(4)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects patience of hill in [1, 1000000], found 0}}
evolve.search @search_c5_patience program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(hill patience(0)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects rungs of asha in [2, 10], found 11}}
evolve.search @search_c5_rungs program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(asha rungs(11)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects one of the known strategies, found "tabu"}}
"evolve.search"() <{sym_name = "search_c5_unknown", program = @fit, policy = @policy, seed = 1 : i64, metric = @score, maximize = true, minimize = [], strategy = "tabu", settings = {patience = 5 : i64}, axes = [], candidates = 10 : i64, architecture = [@net], pipeline = [], objective = []}> : () -> ()

// -----

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
// expected-error @+1 {{'evolve.search' op expects patience among the settings of hill, found none}}
"evolve.search"() <{sym_name = "search_c5_missing", program = @fit, policy = @policy, seed = 1 : i64, metric = @score, maximize = true, minimize = [], strategy = "hill", settings = {}, axes = [], candidates = 10 : i64, architecture = [@net], pipeline = [], objective = []}> : () -> ()

// -----

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
// expected-error @+1 {{'evolve.search' op expects 1 settings of hill, found 2}}
"evolve.search"() <{sym_name = "search_c5_more", program = @fit, policy = @policy, seed = 1 : i64, metric = @score, maximize = true, minimize = [], strategy = "hill", settings = {patience = 5 : i64, other = 1 : i64}, axes = [], candidates = 10 : i64, architecture = [@net], pipeline = [], objective = []}> : () -> ()

// -----

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
// expected-error @+1 {{'evolve.search' op expects 1 to 3 axes of map_elites, found 0}}
evolve.search @search_c6_none program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(map_elites) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects 1 to 3 axes of map_elites, found 4}}
evolve.search @search_c6_four program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(map_elites axis("parameters" in [10.0, 200.0] cells(6)) axis("parameters" in [10.0, 200.0] cells(6)) axis("parameters" in [10.0, 200.0] cells(6)) axis("parameters" in [10.0, 200.0] cells(6))) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects 0 axes of hill, found 1}}
"evolve.search"() <{sym_name = "search_c6_hill", program = @fit, policy = @policy, seed = 1 : i64, metric = @score, maximize = true, minimize = [], strategy = "hill", settings = {patience = 5 : i64}, axes = [1 : i64], candidates = 10 : i64, architecture = [@net], pipeline = [], objective = []}> : () -> ()

// -----

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
// expected-error @+1 {{'evolve.search' op expects an axis of quantity, low, high, cells and log, found 1}}
"evolve.search"() <{sym_name = "search_c6_shape", program = @fit, policy = @policy, seed = 1 : i64, metric = @score, maximize = true, minimize = [], strategy = "map_elites", settings = {initial = 5 : i64}, axes = [1 : i64], candidates = 10 : i64, architecture = [@net], pipeline = [], objective = []}> : () -> ()

// -----

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
// expected-error @+1 {{'evolve.search' op expects an axis over metric, parameters, flops_per_example, train_flops, memory; found "seconds"}}
evolve.search @search_c6_quantity program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(map_elites axis("seconds" in [0.0, 1.0] cells(2))) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects the bounds of an axis in order, and above 0 where it is log; found [1.0, 1.0]}}
evolve.search @search_c6_order program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(map_elites axis("metric" in [1.0, 1.0] cells(2))) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects the bounds of an axis in order, and above 0 where it is log; found [0.0, 1.0]}}
evolve.search @search_c6_log program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(map_elites axis("metric" in [0.0, 1.0] cells(2) log)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects 1 to 1000 cells of an axis, found 0}}
evolve.search @search_c6_cells program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(map_elites axis("metric" in [0.0, 1.0] cells(0))) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects in_flight of at most the population of pbt, 4, found 8}}
evolve.search @search_c7_in_flight program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(pbt population(4)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects reuse of digest or probe, found "text"}}
evolve.search @search_c8_reuse program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) reuse(text) mutate(architecture(@net))

// -----

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
// expected-error @+1 {{'evolve.search' op expects reuse(digest) with asha, whose trainings pause; found reuse(probe)}}
evolve.search @search_c8_pauses program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(asha) budget(candidates = 10) reuse(probe) mutate(architecture(@net))

// -----

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
// expected-error @+2 {{expected a strategy (random, hill, aging, nsga2, map_elites, islands, asha, pbt), found 'tabu'}}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation)
    strategy(tabu) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+2 {{expected a parameter of hill (patience), found 'population'}}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation)
    strategy(hill population(3)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+2 {{expected a parameter of random (it has none), found 'patience'}}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation)
    strategy(random patience(3)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+2 {{expected patience once, found it again}}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation)
    strategy(hill patience(3) patience(4)) budget(candidates = 10) mutate(architecture(@net))

// -----

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
// expected-error @+2 {{expected a parameter of hill (patience), found 'axis'}}
evolve.search @search program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation)
    strategy(hill axis("metric" in [0.0, 1.0] cells(2))) budget(candidates = 10) mutate(architecture(@net))

// -----

module @lineage_c1_no_mutation {
  evolve.lineage from("") {
    // expected-error @+1 {{'arith.constant' op is no mutation; an evolve.lineage holds mutations only}}
    %c = arith.constant 1.0 : f32
  }
}

// -----

//===--- Assembly -------------------------------------------------------------===//

// expected-error @+1 {{expected a strategy (random, hill, aging, nsga2, map_elites, islands, asha, pbt), found 'annealing'}}
evolve.search @unknown_strategy program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(annealing) budget(candidates = 10) mutate(architecture(@net))

// -----

// expected-error @+1 {{population must be an integer, found 1.500000e+00 : f64}}
evolve.search @half_population program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(aging population(1.5)) budget(candidates = 10) mutate(architecture(@net))

// -----

// expected-error @+1 {{expected maximize(metric(@symbol) on validation) or minimize(metric(...) ...)}}
evolve.search @no_metric program(@fit) policy(@policy) seed(1) minimize(parameters) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

// expected-error @+1 {{expected one metric, found a second one}}
evolve.search @two_metrics program(@fit) policy(@policy) seed(1) maximize(metric(@a) on validation) maximize(metric(@b) on validation) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

// expected-error @+1 {{expected metric(@symbol) on validation, found 'parameters'}}
evolve.search @more_parameters program(@fit) policy(@policy) seed(1) maximize(parameters) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

// expected-error @+1 {{expected 'validation'}}
evolve.search @judged_on_test program(@fit) policy(@policy) seed(1) maximize(metric(@a) on test) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

// expected-error @+1 {{expected architecture, pipeline or objective, found 'metric'}}
evolve.search @mutates_metric program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(metric(@score))

// -----

// expected-error @+1 {{seed must be an integer, found "abc"}}
evolve.search @seed_of_text program(@fit) policy(@policy) seed("abc") maximize(metric(@score) on validation) strategy(random) budget(candidates = 10) mutate(architecture(@net))

// -----

// expected-error @+1 {{the number of candidates must be an integer, found 1.5}}
evolve.search @half_a_candidate program(@fit) policy(@policy) seed(1) maximize(metric(@score) on validation) strategy(random) budget(candidates = 1.5) mutate(architecture(@net))

// -----

module @float_units {
  evolve.lineage from("") {
    // expected-error @+1 {{floating point value not valid for specified type}}
    evolve.widen @net at(0) units(48.5)
  }
}

// -----

module @unknown_mutation {
  evolve.lineage from("") {
    // expected-error @+1 {{custom op 'evolve.shrink' is unknown}}
    evolve.shrink @net at(0)
  }
}
