// RUN: selfopt-opt --split-input-file --verify-diagnostics %s

// expected-error @+1 {{'selfopt.dataset' op expects the format csv or idx, found parquet}}
selfopt.dataset @dataset_c1_unknown_format from parquet("x") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects 1 or 2 files for csv, found 3}}
selfopt.dataset @dataset_c2_three_csv from csv("a", "b", "c") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects 1 or 2 files for csv, found 0}}
selfopt.dataset @dataset_c2_no_csv from csv() features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects 2 or 4 files for idx, found 3}}
selfopt.dataset @dataset_c2_three_idx from idx("a", "b", "c") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects features of a static, non-empty f32 tensor type, found 'tensor<?xf32>'}}
selfopt.dataset @dataset_c3_dynamic from csv("x.csv") features(tensor<?xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects features of a static, non-empty f32 tensor type, found 'tensor<4xf64>'}}
selfopt.dataset @dataset_c3_f64 from csv("x.csv") features(tensor<4xf64> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects features of a static, non-empty f32 tensor type, found 'tensor<0xf32>'}}
selfopt.dataset @dataset_c3_empty from csv("x.csv") features(tensor<0xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects features of a static, non-empty f32 tensor type, found 'f32'}}
selfopt.dataset @dataset_c3_scalar from csv("x.csv") features(f32 in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects a label of type i32 or a target of type tensor<NxF32>, found 'i64'}}
selfopt.dataset @dataset_c4_i64 from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i64 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects a label of type i32 or a target of type tensor<NxF32>, found 'tensor<2x2xf32>'}}
selfopt.dataset @dataset_c4_matrix from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) target(tensor<2x2xf32> in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects domains [low, high] with low <= high}}
selfopt.dataset @dataset_c5_features from csv("x.csv") features(tensor<4xf32> in [1.0, 0.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects domains [low, high] with low <= high}}
selfopt.dataset @dataset_c5_label from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [9, 0]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects domains [low, high] with low <= high}}
selfopt.dataset @dataset_c5_nan from csv("x.csv") features(tensor<4xf32> in [0x7FC00000 : f32, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects no negative part, and parts that sum to 1, found 0.6, 0.2, 0.3}}
selfopt.dataset @dataset_c6_sum from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.3, seed = 0)

// -----

// expected-error @+1 {{'selfopt.dataset' op expects no negative part, and parts that sum to 1, found 1.2, -0.2, 0.0}}
selfopt.dataset @dataset_c6_negative from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 1.2, validation = -0.2, test = 0, seed = 0)

// -----

// expected-error @+1 {{'selfopt.model' op expects one static f32 tensor in and one out, found '(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>'}}
selfopt.model @model_c1_two_inputs(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  selfopt.return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{'selfopt.model' op expects one static f32 tensor in and one out, found '(tensor<?xf32>) -> tensor<?xf32>'}}
selfopt.model @model_c1_dynamic(%x: tensor<?xf32>) -> tensor<?xf32> {
  selfopt.return %x : tensor<?xf32>
}

// -----

// expected-error @+1 {{'selfopt.model' op expects one static f32 tensor in and one out, found '(tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)'}}
selfopt.model @model_c1_two_results(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  selfopt.return %x, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

selfopt.model @model_c2_foreign_op(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{'tensor.cast' op is not allowed in selfopt.model @model_c2_foreign_op}}
  // expected-note @+1 {{expected an op of arith, math or nn without side effects}}
  %y = tensor.cast %x : tensor<4xf32> to tensor<?xf32>
  selfopt.return %x : tensor<4xf32>
}

// -----

func.func private @helper()
selfopt.model @model_c2_call(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{'func.call' op is not allowed in selfopt.model @model_c2_call}}
  // expected-note @+1 {{expected an op of arith, math or nn without side effects}}
  func.call @helper() : () -> ()
  selfopt.return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{'selfopt.model' op expects a body that ends in selfopt.return}}
selfopt.model @model_c2_other_end(%x: tensor<4xf32>) -> tensor<4xf32> {
  llvm.unreachable
}

// -----

// expected-error @+1 {{'selfopt.model' op has a body whose arguments differ from its type}}
"selfopt.model"() <{sym_name = "model_c2_arguments", function_type = (tensor<4xf32>) -> tensor<4xf32>}> ({
^bb0(%x: tensor<5xf32>):
  selfopt.return %x : tensor<5xf32>
}) : () -> ()
// The generic form has no symbol to read: @model_c2_arguments.

// -----

selfopt.model @model_c2_wide_integer(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+3 {{'arith.constant' op makes a value that no program may have}}
  // expected-note @+2 {{expected f16, bf16, f32, f64, index, an integer of 1 to 64 bits, or a static tensor of at most 16777216 of them}}
  // expected-note @+1 {{found 'i65'}}
  %y = arith.constant 1 : i65
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c2_vector(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+3 {{'arith.constant' op makes a value that no program may have}}
  // expected-note @+2 {{expected f16, bf16, f32, f64, index, an integer of 1 to 64 bits, or a static tensor of at most 16777216 of them}}
  // expected-note @+1 {{found 'vector<4xf32>'}}
  %y = arith.constant dense<1.0> : vector<4xf32>
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c2_too_large(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+3 {{'arith.constant' op makes a value that no program may have}}
  // expected-note @+2 {{expected f16, bf16, f32, f64, index, an integer of 1 to 64 bits, or a static tensor of at most 16777216 of them}}
  // expected-note @+1 {{found 'tensor<4097x4096xf32>'}}
  %y = arith.constant dense<1.0> : tensor<4097x4096xf32>
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c2_overflowing_size(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+3 {{'arith.constant' op makes a value that no program may have}}
  // expected-note @+2 {{expected f16, bf16, f32, f64, index, an integer of 1 to 64 bits, or a static tensor of at most 16777216 of them}}
  // expected-note @+1 {{found 'tensor<4294967296x4294967296xf32>'}}
  %y = arith.constant dense<1.0> : tensor<4294967296x4294967296xf32>
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c2_resource(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'arith.constant' op expects a value that is written out, found dense_resource<numbers> : tensor<4xf32>}}
  %y = arith.constant dense_resource<numbers> : tensor<4xf32>
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c2_fast_math(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'arith.mulf' op expects no fast-math flags, found nnan,arcp}}
  %y = arith.mulf %x, %x fastmath<nnan,arcp> : tensor<4xf32>
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c2_overflow(%x: tensor<4xf32>) -> tensor<4xf32> {
  %i = arith.constant 1 : i32
  // expected-error @+1 {{'arith.addi' op expects no overflow flags, found nsw}}
  %y = arith.addi %i, %i overflow<nsw> : i32
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c2_exact(%x: tensor<4xf32>) -> tensor<4xf32> {
  %i = arith.constant 1 : i32
  // expected-error @+1 {{'arith.divui' op expects no flag exact, found one}}
  %y = arith.divui %i, %i exact : i32
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c3_other_type(%x: tensor<4xf32>) -> tensor<5xf32> {
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'tensor<5xf32>'}}
  // expected-note @+1 {{found 'tensor<4xf32>'}}
  selfopt.return %x : tensor<4xf32>
}

// -----

selfopt.model @model_c3_two_values(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'tensor<4xf32>'}}
  // expected-note @+1 {{found 'tensor<4xf32>', 'tensor<4xf32>'}}
  selfopt.return %x, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @+3 {{'selfopt.loss' op has another signature than its kind of program}}
// expected-note @+2 {{expected (prediction: a static f32 tensor, answer: i32 or a static f32 tensor) -> f32}}
// expected-note @+1 {{found '(tensor<4xf32>) -> f32'}}
selfopt.loss @loss_c1_no_answer(%x: tensor<4xf32>) -> f32 {
  %y = nn.reduce sum %x : f32
  selfopt.return %y : f32
}

// -----

// expected-error @+3 {{'selfopt.loss' op has another signature than its kind of program}}
// expected-note @+2 {{expected (prediction: a static f32 tensor, answer: i32 or a static f32 tensor) -> f32}}
// expected-note @+1 {{found '(tensor<4xf32>, i64) -> f32'}}
selfopt.loss @loss_c1_i64(%x: tensor<4xf32>, %label: i64) -> f32 {
  %y = nn.reduce sum %x : f32
  selfopt.return %y : f32
}

// -----

selfopt.loss @loss_c2_parameters(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.dense' op owns parameters, which only a selfopt.model may have}}
  %h = nn.dense %x units(2) : tensor<2xf32>
  %y = nn.reduce sum %h : f32
  selfopt.return %y : f32
}

// -----

selfopt.loss @loss_c3_tensor(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'f32'}}
  // expected-note @+1 {{found 'tensor<4xf32>'}}
  selfopt.return %x : tensor<4xf32>
}

// -----

// expected-error @+3 {{'selfopt.metric' op has another signature than its kind of program}}
// expected-note @+2 {{expected (prediction: a static f32 tensor, answer: i32 or a static f32 tensor) -> f32}}
// expected-note @+1 {{found '(tensor<4xf32>) -> f32'}}
selfopt.metric @metric_c1_no_answer(%x: tensor<4xf32>) -> f32 {
  %y = nn.reduce sum %x : f32
  selfopt.return %y : f32
}

// -----

// expected-error @+3 {{'selfopt.metric' op has another signature than its kind of program}}
// expected-note @+2 {{expected (prediction: a static f32 tensor, answer: i32 or a static f32 tensor) -> f32}}
// expected-note @+1 {{found '(tensor<4xf32>, i64) -> f32'}}
selfopt.metric @metric_c1_i64(%x: tensor<4xf32>, %label: i64) -> f32 {
  %y = nn.reduce sum %x : f32
  selfopt.return %y : f32
}

// -----

selfopt.metric @metric_c2_parameters(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.dense' op owns parameters, which only a selfopt.model may have}}
  %h = nn.dense %x units(2) : tensor<2xf32>
  %y = nn.reduce sum %h : f32
  selfopt.return %y : f32
}

// -----

selfopt.metric @metric_c3_tensor(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'f32'}}
  // expected-note @+1 {{found 'tensor<4xf32>'}}
  selfopt.return %x : tensor<4xf32>
}

// -----

// expected-error @+3 {{'selfopt.schedule' op has another signature than its kind of program}}
// expected-note @+2 {{expected '(f32) -> f32'}}
// expected-note @+1 {{found '(f32, f32) -> f32'}}
selfopt.schedule @schedule_c1_two_inputs(%x: f32, %y: f32) -> f32 {
  selfopt.return %x : f32
}

// -----

// expected-error @+3 {{'selfopt.schedule' op has another signature than its kind of program}}
// expected-note @+2 {{expected '(f32) -> f32'}}
// expected-note @+1 {{found '(f32) -> f64'}}
selfopt.schedule @schedule_c1_f64(%x: f32) -> f64 {
  %y = arith.extf %x : f32 to f64
  selfopt.return %y : f64
}

// -----

selfopt.schedule @schedule_c2_layer(%x: f32) -> f32 {
  %one = arith.constant 1 : i32
  // expected-error @+2 {{'nn.one_hot' op is not allowed in selfopt.schedule @schedule_c2_layer}}
  // expected-note @+1 {{expected an op of arith or math without side effects}}
  %h = nn.one_hot %one : tensor<2xf32>
  selfopt.return %x : f32
}

// -----

selfopt.schedule @schedule_c3_f64(%x: f32) -> f32 {
  %y = arith.extf %x : f32 to f64
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'f32'}}
  // expected-note @+1 {{found 'f64'}}
  selfopt.return %y : f64
}

// -----

// expected-error @+3 {{'selfopt.sampler' op has another signature than its kind of program}}
// expected-note @+2 {{expected '(f32, f32, f32) -> f32'}}
// expected-note @+1 {{found '(f32, f32) -> f32'}}
selfopt.sampler @sampler_c1_two_inputs(%x: f32, %y: f32) -> f32 {
  selfopt.return %x : f32
}

// -----

// expected-error @+3 {{'selfopt.sampler' op has another signature than its kind of program}}
// expected-note @+2 {{expected '(f32, f32, f32) -> f32'}}
// expected-note @+1 {{found '(f32, f32, f32) -> f64'}}
selfopt.sampler @sampler_c1_f64(%x: f32, %age: f32, %t: f32) -> f64 {
  %y = arith.extf %x : f32 to f64
  selfopt.return %y : f64
}

// -----

selfopt.sampler @sampler_c2_layer(%x: f32, %age: f32, %t: f32) -> f32 {
  %one = arith.constant 1 : i32
  // expected-error @+2 {{'nn.one_hot' op is not allowed in selfopt.sampler @sampler_c2_layer}}
  // expected-note @+1 {{expected an op of arith or math without side effects}}
  %h = nn.one_hot %one : tensor<2xf32>
  selfopt.return %x : f32
}

// -----

selfopt.sampler @sampler_c3_f64(%x: f32, %age: f32, %t: f32) -> f32 {
  %y = arith.extf %x : f32 to f64
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'f32'}}
  // expected-note @+1 {{found 'f64'}}
  selfopt.return %y : f64
}

// -----

// expected-error @+1 {{'selfopt.optimizer' op expects (parameter, gradient, learning rate, step) before its 0 state values, found 3 arguments in all}}
selfopt.optimizer @optimizer_c1_no_step(%w: f32, %g: f32, %lr: f32) {
  selfopt.return %w : f32
}

// -----

// expected-error @+1 {{'selfopt.optimizer' op expects (parameter, gradient, learning rate, step) before its 1 state values, found 6 arguments in all}}
selfopt.optimizer @optimizer_c1_too_many(%w: f32, %g: f32, %lr: f32, %step: f32, %more: f32) state(%m: f32 = 0.0) {
  selfopt.return %w, %m : f32, f32
}

// -----

// expected-error @+1 {{'selfopt.optimizer' op expects arguments of type f32, found 'f64'}}
selfopt.optimizer @optimizer_c2_f64(%w: f32, %g: f32, %lr: f64, %step: f32) {
  selfopt.return %w : f32
}

// -----

// expected-error @+1 {{'selfopt.optimizer' op expects arguments of type f32, found 'i32'}}
selfopt.optimizer @optimizer_c2_state(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: i32 = 0) {
  selfopt.return %w, %w : f32, f32
}

// -----

selfopt.optimizer @optimizer_c3_foreign_op(%w: f32, %g: f32, %lr: f32, %step: f32) {
  // expected-error @+2 {{'tensor.from_elements' op is not allowed in selfopt.optimizer @optimizer_c3_foreign_op}}
  // expected-note @+1 {{expected an op of arith or math without side effects}}
  %t = tensor.from_elements %w : tensor<1xf32>
  selfopt.return %w : f32
}

// -----

selfopt.optimizer @optimizer_c4_forgets_state(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'f32', 'f32'}}
  // expected-note @+1 {{found 'f32'}}
  selfopt.return %w : f32
}

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op expects a learning rate above 0, found 0.0}}
selfopt.train @train_c1_zero model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.0, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op expects a learning rate above 0, found -0.1}}
selfopt.train @train_c1_negative model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = -0.1, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op expects a learning rate above 0, found inf}}
selfopt.train @train_c1_infinite model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0x7FF0000000000000 : f64, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op expects a batch and epochs of at least 1, found 0 and 1}}
selfopt.train @train_c2_batch model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 0, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op expects a batch and epochs of at least 1, found 8 and -1}}
selfopt.train @train_c2_epochs model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = -1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+2 {{'selfopt.train' op expects @nowhere to name a selfopt.model}}
// expected-note @+1 {{found no such symbol}}
selfopt.train @train_c3_no_model model(@nowhere) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op expects @loss to name a selfopt.optimizer}}
selfopt.train @train_c3_other_kind model(@net) loss(@loss) optimizer(@loss) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+2 {{'selfopt.train' op expects @nowhere to name a selfopt.schedule}}
// expected-note @+1 {{found no such symbol}}
selfopt.train @train_c3_schedule model(@net) loss(@loss) optimizer(@sgd) schedule(@nowhere) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+2 {{'selfopt.train' op expects @nowhere to name a selfopt.sampler}}
// expected-note @+1 {{found no such symbol}}
selfopt.train @train_c3_sampler model(@net) loss(@loss) optimizer(@sgd) sampler(@nowhere) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+2 {{'selfopt.train' op expects @nowhere to name a selfopt.dataset}}
// expected-note @+1 {{found no such symbol}}
selfopt.train @train_c3_data model(@net) loss(@loss) optimizer(@sgd) data(@nowhere) hyper(lr = 0.1, batch = 8, epochs = 1)

// -----

selfopt.dataset @data from csv("x.csv") features(tensor<5xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<2xf32>, %label: i32) -> f32 {
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+3 {{'selfopt.train' op has a model that does not take the dataset's features}}
// expected-note @+2 {{expected 'tensor<5xf32>'}}
// expected-note @+1 {{found 'tensor<4xf32>'}}
selfopt.train @train_c4_features model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)

// -----

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<3xf32>, %label: i32) -> f32 {
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+3 {{'selfopt.train' op has a loss that does not take the model's prediction}}
// expected-note @+2 {{expected 'tensor<2xf32>'}}
// expected-note @+1 {{found 'tensor<3xf32>'}}
selfopt.train @train_c4_prediction model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)

// -----

selfopt.dataset @data from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) target(tensor<1xf32> in [0.0, 1.0])
    split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
selfopt.model @net(%x: tensor<4xf32>) -> tensor<2xf32> {
  %y = nn.dense %x units(2) : tensor<2xf32>
  selfopt.return %y : tensor<2xf32>
}
selfopt.loss @loss(%x: tensor<2xf32>, %label: i32) -> f32 {
  %y = nn.pick %x[%label] : f32
  selfopt.return %y : f32
}
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+3 {{'selfopt.train' op has a loss that does not take the dataset's answers}}
// expected-note @+2 {{expected 'tensor<1xf32>'}}
// expected-note @+1 {{found 'i32'}}
selfopt.train @train_c4_answers model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{'selfopt.train' op expects a split train, validation or test of @data, found 'rest'}}
selfopt.train @train_c5_unknown_split model(@net) loss(@loss) optimizer(@sgd) data(@data::rest) hyper(lr = 0.1, batch = 8, epochs = 1)

// -----

func.func private @f(tensor<2xf32>, tensor<4xf32>) -> tensor<f32>
func.func @gradient_c1_count(%w: tensor<2xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{'selfopt.gradient' op expects a count between 0 and its 2 operands, found 3}}
  %l = selfopt.gradient @f(%w, %x) by 3 : (tensor<2xf32>, tensor<4xf32>) -> tensor<f32>
  return
}

// -----

func.func @gradient_c2_no_function(%w: tensor<2xf32>) {
  // expected-error @+1 {{'selfopt.gradient' op expects @nowhere to name a function}}
  %l, %g = selfopt.gradient @nowhere(%w) by 1 : (tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>)
  return
}

// -----

func.func private @f(tensor<2xf32>, tensor<4xf32>) -> tensor<f32>
func.func @gradient_c3_results(%w: tensor<2xf32>, %x: tensor<4xf32>) {
  // expected-error @+3 {{'selfopt.gradient' op has types that do not fit its callee}}
  // expected-note @+2 {{expected '(tensor<2xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<2xf32>)'}}
  // expected-note @+1 {{found '(tensor<2xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>)'}}
  %l, %g = selfopt.gradient @f(%w, %x) by 1 : (tensor<2xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>)
  return
}

// -----

//===--- Assembly -------------------------------------------------------------===//

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{expected a hyperparameter (lr, batch, epochs), found 'momentum'}}
selfopt.train @unknown_hyper model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, momentum = 0.9, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{expected the hyperparameters lr, batch and epochs, found no 'epochs'}}
selfopt.train @missing_epochs model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{hyperparameter 'batch' is given twice}}
selfopt.train @twice model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 8, batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{batch must be an integer, found 7.5}}
selfopt.train @half_a_batch model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = 0.1, batch = 7.5, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
// expected-error @+1 {{expected a number, found "fast"}}
selfopt.train @no_number model(@net) loss(@loss) optimizer(@sgd) data(@data) hyper(lr = "fast", batch = 8, epochs = 1)

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
selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
  selfopt.return %w : f32
}
selfopt.train @missing_hyper model(@net) loss(@loss) optimizer(@sgd) data(@data)
// expected-error @+1 {{expected 'hyper'}}
func.func private @next()

// -----

// expected-error @+1 {{the seed must be an integer, found "one"}}
selfopt.dataset @seed_of_text from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) label(i32 in [0, 1]) split(train = 1.0, validation = 0.0, test = 0.0, seed = "one")

// -----

// expected-error @+1 {{expected 'target' or 'label'}}
selfopt.dataset @no_answer from csv("x.csv") features(tensor<4xf32> in [0.0, 1.0]) answer(i32 in [0, 1]) split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)

// -----

// expected-error @+3 {{'selfopt.augment' op has another signature than its kind of program}}
// expected-note @+2 {{expected '(f32, f32, f32, f32) -> f32'}}
// expected-note @+1 {{found '(f32) -> f32'}}
selfopt.augment @augment_c1_one_input(%x: f32) -> f32 {
  selfopt.return %x : f32
}

// -----

selfopt.augment @augment_c2_layer(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
  %one = arith.constant 1 : i32
  // expected-error @+2 {{'nn.one_hot' op is not allowed in selfopt.augment @augment_c2_layer}}
  // expected-note @+1 {{expected an op of arith or math without side effects}}
  %h = nn.one_hot %one : tensor<2xf32>
  selfopt.return %x : f32
}

// -----

selfopt.augment @augment_c3_f64(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
  %y = arith.extf %x : f32 to f64
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'f32'}}
  // expected-note @+1 {{found 'f64'}}
  selfopt.return %y : f64
}

// -----

selfopt.loss @loss_c2_draws(%x: tensor<4xf32>, %label: i32) -> f32 {
  // expected-error @+1 {{'nn.noise' op draws random numbers, which only a selfopt.model may do}}
  %n = nn.noise %x scale(1.0) : tensor<4xf32>
  %y = nn.pick %n[%label] : f32
  selfopt.return %y : f32
}

// -----

// expected-error @+3 {{'selfopt.environment' op has another signature than its kind of program}}
// expected-note @+2 {{expected '(i32, i32) -> (i32, f32, i1)'}}
// expected-note @+1 {{found '(i32, i32) -> (i32, f32)'}}
selfopt.environment @environment_c1_result(%state: i32, %action: i32) -> (i32, f32) states(4) actions(2) discount(0.9) {
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward : i32, f32
}

// -----

selfopt.environment @environment_c2_layer(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  // expected-error @+2 {{'nn.one_hot' op is not allowed in selfopt.environment @environment_c2_layer}}
  // expected-note @+1 {{expected an op of arith or math without side effects}}
  %h = nn.one_hot %action : tensor<2xf32>
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

selfopt.environment @environment_c3_order(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'i32', 'f32', 'i1'}}
  // expected-note @+1 {{found 'f32', 'i32', 'i1'}}
  selfopt.return %reward, %state, %done : f32, i32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects at least one state and one action, and at most 1048576 pairs of them, found 0 states and 2 actions}}
selfopt.environment @environment_c4_no_state(%state: i32, %action: i32) -> (i32, f32, i1) states(0) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects at least one state and one action, and at most 1048576 pairs of them, found 4 states and 0 actions}}
selfopt.environment @environment_c4_no_action(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(0) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects at least one state and one action, and at most 1048576 pairs of them, found 524289 states and 2 actions}}
selfopt.environment @environment_c4_too_many(%state: i32, %action: i32) -> (i32, f32, i1) states(524289) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects at least one state and one action, and at most 1048576 pairs of them, found 4294967296 states and 4294967296 actions}}
selfopt.environment @environment_c4_overflow(%state: i32, %action: i32) -> (i32, f32, i1) states(4294967296) actions(4294967296) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects a discount above 0 and below 1, found 1.0}}
selfopt.environment @environment_c5_one(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(1.0) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects a discount above 0 and below 1, found 0.0}}
selfopt.environment @environment_c5_none(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.0) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects a discount above 0 and below 1, found -0.5}}
selfopt.environment @environment_c5_negative(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(-0.5) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects a discount above 0 and below 1, found 1.5}}
selfopt.environment @environment_c5_above(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(1.5) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{'selfopt.environment' op expects a discount above 0 and below 1, found nan}}
selfopt.environment @environment_c5_not_a_number(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0x7FF8000000000000 : f64) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}

// -----

// expected-error @+1 {{expected 'states'}}
selfopt.environment @no_sizes(%state: i32, %action: i32) -> (i32, f32, i1) {
}

// -----

// expected-error @+1 {{states must be an integer, found 4.5}}
selfopt.environment @half_a_state(%state: i32, %action: i32) -> (i32, f32, i1) states(4.5) actions(2) discount(0.9) {
}

// -----

selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
// expected-error @+3 {{'selfopt.reward' op has another signature than its kind of program}}
// expected-note @+2 {{expected '(i32, i32, i32) -> f32'}}
// expected-note @+1 {{found '(i32, i32) -> f32'}}
selfopt.reward @reward_c1_no_next(%state: i32, %action: i32) -> f32 environment(@grid) {
  %f = arith.constant 1.0 : f32
  selfopt.return %f : f32
}

// -----

selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
selfopt.reward @reward_c2_layer(%state: i32, %action: i32, %next: i32) -> f32 environment(@grid) {
  // expected-error @+2 {{'nn.one_hot' op is not allowed in selfopt.reward @reward_c2_layer}}
  // expected-note @+1 {{expected an op of arith or math without side effects}}
  %h = nn.one_hot %action : tensor<2xf32>
  %f = arith.constant 1.0 : f32
  selfopt.return %f : f32
}

// -----

selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(4) actions(2) discount(0.9) {
  %done = arith.constant true
  %reward = arith.constant 1.0 : f32
  selfopt.return %state, %reward, %done : i32, f32, i1
}
selfopt.reward @reward_c3_integer(%state: i32, %action: i32, %next: i32) -> f32 environment(@grid) {
  // expected-error @+3 {{'selfopt.return' op returns other types than its program declares}}
  // expected-note @+2 {{expected 'f32'}}
  // expected-note @+1 {{found 'i32'}}
  selfopt.return %next : i32
}

// -----

// expected-error @+2 {{'selfopt.reward' op expects @nowhere to name a selfopt.environment}}
// expected-note @+1 {{found no such symbol}}
selfopt.reward @reward_c4_nowhere(%state: i32, %action: i32, %next: i32) -> f32 environment(@nowhere) {
  %f = arith.constant 1.0 : f32
  selfopt.return %f : f32
}

// -----

// expected-note @+1 {{found a selfopt.schedule}}
selfopt.schedule @slow(%t: f32) -> f32 {
  selfopt.return %t : f32
}
// expected-error @+1 {{'selfopt.reward' op expects @slow to name a selfopt.environment}}
selfopt.reward @reward_c4_schedule(%state: i32, %action: i32, %next: i32) -> f32 environment(@slow) {
  %f = arith.constant 1.0 : f32
  selfopt.return %f : f32
}

// -----

// expected-error @+1 {{expected 'environment'}}
selfopt.reward @no_environment(%state: i32, %action: i32, %next: i32) -> f32 {
}
