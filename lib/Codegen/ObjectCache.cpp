//===- ObjectCache.cpp - Compiled kernels on disk ---------------------------===//
#include "ObjectCache.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace selfopt::codegen {

static constexpr StringLiteral kMagic = "SelfOpt1";
static constexpr size_t kHashSize = LLVM_BLAKE3_OUT_LEN;
static constexpr size_t kHeaderSize = kMagic.size() + sizeof(uint64_t) + kHashSize;

static std::string hashOf(StringRef text) {
  BLAKE3 hasher;
  hasher.update(text);
  auto result = hasher.final();
  return std::string(reinterpret_cast<const char *>(result.data()), result.size());
}

/// The payload of a framed file; null when it is missing or damaged.
static std::unique_ptr<MemoryBuffer> readFramed(const std::string &path) {
  // Not mapped: another process may replace or truncate the file.
  auto file = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false, /*IsVolatile=*/true);
  if (!file)
    return nullptr;
  StringRef bytes = (*file)->getBuffer();
  if (bytes.size() < kHeaderSize || !bytes.starts_with(kMagic))
    return nullptr;
  uint64_t size = support::endian::read64le(bytes.data() + kMagic.size());
  StringRef hash = bytes.substr(kMagic.size() + sizeof(uint64_t), kHashSize), payload = bytes.drop_front(kHeaderSize);
  if (payload.size() != size || hashOf(payload) != hash)
    return nullptr;
  return MemoryBuffer::getMemBufferCopy(payload, path);
}

static bool writeFramed(const std::string &path, StringRef payload) {
  SmallString<128> temporary;
  int fd;
  if (sys::fs::createUniqueFile(path + ".%%%%%%%%.tmp", fd, temporary))
    return false;
  raw_fd_ostream os(fd, /*shouldClose=*/true);
  char size[sizeof(uint64_t)];
  support::endian::write64le(size, payload.size());
  os << kMagic << StringRef(size, sizeof(size)) << hashOf(payload) << payload;
  os.close();
  bool written = !os.has_error();
  os.clear_error(); // a stream with a pending error aborts the process when destroyed
  if (written && !sys::fs::rename(temporary, path))
    return true;
  sys::fs::remove(temporary);
  return false;
}

std::string ObjectCache::indexPath(StringRef digest) const {
  SmallString<128> path(directory);
  sys::path::append(path, toHex(hashOf((digest + "\n" + salt).str()), /*LowerCase=*/true) + ".kernel");
  return std::string(path);
}

std::string ObjectCache::objectPath(StringRef name) const {
  SmallString<128> path(directory);
  sys::path::append(path, name + ".o");
  return std::string(path);
}

std::optional<std::string> ObjectCache::findObject(StringRef digest) const {
  if (directory.empty())
    return std::nullopt;
  std::unique_ptr<MemoryBuffer> index = readFramed(indexPath(digest));
  if (!index)
    return std::nullopt;
  // The index repeats the digest, so that a file under a wrong name is no hit.
  auto [owner, object] = index->getBuffer().split('\n');
  bool isHash = object.size() == 2 * kHashSize && all_of(object, isHexDigit);
  if (owner != digest || !isHash)
    return std::nullopt;
  return object.str();
}

std::unique_ptr<MemoryBuffer> ObjectCache::readObject(StringRef name) const {
  std::unique_ptr<MemoryBuffer> object = readFramed(objectPath(name));
  if (object && toHex(hashOf(object->getBuffer()), /*LowerCase=*/true) != name)
    return nullptr;
  return object;
}

void ObjectCache::write(ArrayRef<std::string> digests, StringRef object) const {
  if (directory.empty() || sys::fs::create_directories(directory))
    return;
  std::string name = toHex(hashOf(object), /*LowerCase=*/true);
  // The object first: an index must never name one that does not exist yet.
  if (!writeFramed(objectPath(name), object))
    return;
  for (const std::string &digest : digests)
    if (!writeFramed(indexPath(digest), (Twine(digest) + "\n" + name).str()))
      return;
}

} // namespace selfopt::codegen
