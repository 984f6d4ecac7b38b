//===- LinalgEvaluate.cpp - Values of linalg, for the reference interpreter -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every structured op, named or generic, is a body run once per point of an iteration space, with operand elements
// found by affine maps. So one model serves all of them.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Reference/Register.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

namespace {

/// Where the element of an operand lies that a point of the iteration space reads or writes.
class Access {
public:
  Access(AffineMap map, ArrayRef<int64_t> shape) : map(map), shape(shape), strides(map.getNumDims(), 0) {
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return;
    linear = true;
    int64_t stride = 1;
    for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
      if (auto dim = dyn_cast<AffineDimExpr>(map.getResult(d)))
        strides[dim.getPosition()] = stride;
      stride *= shape[d];
    }
  }
  /// -1 where the map leaves the tensor.
  int64_t offset(ArrayRef<int64_t> point) const {
    int64_t r = 0;
    if (linear) {
      for (size_t d = 0; d < point.size(); ++d)
        r += strides[d] * point[d];
      return r;
    }
    SmallVector<int64_t> position = map.compose(point);
    for (auto [p, size] : llvm::zip(position, shape)) {
      if (p < 0 || p >= size)
        return -1;
      r = r * size + p;
    }
    return r;
  }

private:
  AffineMap map;
  ArrayRef<int64_t> shape;
  SmallVector<int64_t> strides;
  bool linear = false;
};

void load(Tensor &scalar, const Tensor &from, int64_t offset) {
  if (from.isFloat)
    scalar.floats[0] = from.floats[offset];
  else
    scalar.integers[0] = from.integers[offset];
}
void store(Tensor &to, int64_t offset, const Tensor &scalar) {
  if (to.isFloat)
    to.floats[offset] = scalar.floats[0];
  else
    to.integers[offset] = scalar.integers[0];
}

LogicalResult evaluateStructured(linalg::LinalgOp op, Interpreter &interpreter, ArrayRef<Tensor> x,
                                 SmallVectorImpl<Tensor> &results) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> sizes;
  for (const Tensor &operand : x)
    llvm::append_range(sizes, operand.shape);
  AffineMap toLoops = op.getShapesToLoopsMap();
  if (!toLoops)
    return op->emitOpError("has indexing maps from which the iteration space can't be found");
  SmallVector<int64_t> extents = toLoops.compose(sizes);
  // A space that reaches past an operand is an error of the caller: its shapes are dynamic and disagree.
  for (auto [map, operand] : llvm::zip(maps, x))
    for (auto [result, size] : llvm::zip(map.getResults(), operand.shape))
      if (auto dim = dyn_cast<AffineDimExpr>(result); dim && extents[dim.getPosition()] != size)
        return op->emitOpError("has operands whose shapes disagree: expected a dimension of ")
               << extents[dim.getPosition()] << ", found " << size;

  unsigned inputs = op.getNumDpsInputs(), outputs = op.getNumDpsInits();
  results.append(x.begin() + inputs, x.end());
  if (llvm::is_contained(extents, 0))
    return success();
  SmallVector<Access> accesses;
  SmallVector<Tensor> elements, yielded;
  for (auto [map, operand] : llvm::zip(maps, x)) {
    accesses.emplace_back(map, operand.shape);
    elements.push_back(operand.isFloat ? Tensor::scalar(0) : Tensor::scalarInt(0));
  }
  Block &body = *op.getBlock();
  // linalg.map has no argument for its output in some versions.
  ArrayRef<Tensor> arguments = ArrayRef<Tensor>(elements).take_front(body.getNumArguments());
  SmallVector<int64_t> point(extents.size(), 0), offsets(x.size());
  interpreter.pushIteration(point);
  LogicalResult status = success();
  while (true) {
    for (unsigned i = 0; i < x.size(); ++i) {
      offsets[i] = accesses[i].offset(point);
      if (offsets[i] < 0) {
        status = op->emitOpError("reads or writes outside of operand ") << i;
        break;
      }
      load(elements[i], i < inputs ? x[i] : results[i - inputs], offsets[i]);
    }
    if (failed(status) || failed(status = interpreter.runBlock(body, arguments, yielded)))
      break;
    for (unsigned i = 0; i < outputs; ++i)
      store(results[i], offsets[inputs + i], yielded[i]);
    int64_t d = int64_t(point.size()) - 1;
    for (; d >= 0 && ++point[d] == extents[d]; --d)
      point[d] = 0;
    if (d < 0)
      break;
  }
  interpreter.popIteration();
  return status;
}

template <typename OpT> struct StructuredModel : EvaluableOpInterface::ExternalModel<StructuredModel<OpT>, OpT> {
  LogicalResult evaluate(Operation *op, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    return evaluateStructured(cast<linalg::LinalgOp>(op), interpreter, x, results);
  }
};

struct IndexModel : EvaluableOpInterface::ExternalModel<IndexModel, linalg::IndexOp> {
  LogicalResult evaluate(Operation *op, Interpreter &interpreter, ArrayRef<Tensor>,
                         SmallVectorImpl<Tensor> &results) const {
    uint64_t dim = cast<linalg::IndexOp>(op).getDim();
    ArrayRef<int64_t> point = interpreter.getIteration();
    if (dim >= point.size())
      return op->emitOpError("is outside of a structured op");
    results.push_back(Tensor::scalarInt(point[dim]));
    return success();
  }
};

template <typename... Ops> void attach(MLIRContext &context) {
  (Ops::template attachInterface<StructuredModel<Ops>>(context), ...);
}

} // namespace

void selfopt::registerLinalgEvaluate(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    using namespace linalg;
    attach<GenericOp, FillOp, CopyOp, MapOp, ReduceOp, TransposeOp, BroadcastOp, ElementwiseOp, ContractOp, MatmulOp,
           BatchMatmulOp, MatvecOp, VecmatOp, DotOp, BatchMatvecOp, BatchVecmatOp, AddOp, SubOp, MulOp, DivOp, MaxOp,
           MinOp, ExpOp, LogOp, AbsOp, NegFOp, SqrtOp, RsqrtOp, SquareOp, TanhOp, ErfOp, PowFOp, ReciprocalOp, SelectOp,
           CeilOp, FloorOp, RoundOp, Conv1DOp, Conv2DOp, Conv2DNhwcHwcfOp, PoolingNhwcSumOp, PoolingNhwcMaxOp>(
        *context);
    IndexOp::attachInterface<IndexModel>(*context);
  });
}
