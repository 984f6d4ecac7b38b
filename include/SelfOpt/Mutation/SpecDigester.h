//===- SpecDigester.h - Digests and texts of many specs ------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_SPECDIGESTER_H
#define SELFOPT_MUTATION_SPECDIGESTER_H

#include "mlir/IR/BuiltinOps.h"
#include <memory>
#include <string>

namespace selfopt {

/// Canonical digests for many specs of one context: it remembers the symbols that it saw, of which a mutant has all but
/// one from its parent. Lives no longer than the context.
class SpecDigester {
public:
  SpecDigester();
  ~SpecDigester();
  std::string digest(mlir::ModuleOp spec);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// Takes out ops whose results nothing uses.
void dropDeadCode(mlir::Block &block);

/// The text of a spec as the tools print it. One that is known to be `verified` is not verified again for it.
std::string printSpec(mlir::ModuleOp spec, bool verified = false);

} // namespace selfopt
#endif // SELFOPT_MUTATION_SPECDIGESTER_H
