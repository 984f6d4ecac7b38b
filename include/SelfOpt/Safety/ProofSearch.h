//===- Witnesses.h - Refutations of what can't be proved ---- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_WITNESSES_H
#define SELFOPT_SAFETY_WITNESSES_H

namespace selfopt {

/// From now on, an update rule or a scoring rule that can't be proved is tried on adversarial inputs, so that it may be
/// violated and not only unknown. `registerAllDialects` says it; a checker, which needs to know what holds, does without.
void enableWitnesses();

} // namespace selfopt
#endif // SELFOPT_SAFETY_WITNESSES_H
