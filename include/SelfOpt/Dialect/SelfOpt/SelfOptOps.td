//===- SelfOptOps.td - Programs ----------------------------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_SELFOPT_OPS_TD
#define SELFOPT_SELFOPT_OPS_TD

include "SelfOpt/Interfaces/Interfaces.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def SelfOpt_Dialect : Dialect {
  let name = "selfopt";
  let cppNamespace = "::selfopt";
  let summary = "programs that learn, and what judges them";
  let description = [{
    A training spec is one module of these symbols. Models, losses and metrics speak about one example; an optimizer
    is a scalar update rule; a schedule and a sampler are scalar programs. An environment is a task by itself, whose
    reward a program may shape.
  }];
}

class SelfOpt_Op<string mnemonic, list<Trait> traits = []> : Op<SelfOpt_Dialect, mnemonic, traits>;

def SelfOpt_DatasetOp : SelfOpt_Op<"dataset", [Symbol]> {
  let summary = "where examples come from";
  let description = [{
    Reads CSV or IDX files, gzip-compressed or not, and splits the rows by a permutation drawn from `seed`. A value
    outside its declared domain is an error with file and row. Relative names are looked for beside the spec, then
    in `SELFOPT_DATA_DIR`, then where Debian's packages put them. IDX takes two files (images, labels) or four (the
    last two are the test split).

    ```mlir
    selfopt.dataset @digits from csv("digits.csv.gz") features(tensor<64xf32> in [0.0, 16.0]) label(i32 in [0, 9])
        split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
    selfopt.dataset @diabetes from csv("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")
        features(tensor<10xf32> in [0.0, 400.0]) target(tensor<1xf32> in [0.0, 400.0])
        split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$format, StrArrayAttr:$files,
    TypeAttrOf<AnyType>:$feature_type, F64Attr:$feature_low, F64Attr:$feature_high,
    TypeAttrOf<AnyType>:$answer_type, F64Attr:$answer_low, F64Attr:$answer_high,
    F64Attr:$train, F64Attr:$validation, F64Attr:$test, I64Attr:$seed);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// A label is an integer; anything else is a target vector.
    bool hasLabel() { return ::mlir::isa<::mlir::IntegerType>(getAnswerType()); }
  }];
}

class SelfOpt_ProgramOp<string mnemonic, list<Trait> traits = []> : SelfOpt_Op<mnemonic, !listconcat(traits, [Symbol,
    IsolatedFromAbove, SingleBlock, DeclareOpInterfaceMethods<ProgramOpInterface, ["getProgramResultTypes"]>])> {
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}
class SelfOpt_FunctionLikeOp<string mnemonic> : SelfOpt_ProgramOp<mnemonic> {
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type);
}

def SelfOpt_ModelOp : SelfOpt_FunctionLikeOp<"model"> {
  let summary = "a function of one example's features, with trained parameters inside its layers";
  let description = [{
    ```mlir
    selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {
      %y = nn.dense %x units(10) : tensor<10xf32>
      selfopt.return %y : tensor<10xf32>
    }
    ```
  }];
}
def SelfOpt_LossOp : SelfOpt_FunctionLikeOp<"loss"> {
  let summary = "what training minimises, of one example's prediction and answer";
  let description = [{
    ```mlir
    selfopt.loss @cross_entropy(%logits: tensor<10xf32>, %label: i32) -> f32 {
      %lp = nn.log_softmax %logits : tensor<10xf32>
      %l  = nn.pick %lp[%label] : f32
      %n  = arith.negf %l : f32
      selfopt.return %n : f32
    }
    ```
  }];
}
def SelfOpt_MetricOp : SelfOpt_FunctionLikeOp<"metric"> {
  let summary = "what judges, of one example's prediction and answer; averaged over a split";
  let description = [{
    ```mlir
    selfopt.metric @accuracy(%logits: tensor<10xf32>, %label: i32) -> f32 {
      %best = nn.argmax %logits : i32
      %hit = arith.cmpi eq, %best, %label : i32
      %one = arith.uitofp %hit : i1 to f32
      selfopt.return %one : f32
    }
    ```
  }];
}
def SelfOpt_ScheduleOp : SelfOpt_FunctionLikeOp<"schedule"> {
  let summary = "a factor of the learning rate, of the fraction of training done";
  let description = [{
    `%t` is (step - 1) / (steps - 1), so that it runs from 0 at the first step to 1 at the last; 0 where there is one
    step.

    ```mlir
    selfopt.schedule @constant(%t: f32) -> f32 {
      %one = arith.constant 1.0 : f32
      selfopt.return %one : f32
    }
    ```
  }];
}
def SelfOpt_SamplerOp : SelfOpt_FunctionLikeOp<"sampler"> {
  let summary = "the sampling weight of a training example";
  let description = [{
    Asked of every training example at the start of every epoch: `%loss` is its loss when it was last drawn (0 before
    that), `%age` the number of epochs since then, `%t` the fraction of epochs done. The epoch's order is drawn
    without replacement with these weights (Efraimidis and Spirakis 2006), and its first batches * batch examples
    train. A weight that is zero, negative or NaN is drawn last. A constant weight is the ordinary shuffle.

    ```mlir
    selfopt.sampler @uniform(%loss: f32, %age: f32, %t: f32) -> f32 {
      %one = arith.constant 1.0 : f32
      selfopt.return %one : f32
    }
    ```
  }];
  let extraClassDeclaration = [{
    /// Whether the weight depends on anything: one that doesn't is the ordinary shuffle, and keeps no tables.
    bool looksAtArguments();
  }];
}
def SelfOpt_AugmentOp : SelfOpt_FunctionLikeOp<"augment"> {
  let summary = "a change of the training examples' features, element by element";
  let description = [{
    Applied to every feature of every example of a batch, in training only: `%x` is the feature, `%normal` a standard
    normal number and `%uniform` a number in [0, 1), both drawn anew for every element, example and step, `%t` the
    fraction of training done. A program that returns `%x` does nothing and costs nothing.

    ```mlir
    selfopt.augment @noise(%x: f32, %normal: f32, %uniform: f32, %t: f32) -> f32 {
      %scale = arith.constant 0.5 : f32
      %n = arith.mulf %scale, %normal : f32
      %y = arith.addf %x, %n : f32
      selfopt.return %y : f32
    }
    ```
  }];
}
def SelfOpt_EnvironmentOp : SelfOpt_ProgramOp<"environment"> {
  let summary = "a finite, deterministic task: what an action leads to, what it earns, and whether the episode ends";
  let description = [{
    Asked for every state from 0 to `states` - 1 and every action from 0 to `actions` - 1, it gives the next state, the
    task's own reward, and whether the episode ends there. What is earned t steps later counts discount^t.

    ```mlir
    selfopt.environment @corridor(%state: i32, %action: i32) -> (i32, f32, i1) states(5) actions(2) discount(0.9) {
      %one = arith.constant 1 : i32
      %last = arith.constant 4 : i32
      %first = arith.constant 0 : i32
      %right = arith.cmpi eq, %action, %one : i32
      %up = arith.addi %state, %one : i32
      %down = arith.subi %state, %one : i32
      %to = arith.select %right, %up, %down : i32
      %low = arith.maxsi %to, %first : i32
      %next = arith.minsi %low, %last : i32
      %done = arith.cmpi eq, %next, %last : i32
      %reward = arith.uitofp %done : i1 to f32
      selfopt.return %next, %reward, %done : i32, f32, i1
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type, I64Attr:$states,
    I64Attr:$actions, F64Attr:$discount);
  let extraClassDeclaration = [{
    /// States times actions: what a table of the environment may have.
    static constexpr int64_t maxTransitions = 1 << 20;
  }];
}
def SelfOpt_RewardOp : SelfOpt_ProgramOp<"reward", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "what is added to the reward of a task while training";
  let description = [{
    A function of a transition of its environment: the state, the action taken there, and the state that it leads to.

    ```mlir
    selfopt.reward @progress(%state: i32, %action: i32, %next: i32) -> f32 environment(@corridor) {
      %d = arith.subi %next, %state : i32
      %f = arith.sitofp %d : i32 to f32
      selfopt.return %f : f32
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
    FlatSymbolRefAttr:$environment);
}
def SelfOpt_OptimizerOp : SelfOpt_ProgramOp<"optimizer"> {
  let summary = "a scalar update rule with named state, applied to every parameter";
  let description = [{
    Takes the parameter, its gradient, the learning rate of this step and the number of this step (from 1), then the
    state; returns the new parameter and the new state.

    ```mlir
    selfopt.optimizer @momentum(%w: f32, %g: f32, %lr: f32, %step: f32) state(%m: f32 = 0.0) {
      %beta = arith.constant 0.9 : f32
      %d = arith.mulf %beta, %m : f32
      %m1 = arith.addf %d, %g : f32
      %u = arith.mulf %lr, %m1 : f32
      %w1 = arith.subf %w, %u : f32
      selfopt.return %w1, %m1 : f32, f32
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DenseF64ArrayAttr:$state_init);
  let extraClassDeclaration = [{
    unsigned getNumState() { return getStateInit().size(); }
  }];
}

def SelfOpt_TrainOp : SelfOpt_Op<"train", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a training pipeline";
  let description = [{
    Trains `model` on the train split of `data`: `epochs` passes of floor(n / batch) steps. Without a schedule the
    learning rate is constant, without a sampler every epoch is a plain shuffle, without an augment examples are taken
    as they are.

    ```mlir
    selfopt.train @fit model(@net) loss(@cross_entropy) optimizer(@adam) schedule(@cosine) sampler(@uniform)
        data(@digits) hyper(lr = 1.0e-3, batch = 32, epochs = 20)
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$model, FlatSymbolRefAttr:$loss,
    FlatSymbolRefAttr:$optimizer, OptionalAttr<FlatSymbolRefAttr>:$schedule, OptionalAttr<FlatSymbolRefAttr>:$sampler,
    OptionalAttr<FlatSymbolRefAttr>:$augment,
    SymbolRefAttr:$data, F64Attr:$lr, I64Attr:$batch, I64Attr:$epochs);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def SelfOpt_PipelineOp : SelfOpt_Op<"pipeline", [Symbol]> {
  let summary = "what drives the functions of an instantiated training program";
  let description = [{
    Made by `--selfopt-instantiate` from a `selfopt.train @fit`: which data, how many parameters, the initial values of
    the optimizer's state, and the sizes of the loops. The functions are `@fit.initialize`, `@fit.objective`,
    `@fit.update`, `@fit.schedule`, `@fit.augment`, `@fit.sampler` (one that looks at its arguments), `@fit.step` and
    `@fit.score`. With `monitor(prediction(100.0) gradient(10000.0) weight(1000000.0) rate(1.0) loss(100.0))`, or
    some of these, a run ends where one leaves its bound, and `@fit.step` returns predictions, gradients and the learning rate
    behind its other results. Of a rate and a loss, which is that of each example, no negative one is within its bound.

    ```mlir
    selfopt.pipeline @fit data(@digits) parameters(4) state([0.0, 0.0]) lr(0.001) batch(32) epochs(20)
        score(128) metrics(["accuracy"])
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, SymbolRefAttr:$data, I64Attr:$parameters,
    DenseF64ArrayAttr:$state_init, F64Attr:$lr, I64Attr:$batch, I64Attr:$epochs, I64Attr:$score_batch,
    StrArrayAttr:$metrics, BoolAttr:$sampled, OptionalAttr<F64Attr>:$prediction_bound,
    OptionalAttr<F64Attr>:$gradient_bound, OptionalAttr<F64Attr>:$weight_bound,
    OptionalAttr<F64Attr>:$rate_bound, OptionalAttr<F64Attr>:$loss_bound);
  let hasCustomAssemblyFormat = 1;
}

def SelfOpt_ReturnOp : SelfOpt_Op<"return", [Pure, Terminator, ReturnLike]> {
  let summary = "ends a program";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
}

def SelfOpt_GradientOp : SelfOpt_Op<"gradient", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a function and the gradient of its first result";
  let description = [{
    Calls `callee` and differentiates its first result (a scalar, or a tensor of rank 0) by its first `count` operands.
    Results: the callee's results, then the gradients. `--selfopt-differentiate` replaces it.

    ```mlir
    %loss, %each, %gw, %gb = selfopt.gradient @objective(%w, %b, %x, %y) by 2 : (tensor<4x2xf32>, tensor<2xf32>, tensor<8x4xf32>, tensor<8xi32>) -> (tensor<f32>, tensor<8xf32>, tensor<4x2xf32>, tensor<2xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$operands, I64Attr:$count);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$callee `(` $operands `)` `by` $count attr-dict `:` functional-type($operands, results)";
  let hasVerifier = 1;
}

def SelfOpt_StopGradientOp : SelfOpt_Op<"stop_gradient", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the identity, whose cotangent is zero";
  let description = [{
    Marks a value that has no influence on the gradient, such as the shift of a softmax. `--selfopt-differentiate`
    replaces it.

    ```mlir
    %m = selfopt.stop_gradient %max : tensor<32xf32>
    ```
  }];
  let arguments = (ins AnyType:$input);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

#endif // SELFOPT_SELFOPT_OPS_TD
