//===- ObjectCache.h - Compiled kernels on disk ------------------*- C++ -*-===//
//
// Kernels that were compiled together share an object file, named by the hash of its content. One small index file per
// kernel, named by the hash of (kernel digest, target, lanes, compiler version), holds the name of the object. Every
// file starts with a magic number, the size and the BLAKE3 of what follows, and is renamed into place when complete:
// readers see a whole file or none, and a damaged one reads as absent.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_CODEGEN_OBJECTCACHE_H
#define SELFOPT_LIB_CODEGEN_OBJECTCACHE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <optional>
#include <string>

namespace selfopt::codegen {

class ObjectCache {
public:
  /// `salt` is whatever else the object code depends on. An empty directory name turns the cache off.
  ObjectCache(std::string directory, std::string salt) : directory(std::move(directory)), salt(std::move(salt)) {}

  /// Name of the object that holds the kernel.
  std::optional<std::string> findObject(llvm::StringRef digest) const;
  std::unique_ptr<llvm::MemoryBuffer> readObject(llvm::StringRef name) const;
  /// Failures (full or read-only disk) are silent: the next process compiles again.
  void write(llvm::ArrayRef<std::string> digests, llvm::StringRef object) const;

private:
  std::string indexPath(llvm::StringRef digest) const;
  std::string objectPath(llvm::StringRef name) const;
  std::string directory, salt;
};

} // namespace selfopt::codegen

#endif // SELFOPT_LIB_CODEGEN_OBJECTCACHE_H
