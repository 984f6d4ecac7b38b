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
#include "SelfOpt/Reference/Lanes.h"
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

  /// Whether each dimension moves the place by a stride of its own.
  bool isLinear() const { return linear; }
  int64_t stride(int64_t dim) const { return strides[dim]; }

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

/// Many points at once, where the body is elementwise: for each point of the dimensions that are summed over, in order,
/// all points of the others. False where it can't be done, or is not worth it.
FailureOr<bool> evaluateInLanes(linalg::LinalgOp op, Interpreter &interpreter, ArrayRef<Tensor> x,
                                ArrayRef<int64_t> extents, ArrayRef<Access> accesses,
                                SmallVectorImpl<Tensor> &results) {
  Block &body = *op.getBlock();
  if (body.getNumArguments() != x.size() || !hasLanes(body) ||
      !llvm::all_of(accesses, [](const Access &access) { return access.isLinear(); }))
    return false;
  SmallVector<int64_t> parallel, summed;
  unsigned inputs = op.getNumDpsInputs();
  for (auto [d, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
    (iterator == utils::IteratorType::parallel ? parallel : summed).push_back(int64_t(d));
  // Each lane writes a place of its own.
  for (const Access &output : accesses.drop_front(inputs))
    for (int64_t d = 0; d < int64_t(extents.size()); ++d)
      if ((output.stride(d) != 0) != llvm::is_contained(parallel, d) && extents[d] > 1)
        return false;
  auto count = [&](ArrayRef<int64_t> dims) {
    int64_t n = 1;
    for (int64_t d : dims)
      n *= extents[d];
    return n;
  };
  constexpr int64_t few = 32, most = 4096;
  int64_t points = count(parallel), sums = count(summed);
  if (points < few)
    return false;
  // Of the n-th point of some dimensions.
  auto offset = [&](const Access &access, ArrayRef<int64_t> dims, int64_t n) {
    int64_t at = 0;
    for (int64_t d : llvm::reverse(dims)) {
      at += access.stride(d) * (n % extents[d]);
      n /= extents[d];
    }
    return at;
  };
  std::optional<LaneRunner> runner;
  for (int64_t begin = 0, lanes = 0; begin < points; begin += lanes) {
    if (int64_t next = std::min(most, points - begin); next != lanes)
      runner.emplace(body, lanes = next);
    SmallVector<Tensor> columns, yielded;
    SmallVector<std::vector<int64_t>> places(x.size(), std::vector<int64_t>(lanes));
    for (auto [i, access] : llvm::enumerate(accesses)) {
      columns.push_back(Tensor::zeros({lanes}, x[i].isFloat));
      for (int64_t lane = 0; lane < lanes; ++lane)
        places[i][lane] = offset(access, parallel, begin + lane);
    }
    for (int64_t n = 0; n < sums; ++n) {
      auto each = [&](unsigned i, Tensor &tensor, auto move) {
        int64_t at = offset(accesses[i], summed, n);
        for (int64_t lane = 0; lane < lanes; ++lane)
          move(tensor, places[i][lane] + at, lane);
      };
      for (unsigned i = 0; i < x.size(); ++i) {
        const Tensor &from = i < inputs ? x[i] : results[i - inputs];
        each(i, columns[i], [&](Tensor &column, int64_t at, int64_t lane) {
          if (from.isFloat)
            column.floats[lane] = from.floats[at];
          else
            column.integers[lane] = from.integers[at];
        });
      }
      yielded.clear();
      if (failed(runner->run(columns, yielded, interpreter.getPrecision())))
        return failure();
      for (unsigned i = inputs; i < x.size(); ++i)
        each(i, results[i - inputs], [&](Tensor &to, int64_t at, int64_t lane) {
          if (to.isFloat)
            to.floats[at] = yielded[i - inputs].floats[lane];
          else
            to.integers[at] = yielded[i - inputs].integers[lane];
        });
    }
  }
  return true;
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
  auto done = evaluateInLanes(op, interpreter, x, extents, accesses, results);
  if (failed(done) || *done)
    return success(succeeded(done));
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
