//===- StateStore.h - Paused trainings, by content ---------- -*- C++ -*- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// DIR/weights/DIGEST.state, where DIGEST is the BLAKE3 digest of the file's bytes. Workers write, the search removes
// what no candidate can continue from any more.
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
  /// Removes all files but the states that are needed: what a process left that was killed.
  void sweep(llvm::function_ref<bool(llvm::StringRef digest)> needed) const;

private:
  std::string pathOf(llvm::StringRef digest) const;
  std::string folder;
};

} // namespace selfopt
#endif // SELFOPT_LIB_SEARCH_STATESTORE_H
