//===- Certificate.h - What was checked of a candidate, to be checked again - -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A certificate names a spec and a candidate by their canonical digests, and holds what the policy said of the candidate
// and the chain of mutations that leads from the one to the other. It is no authority: whoever reads it makes all its
// checks again, and refuses it where it says more, or less, or something else (docs/Certificates.md).
//
// Its text has one canonical form. `parseCertificate` takes nothing else, and the certificate holds the BLAKE3 of that
// form, so that an edit of any byte is found before anything else is looked at.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_CERTIFICATE_H
#define SELFOPT_SAFETY_CERTIFICATE_H

#include "SelfOpt/Safety/Policy.h"
#include "llvm/Support/Error.h"

namespace selfopt {

/// One constraint of the policy, all as text.
struct CertifiedCheck {
  std::string constraint, verdict, engine;
  /// "proved": from the texts and the data alone; "measured": on trained weights; "assumed": see docs/Certificates.md.
  std::string status;
  std::string detail;
  llvm::json::Value evidence = nullptr;
};

/// One mutation, and the canonical digests of the spec that it was applied to and of what it made.
struct CertifiedStep {
  std::string mutation, claim, before, after;
};

struct Certificate {
  std::string spec, candidate; ///< Canonical digests.
  std::string program, policy; ///< Names of symbols.
  std::map<std::string, std::string> seals; ///< Symbol to digest, as the policy fixed them on the spec.
  std::vector<CertifiedStep> lineage;
  std::vector<CertifiedCheck> checks;
  int64_t arenaBytes = 0; ///< Of the candidate's plan. Assumed: whoever checks does not plan.
};

/// The canonical form, with its digest in it. An error where the evidence holds a number that JSON can't write.
llvm::Expected<std::string> printCertificate(const Certificate &certificate);

/// Reads the canonical form, nothing else, and compares the digest. Errors say what was expected and found.
llvm::Expected<Certificate> parseCertificate(llvm::StringRef text);

/// The digest in the certificate: BLAKE3 of the canonical form of all other fields.
llvm::Expected<std::string> digestOf(const Certificate &certificate);

/// What a certificate says of a result of the policy.
CertifiedCheck certifiedCheck(const CheckResult &result);

/// The text of one op of a lineage.
std::string mutationText(mlir::Operation *mutation);

/// The mutations that lead from `spec` to `candidate`: those of the candidate's lineage behind those of the spec's own.
/// An error where the lineage is another spec's.
llvm::Expected<std::vector<mlir::Operation *>> lineageBetween(mlir::ModuleOp spec, mlir::ModuleOp candidate);

/// Checks everything again: the certificate's own digest, the digests of spec and candidate, the policy as it is fixed on
/// the spec, every constraint on the candidate, and the lineage. All reasons against it, one line each; none: it holds.
/// Both modules are of one context and were verified. Reads the data that is sealed. What is required of trained weights
/// is checked for `weights`; without them it is a reason against the certificate.
std::vector<std::string> checkCertificate(mlir::ModuleOp spec, mlir::ModuleOp candidate, llvm::StringRef text,
                                          const TrainedWeights *weights = nullptr);

} // namespace selfopt
#endif // SELFOPT_SAFETY_CERTIFICATE_H
