//===- BodyEmitter.h - The scalar body of a generic, at any loop depth -----*- C++ -*-===//
//
// A generic's body is a list of scalar ops over block arguments. Each value depends on some of the loop dimensions: a
// bias on the column, a row's maximum on the row, a learning rate on none. `BodyEmitter::evaluate(scope)` emits every
// op whose dimensions are all known in `scope` and that no enclosing scope has emitted, so each op lands in the
// outermost loop where it can be: pow(beta, step) of an optimiser is computed once, 1 / sum of a row once per row.
//
// One dimension may be the vector dimension. A value that depends on it is a vector in a scope with lanes > 1; all
// others stay scalars, broadcast where a vector op needs them.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_CODEGEN_BODYEMITTER_H
#define SELFOPT_LIB_CODEGEN_BODYEMITTER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

namespace selfopt::codegen {

/// A set of loop dimensions, bit d for dimension d.
using DimSet = uint32_t;

/// The iteration space that the bodies of a kernel share. Adjacent dimensions that every operand walks together are
/// one.
struct Space {
  llvm::SmallVector<mlir::Value> sizes; // index
  llvm::SmallVector<mlir::utils::IteratorType> kinds;
  std::optional<unsigned> vectorDim;
  DimSet all() const { return (DimSet(1) << sizes.size()) - 1; }
};

/// How a body reads or writes one operand: element = base + sum of index(dims[i]) * strides[i].
struct Access {
  mlir::Value flat;   // rank-1 view of the memref; null for a scalar operand or a local
  mlir::Value scalar; // value of a scalar operand
  llvm::SmallVector<unsigned> dims;
  llvm::SmallVector<mlir::Value> strides; // null means 1
  mlir::Type element;                     // type of the block argument: i1 also where memory holds i8
  DimSet dimSet() const;
  bool isContiguousIn(unsigned dim) const { return !dims.empty() && dims.back() == dim; }
};

/// A loop depth. Points to at most two enclosing scopes (row and column scope of a register tile).
struct Scope {
  llvm::SmallVector<const Scope *, 2> outer;
  DimSet dims = 0;
  llvm::SmallVector<std::pair<unsigned, mlir::Value>, 2> indices; // those that this scope adds
  unsigned lanes = 1;
  mlir::Value mask; // null: all lanes are on
  llvm::DenseMap<mlir::Value, mlir::Value> values, splats;

  Scope() = default;
  /// A scope in `parent` that knows one more index.
  Scope(const Scope &parent, unsigned dim, mlir::Value index, unsigned lanes, mlir::Value mask)
      : outer{&parent}, dims(parent.dims | DimSet(1) << dim), indices{{dim, index}}, lanes(lanes), mask(mask) {}
  /// The meeting of two scopes, such as a row and a column.
  Scope(const Scope &row, const Scope &column)
      : outer{&row, &column}, dims(row.dims | column.dims), lanes(std::max(row.lanes, column.lanes)),
        mask(row.mask ? row.mask : column.mask) {}
  mlir::Value lookup(mlir::Value v) const;
  mlir::Value index(unsigned dim) const;
};

class BodyEmitter {
public:
  /// `dimOf[d]` is the dimension of `space` that loop d of the generic became. Accesses are in operand order.
  BodyEmitter(mlir::OpBuilder &b, mlir::linalg::GenericOp op, const Space &space, llvm::ArrayRef<unsigned> dimOf,
              llvm::ArrayRef<Access> accesses);

  /// Ops that the caller computes itself (the combiner of a reduction).
  void skip(mlir::Operation *op) { skipped.insert(op); }
  /// Gives a block argument its value in `scope`; it is taken to depend on all of `dims`.
  void setDims(mlir::Value v, DimSet dims);
  /// Emits loads and ops, see above.
  void evaluate(Scope &scope);
  /// A body value as a vector of the scope's lanes (or as a scalar if the scope has one lane).
  mlir::Value wide(Scope &scope, mlir::Value v);
  /// Writes `value` to output `number`.
  void store(Scope &scope, unsigned number, mlir::Value value);
  /// Reads the present content of output `number`.
  mlir::Value loadOutput(Scope &scope, unsigned number);

  mlir::linalg::GenericOp generic() const { return op; }
  llvm::ArrayRef<Access> accesses() const { return operands; }
  DimSet dimsOf(mlir::Value v) const { return dims.lookup(v); }

private:
  mlir::Value load(Scope &scope, const Access &access);
  /// Element number, and the distance between lanes for an access that is not contiguous.
  std::pair<mlir::Value, mlir::Value> address(Scope &scope, const Access &access);
  mlir::Value laneOffsets(Scope &scope, mlir::Value stride);
  void emitOp(Scope &scope, mlir::Operation &inner);
  bool isVector(const Scope &scope, DimSet set) const {
    return scope.lanes > 1 && space.vectorDim && (set >> *space.vectorDim & 1);
  }

  mlir::OpBuilder &b;
  mlir::linalg::GenericOp op;
  const Space &space;
  llvm::SmallVector<unsigned> dimOf;
  llvm::SmallVector<Access> operands;
  llvm::DenseMap<mlir::Value, DimSet> dims;
  llvm::DenseSet<mlir::Operation *> skipped;
};

} // namespace selfopt::codegen

#endif // SELFOPT_LIB_CODEGEN_BODYEMITTER_H
