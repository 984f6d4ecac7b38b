//===- PlanOps.td - A launch list over an arena ------------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_PLAN_OPS_TD
#define SELFOPT_PLAN_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::selfopt::plan";
  let summary = "what stage S3 hands to the code generator and the runtime";
  let description = [{
    Internal: users write the other four. A plan.program is a list of launches over one arena, in sections that the
    runtime calls: `initialize`, `train`, `score`, or, for a plain function, `call`. Its kernels are `func.func`s on
    memrefs of dynamic sizes, with the digest of their text as `plan.digest`.
  }];
  let extraClassDeclaration = [{
    /// What the planner makes once per context and uses for every function: its frozen pattern sets.
    std::shared_ptr<void> planner;
  }];
}

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;
class Plan_RegionOp<string mnemonic, list<Trait> traits = []> : Plan_Op<mnemonic,
    !listconcat(traits, [NoTerminator, SingleBlock, NoRegionArguments])> {
  let regions = (region SizedRegion<1>:$body);
}

def Plan_ProgramOp : Plan_RegionOp<"program", [Symbol]> {
  let summary = "an executable: views into one arena, and launches over them";
  let description = [{
    ```mlir
    plan.program @fit arena(34816) { ... }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$arena, OptionalAttr<SymbolRefAttr>:$data);
  let assemblyFormat = "$sym_name `arena` `(` $arena `)` (`data` `(` $data^ `)`)? attr-dict-with-keyword $body";
}

def Plan_ViewOp : Plan_Op<"view", [Pure]> {
  let summary = "a buffer of the arena, by its offset in bytes";
  let description = [{
    ```mlir
    %0 = plan.view "x" at(0) : memref<32x64xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$offset);
  let results = (outs AnyStaticShapeMemRef:$result);
  let assemblyFormat = "$name `at` `(` $offset `)` attr-dict `:` type($result)";
}

def Plan_LiteralOp : Plan_Op<"literal", [Pure]> {
  let summary = "a buffer of the arena that holds a constant when the program is loaded";
  let arguments = (ins I64Attr:$offset, ElementsAttr:$value);
  let results = (outs AnyStaticShapeMemRef:$result);
  let assemblyFormat = "$value `at` `(` $offset `)` attr-dict `:` type($result)";
}

def Plan_SectionOp : Plan_RegionOp<"section"> {
  let summary = "launches that the runtime calls by name";
  let arguments = (ins StrAttr:$name);
  let assemblyFormat = "$name attr-dict-with-keyword $body";
}

def Plan_RepeatOp : Plan_RegionOp<"repeat"> {
  let summary = "a counted loop over epochs or batches";
  let description = [{
    ```mlir
    plan.repeat "epochs" times(20) { ... }
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$times);
  let assemblyFormat = "$name `times` `(` $times `)` attr-dict-with-keyword $body";
}

def Plan_LaunchOp : Plan_Op<"launch"> {
  let summary = "runs a kernel";
  let description = [{
    Operands in the order of the kernel's arguments: buffers, and constants that the kernel takes as scalars.

    ```mlir
    plan.launch @kernel_3f1a(%x, %w0, %b0, %h) : memref<32x64xf32>, memref<64x32xf32>, memref<32xf32>, memref<32x32xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$operands);
  let assemblyFormat = "$kernel `(` $operands `)` attr-dict `:` type($operands)";
}

def Plan_CopyOp : Plan_Op<"copy"> {
  let summary = "copies a buffer";
  let arguments = (ins AnyMemRef:$source, AnyMemRef:$target);
  let assemblyFormat = "$source `to` $target attr-dict `:` type($source) `,` type($target)";
}

def Plan_CopyRowsOp : Plan_Op<"copy_rows"> {
  let summary = "copies part of every row of a buffer to part of every row of another";
  let description = [{
    `rows` times `count` elements: row i goes from element `from + i * source_stride` of the source to element
    `to + i * target_stride` of the target.

    ```mlir
    plan.copy_rows 32 of 16 elements %a[0, 16] to %b[8, 24] : memref<32x16xf32>, memref<32x24xf32>
    ```
  }];
  let arguments = (ins I64Attr:$rows, I64Attr:$count, AnyMemRef:$source, I64Attr:$from, I64Attr:$source_stride,
    AnyMemRef:$target, I64Attr:$to, I64Attr:$target_stride);
  let assemblyFormat = [{
    $rows `of` $count `elements` $source `[` $from `,` $source_stride `]` `to` $target `[` $to `,` $target_stride `]`
    attr-dict `:` type($source) `,` type($target)
  }];
}

def Plan_FillOp : Plan_Op<"fill"> {
  let summary = "sets every f32 of a buffer";
  let arguments = (ins F64Attr:$value, AnyMemRef:$target);
  let assemblyFormat = "$value `,` $target attr-dict `:` type($target)";
}

def Plan_ClockOp : Plan_Op<"clock"> {
  let summary = "starts a step: counts it, from 1, and sets the fraction of training done";
  let arguments = (ins AnyMemRef:$number, AnyMemRef:$fraction, I64Attr:$steps);
  let assemblyFormat = "$number `,` $fraction `of` $steps attr-dict `:` type($number) `,` type($fraction)";
}

def Plan_ShuffleOp : Plan_Op<"shuffle"> {
  let summary = "draws an epoch's order: all rows, by Fisher and Yates";
  let arguments = (ins AnyMemRef:$order);
  let assemblyFormat = "$order attr-dict `:` type($order)";
}

def Plan_SampleOp : Plan_Op<"sample"> {
  let summary = "draws an epoch's order by weight, without replacement";
  let description = [{
    Before the epoch's first draw the rows' weights were computed from their losses and ages; after it every age grows
    by one, and the rows that will be drawn in this epoch start again from zero.
  }];
  let arguments = (ins AnyMemRef:$order, AnyMemRef:$weights, AnyMemRef:$age, AnyMemRef:$fraction, I64Attr:$drawn,
    I64Attr:$epochs);
  let assemblyFormat = [{
    $order `by` $weights `age` $age `fraction` $fraction `of` $epochs `drawn` $drawn attr-dict `:`
    type($order) `,` type($weights) `,` type($age) `,` type($fraction)
  }];
}

def Plan_RecordOp : Plan_Op<"record"> {
  let summary = "adds this step's loss to the epoch's; training stops at a loss that is not finite";
  let arguments = (ins AnyMemRef:$loss);
  let assemblyFormat = "$loss attr-dict `:` type($loss)";
}

def Plan_MonitorOp : Plan_Op<"monitor"> {
  let summary = "ends the training where a value leaves its bound";
  let description = [{
    Every f32 of the buffer must be at most so large in magnitude, and not below `from` where there is one; a NaN is not.

    ```mlir
    plan.monitor "gradient" within 1.0e4 %g : memref<2410xf32>
    plan.monitor "loss" within 100.0 from 0.0 %each : memref<32xf32>
    ```
  }];
  let arguments = (ins StrAttr:$what, F64Attr:$bound, OptionalAttr<F64Attr>:$from, AnyMemRef:$buffer);
  let assemblyFormat = "$what `within` $bound (`from` $from^)? $buffer attr-dict `:` type($buffer)";
}

def Plan_GatherOp : Plan_Op<"gather"> {
  let summary = "copies the rows of this batch from the dataset";
  let description = [{
    `source` is "features" or "answers". The rows are those of the training order, or with `slice` those from the
    slice's start on (the last row repeated behind the end) of the split that is scored.
  }];
  let arguments = (ins StrAttr:$source, AnyMemRef:$target, Optional<AnyMemRef>:$order);
  let assemblyFormat = "$source `to` $target (`order` $order^ `:` type($order))? attr-dict `:` type($target)";
}

def Plan_ScatterOp : Plan_Op<"scatter"> {
  let summary = "writes this batch's values back to the rows that it was drawn from";
  let arguments = (ins AnyMemRef:$source, AnyMemRef:$table, AnyMemRef:$order);
  let assemblyFormat = "$source `to` $table `order` $order attr-dict `:` type($source) `,` type($table) `,` type($order)";
}

#endif // SELFOPT_PLAN_OPS_TD
