//===- StateStore.h - Paused and final trainings, by content -- -*- C++ -*- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// DIR/weights/DIGEST.state and DIR/weights/DIGEST.safetensors, where DIGEST is the BLAKE3 digest of the file's bytes.
// States are of trainings that paused: workers write them, the search removes what no candidate can continue from any
// more. Weights are of the closing trainings: the search writes them, and removes those of an earlier end.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SEARCH_STATESTORE_H
#define SELFOPT_LIB_SEARCH_STATESTORE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace selfopt {

class StateStore {
public:
  explicit StateStore(llvm::StringRef directory);
  /// Gives the digest. The folder is made where it does not exist.
  llvm::Expected<std::string> write(llvm::StringRef bytes) const;
  /// Fails where there is no such file, and where its bytes are not those of the digest.
  llvm::Expected<std::string> read(llvm::StringRef digest) const;
  bool contains(llvm::StringRef digest) const;
  void remove(llvm::StringRef digest) const;

  /// Gives the digest. Writes over a file of that name, which somebody may have changed.
  llvm::Expected<std::string> writeWeights(llvm::StringRef bytes) const;
  llvm::Expected<std::string> readWeights(llvm::StringRef digest) const;
  void removeWeights(llvm::StringRef digest) const;

  /// Removes all files but those that are needed: what a process left that was killed.
  using Needed = llvm::function_ref<bool(llvm::StringRef digest)>;
  void sweep(Needed state, Needed weights) const;

private:
  llvm::Error makeFolder() const;
  std::string pathOf(llvm::StringRef digest, llvm::StringRef extension) const;
  std::string folder;
};

} // namespace selfopt
#endif // SELFOPT_LIB_SEARCH_STATESTORE_H
