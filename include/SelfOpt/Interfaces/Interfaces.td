//===- Interfaces.td - The meanings of an op ---------------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_INTERFACES_TD
#define SELFOPT_INTERFACES_TD

include "mlir/IR/OpBase.td"

class SelfOptInterface<string name> : OpInterface<name> {
  let cppNamespace = "::selfopt";
}

def EvaluableOpInterface : SelfOptInterface<"EvaluableOpInterface"> {
  let description = [{
    What is the value? Asked by the reference interpreter, the oracle of every other engine. Clarity over speed.
  }];
  let methods = [
    InterfaceMethod<[{
      Computes the results from the operands' values. Called by `reference::Interpreter` with operands in order; sizes
      and kinds have been checked against the operand types. Ops with a region evaluate it through `interpreter`.
      A failure must have emitted an error on the op.
    }], "::llvm::LogicalResult", "evaluate",
    (ins "::selfopt::reference::Interpreter &":$interpreter,
         "::llvm::ArrayRef<::selfopt::reference::Tensor>":$operands,
         "::llvm::SmallVectorImpl<::selfopt::reference::Tensor> &":$results)>
  ];
}

def PullbackOpInterface : SelfOptInterface<"PullbackOpInterface"> {
  let description = [{
    Given the cotangents of the results, what are the cotangents of the operands? Asked by reverse-mode autodiff.
    Rules of elementwise ops are declared in `Autodiff/Pullbacks.td` and hold for scalars and ranked tensors alike.
  }];
  let methods = [
    InterfaceMethod<[{
      Creates, at the builder's insertion point (after the op), the cotangents of the operands, one entry per operand
      of the operand's type; a null entry says that the result does not depend differentiably on that operand.
      A null result cotangent stands for zero. Called by `--selfopt-differentiate` once per op, in reverse order.
      A failure must have emitted an error on the op.
    }], "::llvm::LogicalResult", "pullback",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$resultCotangents,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$operandCotangents)>
  ];
}

def RangeOpInterface : SelfOptInterface<"RangeOpInterface"> {
  let description = [{
    Given intervals that hold the operands, which intervals hold the results? Asked by the safety checks. Sound for
    f32 execution: bounds are rounded outward, NaN and infinity are tracked.
  }];
  let methods = [
    InterfaceMethod<[{
      One interval per result, which holds all its elements for every choice of operands inside `operands` (one
      interval per operand; a tensor has one interval for all its elements). Never fails: what is not known is
      `Interval::top()`.
    }], "void", "inferRanges",
    (ins "::llvm::ArrayRef<::selfopt::Interval>":$operands,
         "::llvm::SmallVectorImpl<::selfopt::Interval> &":$results)>
  ];
}

def BoundOpInterface : SelfOptInterface<"BoundOpInterface"> {
  let description = [{
    Given what bounds the operands as values of a program, which program computes what bounds the results? The range rule
    of the op as code: asked by `--selfopt-derive-bounds`, which makes of a model the program that bounds its scores over
    a ball of inputs. Bounds are tensors of f32 with one dimension of examples in front, element by element, rounded
    outward; where nothing is known they are NaN, and so is all that is computed from them.
  }];
  let methods = [
    InterfaceMethod<[{
      Appends the bounds of the results. `parameters` are those of a layer. Fails, without an error, where the op has no
      such rule: the caller names it.
    }], "::llvm::LogicalResult", "buildBounds",
    (ins "::selfopt::BoundBuilder &":$builder, "::llvm::ArrayRef<::selfopt::Bounds>":$operands,
         "::mlir::ValueRange":$parameters, "::llvm::SmallVectorImpl<::selfopt::Bounds> &":$results)>,
    InterfaceMethod<[{
      Whether the result is a linear function of the operands, up to its rounding: then nothing is lost by
      `buildRelaxation`.
    }], "bool", "isLinear", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{
      A bound from below of a linear form of the result by one of the operands (Zhang et al. 2018):

        sum_j coefficients_j result_j >= sum_x sum_i operandCoefficients[x]_i x_i + terms,  for all operands within bounds

      `coefficients` is [elements, forms, examples]. Appends one entry for each operand, null where the form does not
      depend on it, and any number of terms, [forms, examples]. Bounds of operands and result are what `buildBounds` made.
      Fails, without an error, where the op has no such rule: the caller takes the least value over the result's bounds.
    }], "::llvm::LogicalResult", "buildRelaxation",
    (ins "::selfopt::BoundBuilder &":$builder, "::llvm::ArrayRef<::selfopt::Bounds>":$operands,
         "::selfopt::Bounds":$result, "::mlir::ValueRange":$parameters, "::mlir::Value":$coefficients,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$operandCoefficients,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$terms), [{}], [{
      (void)builder; (void)operands; (void)result; (void)parameters; (void)coefficients; (void)operandCoefficients;
      (void)terms;
      return ::llvm::failure();
    }]>
  ];
}

def CostOpInterface : SelfOptInterface<"CostOpInterface"> {
  let description = [{
    FLOPs, bytes and parameters of one execution, as exact integers. Asked by the safety limits, the search and
    the report.
  }];
  let methods = [
    InterfaceMethod<[{
      The cost; nullopt when it leaves 64 bits or a shape is not static (callers fail closed).
    }], "::std::optional<::selfopt::Cost>", "getCost", (ins)>
  ];
}

def MutableOpInterface : SelfOptInterface<"MutableOpInterface"> {
  let description = [{
    Which attributes may change, within which type-correct choices? Asked by the mutation engine, which re-infers
    the types behind a change.
  }];
  let methods = [
    InterfaceMethod<[{
      Appends one entry per attribute that may change. The present value need not be among the choices.
    }], "void", "getAttributeChoices", (ins "::llvm::SmallVectorImpl<::selfopt::AttributeChoice> &":$choices)>
  ];
}

def LayerOpInterface : SelfOptInterface<"LayerOpInterface"> {
  let description = [{
    How does a per-example op become upstream ops over a batch with explicit parameters? Asked by
    `--selfopt-instantiate`.
  }];
  let methods = [
    InterfaceMethod<[{
      Appends the parameters that the op owns, in the order in which `instantiate` takes them. None by default.
    }], "void", "getParameters", (ins "::llvm::SmallVectorImpl<::selfopt::ParameterSpec> &":$parameters), [{}],
      [{ (void)parameters; }]>,
    InterfaceMethod<[{
      The name under which layers of one program share their parameters, which then are those of the first layer of
      that name; null for a layer with parameters of its own.
    }], "::mlir::StringAttr", "getSharedName", (ins), [{}], [{ return {}; }]>,
    InterfaceMethod<[{
      Creates the op's meaning for `batch` examples from `operands` (batched: one leading dimension of size `batch`)
      and `parameters`, and returns its batched results.
    }], "::llvm::FailureOr<::llvm::SmallVector<::mlir::Value>>", "instantiate",
    (ins "::mlir::OpBuilder &":$builder, "int64_t":$batch, "::mlir::ValueRange":$operands,
         "::mlir::ValueRange":$parameters)>
  ];
}

def StochasticLayerOpInterface : SelfOptInterface<"StochasticLayerOpInterface"> {
  let description = [{
    How does a layer act while training, where it draws random numbers? Asked by `--selfopt-instantiate` for the
    objective; everywhere else (scores, metrics, the interpreter) the layer is what its other meanings say. Such a layer
    also has the layer interface.
  }];
  let methods = [
    InterfaceMethod<[{
      Creates the op's meaning for a training step over `batch` examples. Random numbers come from `buildRandomTensor`
      with `seed` (tensor<i64>), `number` (the step's, tensor<f32>) and `stream`, which is this layer's own number.
    }], "::llvm::FailureOr<::llvm::SmallVector<::mlir::Value>>", "instantiateTraining",
    (ins "::mlir::OpBuilder &":$builder, "int64_t":$batch, "::mlir::ValueRange":$operands, "::mlir::Value":$seed,
         "::mlir::Value":$number, "int64_t":$stream)>
  ];
}

def ProgramOpInterface : SelfOptInterface<"ProgramOpInterface"> {
  let description = [{
    A symbol with one single-block region that ends in `selfopt.return`: a model, loss, metric, optimizer, schedule
    or sampler. Asked by every engine that walks programs.
  }];
  let methods = [
    InterfaceMethod<"The block of the program.", "::mlir::Block &", "getProgramBlock", (ins), [{}],
      [{ return $_op->getRegion(0).front(); }]>,
    InterfaceMethod<"The types that the program returns.", "::llvm::SmallVector<::mlir::Type>", "getProgramResultTypes",
      (ins)>
  ];
}

#endif // SELFOPT_INTERFACES_TD
