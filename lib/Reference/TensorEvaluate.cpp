//===- TensorEvaluate.cpp - Values of tensor, for the reference interpreter -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Reference/Register.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

namespace {

/// A model is a function of the op and its operands' values that makes the one result, or reports an error.
template <typename OpT, FailureOr<Tensor> (*fn)(OpT, ArrayRef<Tensor>)>
struct Model : EvaluableOpInterface::ExternalModel<Model<OpT, fn>, OpT> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    FailureOr<Tensor> y = fn(cast<OpT>(op), x);
    if (failed(y))
      return failure();
    results.push_back(std::move(*y));
    return success();
  }
};

bool isFloat(Type type) { return isa<FloatType>(getElementTypeOrSelf(type)); }

void copyElement(Tensor &to, int64_t i, const Tensor &from, int64_t j) {
  if (to.isFloat)
    to.floats[i] = from.floats[j];
  else
    to.integers[i] = from.integers[j];
}

/// A type's shape with its dynamic sizes filled in from index operands, in order.
FailureOr<SmallVector<int64_t>> shapeOf(Operation *op, RankedTensorType type, ArrayRef<Tensor> dynamic) {
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size)) {
      size = dynamic.front().integers[0];
      dynamic = dynamic.drop_front();
      if (size < 0)
        return op->emitOpError("has a negative size");
    }
  return shape;
}

/// The row-major position of an element, or an error.
FailureOr<int64_t> position(Operation *op, const Tensor &t, ArrayRef<Tensor> indices) {
  int64_t r = 0;
  for (auto [size, index] : llvm::zip(t.shape, indices)) {
    int64_t i = index.integers[0];
    if (i < 0 || i >= size)
      return op->emitOpError("has an index outside of the tensor: expected less than ") << size << ", found " << i;
    r = r * size + i;
  }
  return r;
}

FailureOr<Tensor> empty(tensor::EmptyOp op, ArrayRef<Tensor> x) {
  auto shape = shapeOf(op, op.getType(), x);
  if (failed(shape))
    return failure();
  // Any value would do; zeros make runs repeatable.
  return Tensor::zeros(*shape, isFloat(op.getType()));
}

FailureOr<Tensor> extract(tensor::ExtractOp op, ArrayRef<Tensor> x) {
  auto at = position(op, x[0], x.drop_front());
  if (failed(at))
    return failure();
  return x[0].isFloat ? Tensor::scalar(x[0].floats[*at]) : Tensor::scalarInt(x[0].integers[*at]);
}

FailureOr<Tensor> insert(tensor::InsertOp op, ArrayRef<Tensor> x) {
  auto at = position(op, x[1], x.drop_front(2));
  if (failed(at))
    return failure();
  Tensor y = x[1];
  copyElement(y, *at, x[0], 0);
  return y;
}

FailureOr<Tensor> fromElements(tensor::FromElementsOp op, ArrayRef<Tensor> x) {
  Tensor y = Tensor::zeros(op.getType().getShape(), isFloat(op.getType()));
  for (auto [i, element] : llvm::enumerate(x))
    copyElement(y, i, element, 0);
  return y;
}

FailureOr<Tensor> splat(tensor::SplatOp op, ArrayRef<Tensor> x) {
  auto shape = shapeOf(op, op.getType(), x.drop_front());
  if (failed(shape))
    return failure();
  Tensor y = Tensor::zeros(*shape, isFloat(op.getType()));
  for (int64_t i = 0, n = y.size(); i < n; ++i)
    copyElement(y, i, x[0], 0);
  return y;
}

FailureOr<Tensor> castTo(tensor::CastOp op, ArrayRef<Tensor> x) {
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (type && type.getRank() == int64_t(x[0].shape.size()))
    for (auto [expected, found] : llvm::zip(type.getShape(), x[0].shape))
      if (!ShapedType::isDynamic(expected) && expected != found)
        return op->emitOpError("casts to a shape that the value doesn't have: expected a dimension of ")
               << expected << ", found " << found;
  return x[0];
}

FailureOr<Tensor> dim(tensor::DimOp op, ArrayRef<Tensor> x) {
  int64_t i = x[1].integers[0];
  if (i < 0 || i >= int64_t(x[0].shape.size()))
    return op->emitOpError("asks for dimension ") << i << " of a tensor of rank " << x[0].shape.size();
  return Tensor::scalarInt(x[0].shape[i]);
}

FailureOr<Tensor> collapse(tensor::CollapseShapeOp op, ArrayRef<Tensor> x) {
  Tensor y = x[0];
  y.shape.clear();
  for (const auto &group : op.getReassociationIndices()) {
    int64_t size = 1;
    for (int64_t d : group)
      size *= x[0].shape[d];
    y.shape.push_back(size);
  }
  return y;
}

FailureOr<Tensor> expand(tensor::ExpandShapeOp op, ArrayRef<Tensor> x) {
  auto shape = shapeOf(op, op.getResultType(), x.drop_front());
  if (failed(shape))
    return failure();
  Tensor y = x[0];
  y.shape.assign(shape->begin(), shape->end());
  if (y.size() != x[0].size())
    return op->emitOpError("changes the number of elements from ") << x[0].size() << " to " << y.size();
  return y;
}

/// Offsets, sizes and strides of a slice, dynamic ones from the operands.
struct Slice {
  SmallVector<int64_t> offsets, sizes, strides;
};
template <typename OpT> FailureOr<Slice> sliceOf(OpT op, ArrayRef<Tensor> x, const Tensor &whole) {
  auto read = [&](ArrayRef<OpFoldResult> mixed, unsigned &next) {
    SmallVector<int64_t> r;
    for (OpFoldResult v : mixed) {
      if (auto attr = dyn_cast<Attribute>(v))
        r.push_back(cast<IntegerAttr>(attr).getInt());
      else
        r.push_back(x[next++].integers[0]);
    }
    return r;
  };
  unsigned next = op.getOffsetSizeAndStrideStartOperandIndex();
  Slice s;
  s.offsets = read(op.getMixedOffsets(), next);
  s.sizes = read(op.getMixedSizes(), next);
  s.strides = read(op.getMixedStrides(), next);
  for (size_t d = 0; d < s.offsets.size(); ++d) {
    int64_t last = s.offsets[d] + (s.sizes[d] - 1) * s.strides[d];
    if (s.sizes[d] < 0 || s.offsets[d] < 0 ||
        (s.sizes[d] > 0 && (s.offsets[d] >= whole.shape[d] || last < 0 || last >= whole.shape[d])))
      return op->emitOpError("has a slice that leaves the tensor in dimension ") << d;
  }
  return s;
}
/// Calls `visit(i, j)` for the i-th element of a slice, which is the j-th of the whole.
template <typename Fn> void forSlice(const Slice &s, ArrayRef<int64_t> whole, Fn visit) {
  int64_t n = 1;
  for (int64_t size : s.sizes)
    n *= size;
  for (int64_t i = 0; i < n; ++i) {
    int64_t rest = i, j = 0, stride = 1;
    for (int64_t d = int64_t(whole.size()) - 1; d >= 0; --d) {
      j += (s.offsets[d] + rest % s.sizes[d] * s.strides[d]) * stride;
      rest /= s.sizes[d];
      stride *= whole[d];
    }
    visit(i, j);
  }
}

FailureOr<Tensor> extractSlice(tensor::ExtractSliceOp op, ArrayRef<Tensor> x) {
  auto s = sliceOf(op, x, x[0]);
  if (failed(s))
    return failure();
  // Unit dimensions may be dropped from the result.
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<int64_t> shape;
  for (auto [d, size] : llvm::enumerate(s->sizes))
    if (!dropped.test(d))
      shape.push_back(size);
  Tensor y = Tensor::zeros(shape, x[0].isFloat);
  forSlice(*s, x[0].shape, [&](int64_t i, int64_t j) { copyElement(y, i, x[0], j); });
  return y;
}

FailureOr<Tensor> insertSlice(tensor::InsertSliceOp op, ArrayRef<Tensor> x) {
  auto s = sliceOf(op, x, x[1]);
  if (failed(s))
    return failure();
  int64_t n = 1;
  for (int64_t size : s->sizes)
    n *= size;
  if (n != x[0].size())
    return op->emitOpError("inserts ") << x[0].size() << " elements into a slice of " << n;
  Tensor y = x[1];
  forSlice(*s, x[1].shape, [&](int64_t i, int64_t j) { copyElement(y, j, x[0], i); });
  return y;
}

FailureOr<Tensor> concat(tensor::ConcatOp op, ArrayRef<Tensor> x) {
  uint64_t dim = op.getDim();
  SmallVector<int64_t> shape(x[0].shape);
  shape[dim] = 0;
  for (const Tensor &t : x)
    shape[dim] += t.shape[dim];
  Tensor y = Tensor::zeros(shape, x[0].isFloat);
  Slice s;
  s.offsets.assign(shape.size(), 0);
  s.strides.assign(shape.size(), 1);
  for (const Tensor &t : x) {
    s.sizes.assign(t.shape.begin(), t.shape.end());
    forSlice(s, shape, [&](int64_t i, int64_t j) { copyElement(y, j, t, i); });
    s.offsets[dim] += t.shape[dim];
  }
  return y;
}

struct PadModel : EvaluableOpInterface::ExternalModel<PadModel, tensor::PadOp> {
  LogicalResult evaluate(Operation *operation, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    auto op = cast<tensor::PadOp>(operation);
    ArrayRef<Tensor> rest = x.drop_front();
    auto read = [&](ArrayRef<int64_t> sizes) {
      SmallVector<int64_t> r(sizes);
      for (int64_t &size : r)
        if (ShapedType::isDynamic(size)) {
          size = rest.front().integers[0];
          rest = rest.drop_front();
        }
      return r;
    };
    SmallVector<int64_t> low = read(op.getStaticLow()), high = read(op.getStaticHigh()), shape(x[0].shape);
    for (size_t d = 0; d < shape.size(); ++d) {
      if (low[d] < 0 || high[d] < 0)
        return op.emitOpError("has a negative padding");
      shape[d] += low[d] + high[d];
    }
    Tensor y = Tensor::zeros(shape, x[0].isFloat);
    // The body computes an element of the padding from its position; the inside is overwritten below.
    SmallVector<Tensor> point(shape.size(), Tensor::scalarInt(0)), yielded;
    for (int64_t i = 0, n = y.size(); i < n; ++i) {
      int64_t at = i;
      for (int64_t d = int64_t(shape.size()) - 1; d >= 0; --d) {
        point[d].integers[0] = at % shape[d];
        at /= shape[d];
      }
      if (failed(interpreter.runBlock(op.getRegion().front(), point, yielded)))
        return failure();
      copyElement(y, i, yielded[0], 0);
    }
    Slice inside;
    inside.offsets = low;
    inside.sizes.assign(x[0].shape.begin(), x[0].shape.end());
    inside.strides.assign(shape.size(), 1);
    forSlice(inside, shape, [&](int64_t i, int64_t j) { copyElement(y, j, x[0], i); });
    results.push_back(std::move(y));
    return success();
  }
};

template <typename OpT, FailureOr<Tensor> (*fn)(OpT, ArrayRef<Tensor>)> void attach(MLIRContext &context) {
  OpT::template attachInterface<Model<OpT, fn>>(context);
}

} // namespace

void selfopt::registerTensorEvaluate(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    attach<tensor::EmptyOp, empty>(*context);
    attach<tensor::ExtractOp, extract>(*context);
    attach<tensor::InsertOp, insert>(*context);
    attach<tensor::FromElementsOp, fromElements>(*context);
    attach<tensor::SplatOp, splat>(*context);
    attach<tensor::CastOp, castTo>(*context);
    attach<tensor::DimOp, dim>(*context);
    attach<tensor::CollapseShapeOp, collapse>(*context);
    attach<tensor::ExpandShapeOp, expand>(*context);
    attach<tensor::ExtractSliceOp, extractSlice>(*context);
    attach<tensor::InsertSliceOp, insertSlice>(*context);
    attach<tensor::ConcatOp, concat>(*context);
    tensor::PadOp::attachInterface<PadModel>(*context);
  });
}
