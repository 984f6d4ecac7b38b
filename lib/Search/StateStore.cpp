//===- StateStore.cpp - Paused and final trainings, by content -----------------------------  -===//
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

static constexpr llvm::StringLiteral stateFile = ".state", weightsFile = ".safetensors";

StateStore::StateStore(llvm::StringRef directory) {
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, "weights");
  folder = std::string(path);
}

std::string StateStore::pathOf(llvm::StringRef digest, llvm::StringRef extension) const {
  return (folder + "/" + digest + extension).str();
}

llvm::Error StateStore::makeFolder() const {
  if (std::error_code code = llvm::sys::fs::create_directories(folder))
    return llvm::createStringError(folder + ": could not make the folder: " + code.message());
  return llvm::Error::success();
}

/// The bytes of a file whose name is their digest.
static llvm::Expected<std::string> readNamed(const std::string &path, llvm::StringRef digest) {
  auto bytes = readRawFile(path);
  if (!bytes)
    return bytes.takeError();
  std::string found = digestHex(*bytes);
  if (found != digest)
    return llvm::createStringError(path + ": expected the bytes of that digest, found those of " + found);
  return std::move(*bytes);
}

llvm::Expected<std::string> StateStore::write(llvm::StringRef bytes) const {
  if (llvm::Error error = makeFolder())
    return std::move(error);
  std::string digest = digestHex(bytes);
  if (contains(digest))
    return digest;
  if (llvm::Error error = writeFileAtomically(pathOf(digest, stateFile), bytes))
    return std::move(error);
  return digest;
}

llvm::Expected<std::string> StateStore::read(llvm::StringRef digest) const {
  return readNamed(pathOf(digest, stateFile), digest);
}

bool StateStore::contains(llvm::StringRef digest) const { return llvm::sys::fs::exists(pathOf(digest, stateFile)); }
void StateStore::remove(llvm::StringRef digest) const { llvm::sys::fs::remove(pathOf(digest, stateFile)); }

llvm::Expected<std::string> StateStore::writeWeights(llvm::StringRef bytes) const {
  if (llvm::Error error = makeFolder())
    return std::move(error);
  std::string digest = digestHex(bytes);
  if (llvm::Error error = writeFileAtomically(pathOf(digest, weightsFile), bytes))
    return std::move(error);
  return digest;
}

llvm::Expected<std::string> StateStore::readWeights(llvm::StringRef digest) const {
  return readNamed(pathOf(digest, weightsFile), digest);
}

void StateStore::removeWeights(llvm::StringRef digest) const { llvm::sys::fs::remove(pathOf(digest, weightsFile)); }

void StateStore::sweep(Needed state, Needed weights) const {
  std::error_code code;
  std::vector<std::string> doomed;
  for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end && !code; it.increment(code)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    bool needed = name.consume_back(stateFile) ? state(name) : name.consume_back(weightsFile) && weights(name);
    if (!needed)
      doomed.push_back(it->path());
  }
  for (const std::string &path : doomed)
    llvm::sys::fs::remove(path);
}
