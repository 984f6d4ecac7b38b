//===- EvolveOps.td - Search, mutations, lineage -----------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_EVOLVE_OPS_TD
#define SELFOPT_EVOLVE_OPS_TD

include "SelfOpt/Interfaces/Mutation.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"

def Evolve_Dialect : Dialect {
  let name = "evolve";
  let cppNamespace = "::selfopt::evolve";
  let summary = "the search, its mutations, and the lineage of what it found";
}

class Evolve_Op<string mnemonic, list<Trait> traits = []> : Op<Evolve_Dialect, mnemonic, traits>;

def Evolve_SearchOp : Evolve_Op<"search", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "what is searched, judged by what, within which budget";
  let description = [{
    Candidates are compared by the metric's mean over the validation split (over `repeats` training seeds), then by
    each minimised quantity in turn. The strategy is a row of the table in Strategies.h with its parameters, all of
    them, so that a spec's text says what runs. Candidate i is drawn from the results up to i - in_flight, so that the
    number of workers changes nothing.

    ```mlir
    evolve.search @search program(@fit) policy(@policy) seed(1)
        maximize(metric(@accuracy) on validation) minimize(parameters)
        strategy(aging population(64) tournament(8)) budget(candidates = 500)
        mutate(architecture(@net), pipeline(@fit, @adam), objective(@cross_entropy))
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$program, FlatSymbolRefAttr:$policy,
    I64Attr:$seed, FlatSymbolRefAttr:$metric, BoolAttr:$maximize, StrArrayAttr:$minimize,
    StrAttr:$strategy, DictionaryAttr:$settings, DefaultValuedAttr<ArrayAttr, "{}">:$axes, I64Attr:$candidates,
    DefaultValuedAttr<I64Attr, "8">:$in_flight, DefaultValuedAttr<I64Attr, "1">:$repeats,
    DefaultValuedStrAttr<StrAttr, "digest">:$reuse,
    FlatSymbolRefArrayAttr:$architecture, FlatSymbolRefArrayAttr:$pipeline, FlatSymbolRefArrayAttr:$objective);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// A parameter of the strategy, which the verifier has seen.
    int64_t getSetting(::llvm::StringRef name) {
      return ::mlir::cast<::mlir::IntegerAttr>(getSettings().get(name)).getInt();
    }
  }];
}

def Evolve_LineageOp : Evolve_Op<"lineage", [NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "the mutations that lead from a spec to this one, in order";
  let description = [{
    `from` is the canonical digest of the spec that the list starts at. `selfopt-run replay` applies the list again.

    ```mlir
    evolve.lineage from("5d1c...") {
      evolve.widen @net at(0) units(48)
    }
    ```
  }];
  let arguments = (ins StrAttr:$from);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`from` `(` $from `)` attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

//===--- Mutations ----------------------------------------------------------------------------------------------===//
// `at` counts the ops that the kind can change, in program order, from 0: dense layers for widen, narrow,
// insert_dense and remove_dense; activations for swap_activation; f32 constants for edit_constant; all ops for the other
// expression edits, the return as the last one for rewire_operand and insert_op. Values are numbered arguments first,
// then results in program order.

// Few kinds carry weights: with `Changing`, the child starts from scratch. How a kind is applied is defined in
// lib/Mutation, which attaches it to the op (see MutationModels.h): nothing of the dialect calls `applyTo`.
class Evolve_MutationOp<string mnemonic, list<Trait> traits = [], string claim = "Changing", string more = "">
    : Evolve_Op<mnemonic, !listconcat(traits, [MutationOpInterface])> {
  let extraClassDeclaration = "  static ::selfopt::MutationClaim getClaim() { return ::selfopt::MutationClaim::" # claim # "; }\n" #
    "  ::llvm::LogicalResult applyTo(::mlir::ModuleOp spec);\n" # more;
}

def Evolve_WidenOp : Evolve_MutationOp<"widen"> {
  let summary = "gives a dense layer more units";
  let description = [{
    The last dense layer is never widened: the loss fixes its size.

    ```mlir
    evolve.widen @net at(0) units(48)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$units);
  let assemblyFormat = "$target `at` `(` $place `)` `units` `(` $units `)` attr-dict";
}
def Evolve_NarrowOp : Evolve_MutationOp<"narrow"> {
  let summary = "gives a dense layer fewer units";
  let description = [{
    ```mlir
    evolve.narrow @net at(0) units(20)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$units);
  let assemblyFormat = "$target `at` `(` $place `)` `units` `(` $units `)` attr-dict";
}
def Evolve_InsertDenseOp : Evolve_MutationOp<"insert_dense"> {
  let summary = "puts a dense layer and an activation in front of a dense layer";
  let description = [{
    ```mlir
    evolve.insert_dense @net at(1) units(24) activation("relu")
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$units, StrAttr:$activation);
  let assemblyFormat = "$target `at` `(` $place `)` `units` `(` $units `)` `activation` `(` $activation `)` attr-dict";
}
def Evolve_RemoveDenseOp : Evolve_MutationOp<"remove_dense"> {
  let summary = "takes out a dense layer and the activation behind it";
  let description = [{
    ```mlir
    evolve.remove_dense @net at(0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place);
  let assemblyFormat = "$target `at` `(` $place `)` attr-dict";
}
def Evolve_SwapActivationOp : Evolve_MutationOp<"swap_activation"> {
  let summary = "exchanges an activation's kind";
  let description = [{
    ```mlir
    evolve.swap_activation @net at(0) to("gelu")
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, StrAttr:$to);
  let assemblyFormat = "$target `at` `(` $place `)` `to` `(` $to `)` attr-dict";
}
def Evolve_SetHyperOp : Evolve_MutationOp<"set_hyper"> {
  let summary = "sets a hyperparameter";
  let description = [{
    ```mlir
    evolve.set_hyper @fit "batch" to(64.0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, StrAttr:$hyper, F64Attr:$to);
  let assemblyFormat = "$target $hyper `to` `(` custom<Exact>($to) `)` attr-dict";
}
def Evolve_JitterHyperOp : Evolve_MutationOp<"jitter_hyper"> {
  let summary = "multiplies a hyperparameter by a factor; integers are rounded to the nearest, at least 1";
  let description = [{
    ```mlir
    evolve.jitter_hyper @fit "lr" by(1.25)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, StrAttr:$hyper, F64Attr:$by);
  let assemblyFormat = "$target $hyper `by` `(` custom<Exact>($by) `)` attr-dict";
}
def Evolve_EditConstantOp : Evolve_MutationOp<"edit_constant"> {
  let summary = "gives a float constant of an expression another value";
  let description = [{
    ```mlir
    evolve.edit_constant @adam at(0) to(0.95)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, F64Attr:$to);
  let assemblyFormat = "$target `at` `(` $place `)` `to` `(` custom<Exact>($to) `)` attr-dict";
}
def Evolve_ReplaceOpOp : Evolve_MutationOp<"replace_op"> {
  let summary = "exchanges an op of an expression for another with the same operand and result types";
  let description = [{
    ```mlir
    evolve.replace_op @adam at(4) by("arith.maximumf")
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, StrAttr:$by);
  let assemblyFormat = "$target `at` `(` $place `)` `by` `(` $by `)` attr-dict";
}
def Evolve_RewireOperandOp : Evolve_MutationOp<"rewire_operand"> {
  let summary = "gives an op of an expression another operand of the same type, defined before it";
  let description = [{
    ```mlir
    evolve.rewire_operand @adam at(4) operand(1) value(3)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$operand, I64Attr:$value);
  let assemblyFormat = "$target `at` `(` $place `)` `operand` `(` $operand `)` `value` `(` $value `)` attr-dict";
}
def Evolve_InsertOpOp : Evolve_MutationOp<"insert_op"> {
  let summary = "puts a new op on the way to an operand";
  let description = [{
    A unary op takes the operand; a binary one takes the operand and `value`, a value of the same type that is
    defined before the op.

    ```mlir
    evolve.insert_op @cosine at(3) operand(0) op("arith.mulf") value(0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$operand, StrAttr:$op,
    OptionalAttr<I64Attr>:$value);
  let assemblyFormat = [{
    $target `at` `(` $place `)` `operand` `(` $operand `)` `op` `(` $op `)` (`value` `(` $value^ `)`)? attr-dict
  }];
}
def Evolve_DropOpOp : Evolve_MutationOp<"drop_op"> {
  let summary = "takes out an op of an expression: its users take one of its operands";
  let description = [{
    ```mlir
    evolve.drop_op @adam at(4) keep(0)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$target, I64Attr:$place, I64Attr:$keep);
  let assemblyFormat = "$target `at` `(` $place `)` `keep` `(` $keep `)` attr-dict";
}

include "SelfOpt/Dialect/Evolve/MutationOps.td"

#endif // SELFOPT_EVOLVE_OPS_TD
