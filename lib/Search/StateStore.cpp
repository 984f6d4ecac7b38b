//===- StateStore.cpp - Paused trainings, by content ---------------------------------------  -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StateStore.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace selfopt;

static constexpr llvm::StringLiteral extension = ".state";

StateStore::StateStore(llvm::StringRef directory) {
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, "weights");
  folder = std::string(path);
}

std::string StateStore::pathOf(llvm::StringRef digest) const { return (folder + "/" + digest + extension).str(); }

llvm::Expected<std::string> StateStore::write(llvm::StringRef bytes) const {
  if (std::error_code code = llvm::sys::fs::create_directories(folder))
    return llvm::createStringError(folder + ": could not make the folder: " + code.message());
  std::string digest = digestHex(bytes);
  if (contains(digest))
    return digest;
  if (llvm::Error error = writeFileAtomically(pathOf(digest), bytes))
    return std::move(error);
  return digest;
}

llvm::Expected<std::string> StateStore::read(llvm::StringRef digest) const {
  auto bytes = readRawFile(pathOf(digest));
  if (!bytes)
    return bytes.takeError();
  std::string found = digestHex(*bytes);
  if (found != digest)
    return llvm::createStringError(pathOf(digest) + ": expected the bytes of that digest, found those of " + found);
  return std::move(*bytes);
}

bool StateStore::contains(llvm::StringRef digest) const { return llvm::sys::fs::exists(pathOf(digest)); }
void StateStore::remove(llvm::StringRef digest) const { llvm::sys::fs::remove(pathOf(digest)); }

void StateStore::sweep(llvm::function_ref<bool(llvm::StringRef)> needed) const {
  std::error_code code;
  std::vector<std::string> doomed;
  for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end && !code; it.increment(code)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    if (!name.consume_back(extension) || !needed(name))
      doomed.push_back(it->path());
  }
  for (const std::string &path : doomed)
    llvm::sys::fs::remove(path);
}
