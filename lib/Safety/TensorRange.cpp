//===- TensorRange.cpp - Ranges of tensor -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One interval for all elements: moving elements changes nothing, mixing tensors joins.
//
//===----------------------------------------------------------------------===//

#include "RangeModel.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

namespace {

/// The join of the first `count` operands; of all where it is 0.
template <typename OpT, unsigned count> struct JoinModel : RangeOpInterface::ExternalModel<JoinModel<OpT, count>, OpT> {
  void inferRanges(Operation *op, ArrayRef<Interval> x, SmallVectorImpl<Interval> &results) const {
    if (count > 0)
      x = x.take_front(count);
    if (x.empty()) {
      results.push_back(rangeOfType(op->getResult(0).getType()));
      return;
    }
    Interval r = clean(x[0]);
    for (const Interval &other : x.drop_front())
      r = r.join(clean(other));
    results.push_back(r);
  }
};

struct DimModel : RangeOpInterface::ExternalModel<DimModel, tensor::DimOp> {
  void inferRanges(Operation *op, ArrayRef<Interval>, SmallVectorImpl<Interval> &results) const {
    auto dim = cast<tensor::DimOp>(op);
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    std::optional<int64_t> index = dim.getConstantIndex();
    if (type && index && *index >= 0 && *index < type.getRank() && !type.isDynamicDim(*index))
      results.push_back(Interval::point(double(type.getDimSize(*index))));
    else
      results.push_back(Interval::of(0, inf));
  }
};

struct PadModel : RangeOpInterface::ExternalModel<PadModel, tensor::PadOp> {
  void inferRanges(Operation *op, ArrayRef<Interval> x, SmallVectorImpl<Interval> &results) const {
    Block &body = op->getRegion(0).front();
    DenseMap<Value, Interval> ranges;
    SmallVector<Interval> indices(body.getNumArguments(), Interval::of(0, inf));
    (void)inferBlockRanges(body, indices, ranges);
    results.push_back(clean(x[0]).join(clean(lookupRange(ranges, body.getTerminator()->getOperand(0)))));
  }
};

} // namespace

void selfopt::registerTensorRange(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    using namespace tensor;
    // What an empty tensor holds is not defined.
    EmptyOp::attachInterface<TopModel<EmptyOp>>(*context);
    ExtractOp::attachInterface<JoinModel<ExtractOp, 1>>(*context);
    InsertOp::attachInterface<JoinModel<InsertOp, 2>>(*context);
    FromElementsOp::attachInterface<JoinModel<FromElementsOp, 0>>(*context);
    SplatOp::attachInterface<JoinModel<SplatOp, 1>>(*context);
    CastOp::attachInterface<JoinModel<CastOp, 1>>(*context);
    CollapseShapeOp::attachInterface<JoinModel<CollapseShapeOp, 1>>(*context);
    ExpandShapeOp::attachInterface<JoinModel<ExpandShapeOp, 1>>(*context);
    ExtractSliceOp::attachInterface<JoinModel<ExtractSliceOp, 1>>(*context);
    InsertSliceOp::attachInterface<JoinModel<InsertSliceOp, 2>>(*context);
    ConcatOp::attachInterface<JoinModel<ConcatOp, 0>>(*context);
    DimOp::attachInterface<DimModel>(*context);
    PadOp::attachInterface<PadModel>(*context);
  });
}
