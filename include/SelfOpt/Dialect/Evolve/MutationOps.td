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
  let assemblyFormat = "$target `at` `(` $place `)` `scale` `(` $scale `)` attr-dict";
}
def Evolve_InsertDropoutOp : Evolve_MutationOp<"insert_dropout"> {
  let summary = "puts dropout in front of a dense layer";
  let description = [{
    ```mlir
    evolve.insert_dropout @net at(1) rate(0.1)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, F64Attr:$rate);
  let assemblyFormat = "$target `at` `(` $place `)` `rate` `(` $rate `)` attr-dict";
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
  let assemblyFormat = "$target `at` `(` $place `)` `to` `(` $to `)` attr-dict";
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
  let assemblyFormat = "$target `by` `(` $by `)` attr-dict";
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
  let assemblyFormat = "$target `at` `(` $place `)` `by` `(` $by `)` attr-dict";
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
  let assemblyFormat = "$target `by` `(` $by `)` attr-dict";
}

#endif // SELFOPT_EVOLVE_MUTATION_OPS_TD
