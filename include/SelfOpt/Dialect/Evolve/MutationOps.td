//===- MutationOps.td - Mutations beyond the first dozen ---------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
//
// Included by EvolveOps.td. `at` counts dense layers unless it says something else; "in front of a dense layer" is
// between it and its operand. `from` is the number of a value: arguments first, then results in program order.
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_EVOLVE_MUTATION_OPS_TD
#define SELFOPT_EVOLVE_MUTATION_OPS_TD

//===--- Layers that keep a shape -------------------------------------------------------------------------------===//

def Evolve_InsertNoiseOp : Evolve_MutationOp<"insert_noise"> {
  let summary = "adds normal noise in front of a dense layer, while training";
  let description = [{
    ```mlir
    evolve.insert_noise @net at(0) scale(0.5)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, F64Attr:$scale);
  let assemblyFormat = "$target `at` `(` $place `)` `scale` `(` custom<Exact>($scale) `)` attr-dict";
}
def Evolve_InsertDropoutOp : Evolve_MutationOp<"insert_dropout"> {
  let summary = "puts dropout in front of a dense layer";
  let description = [{
    ```mlir
    evolve.insert_dropout @net at(1) rate(0.1)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, F64Attr:$rate);
  let assemblyFormat = "$target `at` `(` $place `)` `rate` `(` custom<Exact>($rate) `)` attr-dict";
}
def Evolve_SetAmountOp : Evolve_MutationOp<"set_amount"> {
  let summary = "sets the scale of a noise layer or the rate of a dropout";
  let description = [{
    `at` counts the layers that draw random numbers.

    ```mlir
    evolve.set_amount @net at(0) to(0.2)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, F64Attr:$to);
  let assemblyFormat = "$target `at` `(` $place `)` `to` `(` custom<Exact>($to) `)` attr-dict";
}
def Evolve_DropLayerOp : Evolve_MutationOp<"drop_layer"> {
  let summary = "takes out a layer that keeps its operand's shape";
  let description = [{
    `at` counts the layers of one operand that keep its type: activations, normalisations, noise, dropout.

    ```mlir
    evolve.drop_layer @net at(0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place);
  let assemblyFormat = "$target `at` `(` $place `)` attr-dict";
}

//===--- Shapes of the graph ------------------------------------------------------------------------------------===//

def Evolve_InsertNormOp : Evolve_MutationOp<"insert_norm"> {
  let summary = "normalises in front of a dense layer";
  let description = [{
    `kind` is layer_norm or rms_norm.

    ```mlir
    evolve.insert_norm @net at(1) kind("rms_norm")
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, StrAttr:$kind);
  let assemblyFormat = "$target `at` `(` $place `)` `kind` `(` $kind `)` attr-dict";
}
def Evolve_DeepenOp : Evolve_MutationOp<"deepen", [], "Preserving"> {
  let summary = "puts a dense layer that starts as the identity in front of a dense layer";
  let description = [{
    Where the operand comes from a relu, a relu follows the new layer: it changes nothing there (Chen, Goodfellow and Shlens
    2016). Elsewhere the new layer is linear.

    ```mlir
    evolve.deepen @net at(1)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place);
  let assemblyFormat = "$target `at` `(` $place `)` attr-dict";
}
def Evolve_GrowOp : Evolve_MutationOp<"grow", [], "Preserving",
    "  void describeTransfer(::mlir::Operation *model, ::llvm::MutableArrayRef<::selfopt::ParameterTransfer> transfers);\n"> {
  let summary = "gives a dense layer more units, copies of those it has, and divides what reads them";
  let description = [{
    As `widen`, with weights that keep the function (Chen, Goodfellow and Shlens 2016). It applies where what the layer
    makes goes through elementwise ops that treat units alike into dense layers only.

    ```mlir
    evolve.grow @net at(0) units(48)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$units);
  let assemblyFormat = "$target `at` `(` $place `)` `units` `(` $units `)` attr-dict";
}
def Evolve_RepeatBlockOp : Evolve_MutationOp<"repeat_block"> {
  let summary = "repeats a hidden dense layer and the activation behind it";
  let description = [{
    The copy stands behind the block and has weights of its own.

    ```mlir
    evolve.repeat_block @net at(0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place);
  let assemblyFormat = "$target `at` `(` $place `)` attr-dict";
}
def Evolve_FactorDenseOp : Evolve_MutationOp<"factor_dense"> {
  let summary = "makes a dense layer the product of two, of a given rank";
  let description = [{
    n x m weights become n x rank and rank x m, without an activation between.

    ```mlir
    evolve.factor_dense @net at(0) rank(8)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$rank);
  let assemblyFormat = "$target `at` `(` $place `)` `rank` `(` $rank `)` attr-dict";
}
def Evolve_InsertSkipOp : Evolve_MutationOp<"insert_skip"> {
  let summary = "adds an earlier vector to the operand of a dense layer";
  let description = [{
    Where the sizes differ, the earlier vector goes through a dense layer of its own.

    ```mlir
    evolve.insert_skip @net at(2) from(1)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$from);
  let assemblyFormat = "$target `at` `(` $place `)` `from` `(` $from `)` attr-dict";
}
def Evolve_InsertZeroSkipOp : Evolve_MutationOp<"insert_zero_skip", [], "Preserving"> {
  let summary = "adds an earlier vector, through a dense layer that starts at zero, to the operand of a dense layer";
  let description = [{
    The gate is that layer: at first nothing passes.

    ```mlir
    evolve.insert_zero_skip @net at(2) from(1)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$from);
  let assemblyFormat = "$target `at` `(` $place `)` `from` `(` $from `)` attr-dict";
}
def Evolve_InsertBranchOp : Evolve_MutationOp<"insert_branch"> {
  let summary = "concatenates a new branch to the operand of a dense layer";
  let description = [{
    The branch is a dense layer and an activation on an earlier vector.

    ```mlir
    evolve.insert_branch @net at(1) from(0) units(8) activation("tanh")
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$from, I64Attr:$units, StrAttr:$activation);
  let assemblyFormat = "$target `at` `(` $place `)` `from` `(` $from `)` `units` `(` $units `)` `activation` `(` $activation `)` attr-dict";
}
def Evolve_InsertGateOp : Evolve_MutationOp<"insert_gate"> {
  let summary = "multiplies the operand of a dense layer by a gate made from it";
  let description = [{
    h becomes `h * sigmoid(W2 relu(W1 h))`, with `units` in the middle: squeeze and excite (Hu et al. 2018) for a vector.

    ```mlir
    evolve.insert_gate @net at(1) units(4)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$units);
  let assemblyFormat = "$target `at` `(` $place `)` `units` `(` $units `)` attr-dict";
}
def Evolve_DropMergeOp : Evolve_MutationOp<"drop_merge"> {
  let summary = "takes out a sum, product or concatenation of a model; its users take one of its operands";
  let description = [{
    `at` counts the ops of a model that make one vector of several: skip connections, gates, branches.

    ```mlir
    evolve.drop_merge @net at(0) keep(0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$keep);
  let assemblyFormat = "$target `at` `(` $place `)` `keep` `(` $keep `)` attr-dict";
}

def Evolve_ShareParametersOp : Evolve_MutationOp<"share_parameters"> {
  let summary = "gives a dense layer the parameters of an earlier one of the same sizes";
  let description = [{
    From there on the two have one weight and one bias. `with` counts dense layers too, and is less than `at`.

    ```mlir
    evolve.share_parameters @net at(2) with(1)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$with);
  let assemblyFormat = "$target `at` `(` $place `)` `with` `(` $with `)` attr-dict";
}
def Evolve_EndSharingOp : Evolve_MutationOp<"end_sharing"> {
  let summary = "gives a dense layer that shares parameters its own";
  let description = [{
    ```mlir
    evolve.end_sharing @net at(2)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place);
  let assemblyFormat = "$target `at` `(` $place `)` attr-dict";
}

//===--- The pipeline -------------------------------------------------------------------------------------------===//

def Evolve_AddDecayOp : Evolve_MutationOp<"add_decay"> {
  let summary = "adds weight decay to an update rule";
  let description = [{
    The new parameter becomes `w' - lr * by * w`, with `w` the old one: decay that is decoupled from the gradient
    (Loshchilov and Hutter 2019).

    ```mlir
    evolve.add_decay @adam by(0.01)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, F64Attr:$by);
  let assemblyFormat = "$target `by` `(` custom<Exact>($by) `)` attr-dict";
}

def Evolve_AddStateOp : Evolve_MutationOp<"add_state"> {
  let summary = "gives an update rule a new state: the running mean of what an operand reads";
  let description = [{
    The operand reads `s = beta * s + (1 - beta) * v` instead of v; s starts at 0. `at` counts all ops, the return as the last
    one.

    ```mlir
    evolve.add_state @sgd at(0) operand(1) beta(0.9)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$operand, F64Attr:$beta);
  let assemblyFormat = "$target `at` `(` $place `)` `operand` `(` $operand `)` `beta` `(` custom<Exact>($beta) `)` attr-dict";
}
def Evolve_UseProgramOp : Evolve_MutationOp<"use_program"> {
  let summary = "exchanges the body of a program for one of the library";
  let description = [{
    See `selfopt-opt --selfopt-list-programs`. The program keeps its name.

    ```mlir
    evolve.use_program @adam from("lion")
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, StrAttr:$from);
  let assemblyFormat = "$target `from` `(` $from `)` attr-dict";
}
def Evolve_SimplifyOp : Evolve_MutationOp<"simplify", [], "Equivalent"> {
  let summary = "writes a program in its folded form, without common and dead code";
  let description = [{
    The form before and the form after are run on generated inputs: the mutation applies where all results have the same
    bits.

    ```mlir
    evolve.simplify @adam
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target);
  let assemblyFormat = "$target attr-dict";
}

def Evolve_RepairOp : Evolve_MutationOp<"repair", [], "Repairing"> {
  let summary = "edits a program so that it is proved finite";
  let description = [{
    The claim is that the program was not proved finite with predictions of up to `domain`, and is after the edit; both are
    proved when it is applied. `stable_softmax`: the logarithm of a softmax becomes a log_softmax. `epsilon`: `amount` is
    added under a logarithm or a root, or to a divisor. `clamp`: the operand of an exponential is kept within `amount`.
    `at` counts what the kind could edit.

    ```mlir
    evolve.repair @loss kind("epsilon") at(0) amount(1.0e-06) domain(100.0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, StrAttr:$kind, I64Attr:$place, F64Attr:$amount, F64Attr:$domain);
  let assemblyFormat = [{
    $target `kind` `(` $kind `)` `at` `(` $place `)` `amount` `(` custom<Exact>($amount) `)`
    `domain` `(` custom<Exact>($domain) `)` attr-dict
  }];
}

//===--- Crossover ----------------------------------------------------------------------------------------------===//

def Evolve_GraftProgramOp : Evolve_MutationOp<"graft_program", [NoTerminator, SingleBlock]> {
  let summary = "gives a program the body of another parent's program of the same name";
  let description = [{
    The body stands in the op, so that a lineage replays without the other parent. `state` is that of an optimizer.

    ```mlir
    evolve.graft_program @constant {
    ^bb0(%t: f32):
      selfopt.return %t : f32
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, OptionalAttr<DenseF64ArrayAttr>:$state);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$target custom<InitialState>($state) attr-dict-with-keyword $body";
}
def Evolve_GraftLayersOp : Evolve_MutationOp<"graft_layers", [NoTerminator, SingleBlock]> {
  let summary = "puts the first layers of another parent's model in front of a dense layer";
  let description = [{
    The operand of the dense layer becomes what the body makes of the model's input. Sizes need not agree: the layer's
    weights follow its operand. What nothing reads any more is gone.

    ```mlir
    evolve.graft_layers @net at(1) {
    ^bb0(%x: tensor<4xf32>):
      %h = nn.dense %x units(6) : tensor<6xf32>
      selfopt.return %h : tensor<6xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$target `at` `(` $place `)` attr-dict-with-keyword $body";
}

//===--- The objective ------------------------------------------------------------------------------------------===//

def Evolve_SmoothLabelsOp : Evolve_MutationOp<"smooth_labels"> {
  let summary = "mixes what a loss picks by its label with the mean over all labels";
  let description = [{
    `at` counts the loss's `nn.pick`s. `pick(x, label)` becomes `(1 - by) pick(x, label) + by mean(x)`: label smoothing
    (Szegedy et al. 2016) where `x` are log-probabilities.

    ```mlir
    evolve.smooth_labels @cross_entropy at(0) by(0.1)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, F64Attr:$by);
  let assemblyFormat = "$target `at` `(` $place `)` `by` `(` custom<Exact>($by) `)` attr-dict";
}
def Evolve_TemperOp : Evolve_MutationOp<"temper"> {
  let summary = "multiplies a loss's prediction by a factor";
  let description = [{
    The inverse of a temperature, where the prediction is logits.

    ```mlir
    evolve.temper @cross_entropy by(0.5)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, F64Attr:$by);
  let assemblyFormat = "$target `by` `(` custom<Exact>($by) `)` attr-dict";
}

def Evolve_AddTermOp : Evolve_MutationOp<"add_term"> {
  let summary = "adds a weighted term to a loss";
  let description = [{
    `logit_decay`: the mean of the squared prediction. `confidence`: the sum of p log p with p the softmax of the prediction,
    which is smallest where all are equal (Pereyra et al. 2017).

    ```mlir
    evolve.add_term @cross_entropy kind("logit_decay") weight(0.001)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, StrAttr:$kind, F64Attr:$weight);
  let assemblyFormat = "$target `kind` `(` $kind `)` `weight` `(` custom<Exact>($weight) `)` attr-dict";
}

#endif // SELFOPT_EVOLVE_MUTATION_OPS_TD
