//===- SafetyOps.td - The policy ---------------------------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_OPS_TD
#define SELFOPT_SAFETY_OPS_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"

def Safety_Dialect : Dialect {
  let name = "safety";
  let cppNamespace = "::selfopt::safety";
  let summary = "what a rewritten program may never do";
  let description = [{
    Every constraint is checked before a candidate runs and answers holds, violated with a witness, or unknown with a
    reason. Only holds runs.

    The module of a candidate may name its certificate, as `safety.certificate = "<64 hexadecimal digits>"`.
  }];
  let hasOperationAttrVerify = 1;
}

def Safety_Quantity : I32EnumAttr<"Quantity", "what a limit bounds", [
    I32EnumAttrCase<"Parameters", 0, "parameters">, I32EnumAttrCase<"FlopsPerExample", 1, "flops_per_example">,
    I32EnumAttrCase<"TrainFlops", 2, "train_flops">, I32EnumAttrCase<"Memory", 3, "memory">,
    I32EnumAttrCase<"Depth", 4, "depth">, I32EnumAttrCase<"StateBytes", 5, "state_bytes">,
    I32EnumAttrCase<"CodeBytes", 6, "code_bytes">]> {
  let cppNamespace = "::selfopt::safety";
}
def Safety_Property : I32EnumAttr<"Property", "what a requirement asks for", [
    I32EnumAttrCase<"Finite", 0, "finite">, I32EnumAttrCase<"Aligned", 1, "aligned">,
    I32EnumAttrCase<"NoFlow", 2, "no_flow">, I32EnumAttrCase<"Monotone", 3, "monotone">,
    I32EnumAttrCase<"BoundedBelow", 4, "bounded_below">, I32EnumAttrCase<"Proper", 5, "proper">,
    I32EnumAttrCase<"BoundedStep", 6, "bounded_step">, I32EnumAttrCase<"FiniteState", 7, "finite_state">,
    I32EnumAttrCase<"Robust", 8, "robust">, I32EnumAttrCase<"ClassAccuracy", 9, "class_accuracy">,
    I32EnumAttrCase<"CalibrationError", 10, "calibration_error">, I32EnumAttrCase<"Agreement", 11, "agreement">,
    I32EnumAttrCase<"PotentialBased", 12, "potential_based">]> {
  let cppNamespace = "::selfopt::safety";
}

class Safety_Op<string mnemonic, list<Trait> traits = []> : Op<Safety_Dialect, mnemonic, traits>;

def Safety_PolicyOp : Safety_Op<"policy", [Symbol, NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "the constraints that every candidate is held to";
  let description = [{
    ```mlir
    safety.policy @policy {
      safety.seal @digits, @accuracy, @policy
      safety.limit parameters <= 20000
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

class Safety_ConstraintOp<string mnemonic, list<Trait> traits = []> : Safety_Op<mnemonic,
    !listconcat(traits, [HasParent<"PolicyOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>])>;

def Safety_SealOp : Safety_ConstraintOp<"seal"> {
  let summary = "these symbols never change";
  let description = [{
    The BLAKE3 digest of each symbol, of all that it refers to, and of the bytes that a dataset reads, is fixed when
    the search starts and compared for every candidate.

    ```mlir
    safety.seal @digits, @accuracy, @policy, @search
    ```
  }];
  let arguments = (ins FlatSymbolRefArrayAttr:$symbols);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Safety_RangeOp : Safety_ConstraintOp<"range"> {
  let summary = "a hyperparameter stays inside a closed range";
  let description = [{
    ```mlir
    safety.range @fit "lr" in [1.0e-5, 1.0e-1]
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$program, StrAttr:$hyper, F64Attr:$low, F64Attr:$high);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Safety_LimitOp : Safety_ConstraintOp<"limit"> {
  let summary = "a cost stays at or below a bound";
  let description = [{
    `parameters`: trained scalars of the program's model. `flops_per_example`: FLOPs of the model for one example.
    `train_flops`: FLOPs of the whole training run, where a step counts three forward passes per example (forward,
    and the two products of backward). `depth`: trained layers that stand one behind another on the way to the
    prediction. `state_bytes`: what a training keeps from step to step. `memory`: bytes of the arena, to the byte.
    `code_bytes`: machine code of the kernels that it launches.

    ```mlir
    safety.limit train_flops <= 2.0e10
    ```
  }];
  let arguments = (ins Safety_Quantity:$quantity, I64Attr:$bound);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Safety_RequireOp : Safety_ConstraintOp<"require"> {
  let summary = "a property of a program that must be proved, or of a trained model that must hold";
  let description = [{
    What each property says, and which parameters it takes, stands in SelfOpt/Dialect/Safety/Properties.h and in
    docs/Safety.md. A parameter that is left out has its default, and is printed.

    ```mlir
    safety.require finite(@cross_entropy) domain(100.0)
    safety.require no_flow(@digits::test -> @fit)
    safety.require robust(@net on validation) radius(0.5) at_least(0.6)
    safety.require agreement(@net on @probe::test) at_least(0.9)
    ```
  }];
  let arguments = (ins Safety_Property:$property, SymbolRefAttr:$subject, OptionalAttr<FlatSymbolRefAttr>:$target,
                       OptionalAttr<StrAttr>:$split, OptionalAttr<FlatSymbolRefAttr>:$data,
                       DefaultValuedAttr<DenseF64ArrayAttr, "{}">:$parameters);
  let extraClassDeclaration = [{
    /// The value of a parameter of this property, which must have one of that name.
    double getParameter(::llvm::StringRef name);
    /// Whether the property has a parameter of that name.
    bool takes(::llvm::StringRef name);
    /// Whether it is asked of trained weights, and can't be decided from the text.
    bool needsWeights();
    /// What stands after `on`: `validation`, or `@probe::test`.
    std::string getOn();
  }];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // SELFOPT_SAFETY_OPS_TD
