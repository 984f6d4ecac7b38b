//===- ProofSearch.h - Evidence for proofs, and refutations - -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_PROOFSEARCH_H
#define SELFOPT_SAFETY_PROOFSEARCH_H

namespace selfopt {

/// From now on, evidence for what a policy requires is looked for where none is given; and what can't be proved is tried
/// on adversarial inputs, so that it may be violated and not only unknown. `registerAllDialects` says it. A checker does
/// without: it only verifies the evidence that a certificate has.
void enableProofSearch();

} // namespace selfopt
#endif // SELFOPT_SAFETY_PROOFSEARCH_H
