//===- NNOps.td - Tensor and layer ops of models, losses and metrics ---------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_NN_OPS_TD
#define SELFOPT_NN_OPS_TD

include "SelfOpt/Interfaces/Interfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::selfopt::nn";
  let summary = "tensor and layer ops, written per example";
  let description = [{
    Ops of models, losses and metrics. Every op speaks about one example: there is no batch dimension, shapes are
    static, elements are f32. A layer owns its parameters; `--selfopt-instantiate` adds the batch and makes them
    explicit. Elementwise arithmetic is upstream `arith` and `math`.
  }];
}

def NN_Activation : I32EnumAttr<"Activation", "elementwise nonlinearity", [
    I32EnumAttrCase<"Relu", 0, "relu">, I32EnumAttrCase<"Tanh", 1, "tanh">,
    I32EnumAttrCase<"Gelu", 2, "gelu">, I32EnumAttrCase<"Sigmoid", 3, "sigmoid">]> {
  let cppNamespace = "::selfopt::nn";
}
def NN_Init : I32EnumAttr<"Init", "initial values of a weight", [
    I32EnumAttrCase<"FanInUniform", 0, "fan_in_uniform">, I32EnumAttrCase<"GlorotUniform", 1, "glorot_uniform">,
    I32EnumAttrCase<"HeNormal", 2, "he_normal">, I32EnumAttrCase<"LecunNormal", 3, "lecun_normal">,
    I32EnumAttrCase<"Zeros", 4, "zeros">, I32EnumAttrCase<"Identity", 5, "identity">]> {
  let cppNamespace = "::selfopt::nn";
}
def NN_Reduction : I32EnumAttr<"Reduction", "how a vector becomes a scalar", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">]> {
  let cppNamespace = "::selfopt::nn";
}

def NN_Vector : 1DTensorOf<[F32]>;
def NN_Tensor : RankedTensorOf<[F32]>;

class NN_Op<string mnemonic, list<Trait> traits = []> : Op<NN_Dialect, mnemonic, !listconcat(traits, [Pure,
    DeclareOpInterfaceMethods<EvaluableOpInterface>, DeclareOpInterfaceMethods<RangeOpInterface>,
    DeclareOpInterfaceMethods<CostOpInterface>])> {
  let hasVerifier = 1;
  let hasCustomAssemblyFormat = 1;
}

/// Its rule of ranges as a program, too.
defvar NN_Bounds = DeclareOpInterfaceMethods<BoundOpInterface>;
/// And its relaxation to linear functions.
defvar NN_Relaxation = DeclareOpInterfaceMethods<BoundOpInterface, ["buildRelaxation"]>;
/// Which loses nothing.
defvar NN_Linear = DeclareOpInterfaceMethods<BoundOpInterface, ["buildRelaxation", "isLinear"]>;

def NN_DenseOp : NN_Op<"dense", [NN_Linear, DeclareOpInterfaceMethods<LayerOpInterface, ["getParameters", "getSharedName"]>,
    DeclareOpInterfaceMethods<MutableOpInterface>, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "fully connected layer";
  let description = [{
    `y = x W + b` with `x : n`, `W : n x units`, `b : units`, both trained. The bias starts at zero, the weight as
    `init` says. Left out, it is `fan_in_uniform`: uniform within 1 / sqrt(n), PyTorch's default. `identity` is one where
    row and column are the same and zero elsewhere. Layers with the same `param` have the same W and b.

    ```mlir
    %h = nn.dense %x units(32) init(he_normal) : tensor<32xf32>
    %g = nn.dense %h units(32) param("core") : tensor<32xf32>
    ```
  }];
  let arguments = (ins NN_Vector:$input, I64Attr:$units, DefaultValuedAttr<NN_Init, "Init::FanInUniform">:$init,
    OptionalAttr<StrAttr>:$param);
  let results = (outs NN_Vector:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input, "int64_t":$units, "Init":$init), [{
    build($_builder, $_state, result, input, units, init, /*param=*/{});
  }]>];
  let extraClassDeclaration = [{
    /// Whether the parameters of the two layers have the same shapes and start alike, so that they may be the same.
    bool sharesWith(DenseOp other);
  }];
}

def NN_ActivationOp : NN_Op<"activation", [NN_Relaxation, DeclareOpInterfaceMethods<LayerOpInterface>,
    DeclareOpInterfaceMethods<MutableOpInterface>, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "elementwise nonlinearity";
  let description = [{
    `relu`: max(x, 0). `tanh`. `gelu`: x Phi(x) with the exact error function (Hendrycks and Gimpel 2016).
    `sigmoid`: 1 / (1 + exp(-x)).

    ```mlir
    %a = nn.activation relu %h : tensor<32xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$kind, NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
}

class NN_RowOp<string mnemonic> : NN_Op<mnemonic, [NN_Bounds, DeclareOpInterfaceMethods<LayerOpInterface>,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let arguments = (ins NN_Vector:$input);
  let results = (outs NN_Vector:$result);
}
def NN_SoftmaxOp : NN_RowOp<"softmax"> {
  let summary = "exp(x) / sum(exp(x)), shifted by the maximum";
  let description = [{
    Never overflows: the maximum is subtracted first.

    ```mlir
    %p = nn.softmax %logits : tensor<10xf32>
    ```
  }];
}
def NN_LogSoftmaxOp : NN_RowOp<"log_softmax"> {
  let summary = "x - log(sum(exp(x))), shifted by the maximum";
  let description = [{
    ```mlir
    %lp = nn.log_softmax %logits : tensor<10xf32>
    ```
  }];
}

def NN_PickOp : NN_Op<"pick", [DeclareOpInterfaceMethods<LayerOpInterface>]> {
  let summary = "the element at an index";
  let description = [{
    The result is zero where the index is outside the vector; a label's domain is checked where the data is read.

    ```mlir
    %l = nn.pick %lp[%label] : f32
    ```
  }];
  let arguments = (ins NN_Vector:$input, I32:$index);
  let results = (outs F32:$result);
}

def NN_OneHotOp : NN_Op<"one_hot", [DeclareOpInterfaceMethods<LayerOpInterface>]> {
  let summary = "one at an index, zero elsewhere";
  let description = [{
    ```mlir
    %t = nn.one_hot %label : tensor<10xf32>
    ```
  }];
  let arguments = (ins I32:$index);
  let results = (outs NN_Vector:$result);
}

def NN_ArgmaxOp : NN_Op<"argmax", [DeclareOpInterfaceMethods<LayerOpInterface>]> {
  let summary = "the index of the largest element";
  let description = [{
    The first one where several are equal. A NaN is never the largest; where all are NaN the result is -1, which
    matches no label.

    ```mlir
    %best = nn.argmax %logits : i32
    ```
  }];
  let arguments = (ins NN_Vector:$input);
  let results = (outs I32:$result);
}

def NN_ReduceOp : NN_Op<"reduce", [NN_Bounds, DeclareOpInterfaceMethods<LayerOpInterface>,
    DeclareOpInterfaceMethods<MutableOpInterface>]> {
  let summary = "sum, mean or maximum of a vector";
  let description = [{
    ```mlir
    %m = nn.reduce mean %squares : f32
    ```
  }];
  let arguments = (ins NN_Reduction:$kind, NN_Vector:$input);
  let results = (outs F32:$result);
}

class NN_NormOp<string mnemonic> : NN_Op<mnemonic, [NN_Bounds, DeclareOpInterfaceMethods<LayerOpInterface, ["getParameters"]>,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let arguments = (ins NN_Vector:$input);
  let results = (outs NN_Vector:$result);
}
def NN_LayerNormOp : NN_NormOp<"layer_norm"> {
  let summary = "a vector shifted to mean 0 and scaled to variance 1, then by trained factors and offsets";
  let description = [{
    `y = (x - mean(x)) / sqrt(var(x) + 1e-5) * scale + offset` (Ba et al. 2016), `var` with divisor n; `scale` starts at
    one, `offset` at zero.

    ```mlir
    %n = nn.layer_norm %h : tensor<32xf32>
    ```
  }];
}
def NN_RmsNormOp : NN_NormOp<"rms_norm"> {
  let summary = "a vector scaled to a root mean square of 1, then by trained factors";
  let description = [{
    `y = x / sqrt(mean(x^2) + 1e-5) * scale` (Zhang and Sennrich 2019); `scale` starts at one.

    ```mlir
    %n = nn.rms_norm %h : tensor<32xf32>
    ```
  }];
}

def NN_ConcatOp : NN_Op<"concat", [NN_Linear, DeclareOpInterfaceMethods<LayerOpInterface>,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "vectors one behind the other";
  let description = [{
    ```mlir
    %c = nn.concat %a, %b : tensor<48xf32>
    ```
  }];
  let arguments = (ins Variadic<NN_Vector>:$inputs);
  let results = (outs NN_Vector:$result);
}

class NN_StochasticOp<string mnemonic> : NN_Op<mnemonic, [NN_Linear, DeclareOpInterfaceMethods<LayerOpInterface>,
    DeclareOpInterfaceMethods<StochasticLayerOpInterface>, DeclareOpInterfaceMethods<MutableOpInterface>,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let results = (outs NN_Tensor:$result);
}
def NN_NoiseOp : NN_StochasticOp<"noise"> {
  let summary = "adds normal noise while training";
  let description = [{
    Training: `x + scale * z`, with `z` standard normal, drawn anew for every element, example and step. Else the
    identity (Bishop 1995). The scale is in the units of the operand.

    ```mlir
    %n = nn.noise %x scale(0.5) : tensor<64xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, F64Attr:$scale);
}
def NN_DropoutOp : NN_StochasticOp<"dropout"> {
  let summary = "sets elements to zero at random while training";
  let description = [{
    Training: each element is zero with probability `rate`, drawn anew for every element, example and step, and
    `x / (1 - rate)` otherwise, so that the mean stays (Srivastava et al. 2014). Else the identity.

    ```mlir
    %d = nn.dropout %h rate(0.1) : tensor<32xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, F64Attr:$rate);
}

#endif // SELFOPT_NN_OPS_TD
