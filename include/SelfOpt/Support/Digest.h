//===- Digest.h - BLAKE3 digests as text ------------------------*- C++ -*-===//
//
// Every digest that SelfOpt stores or prints is 32 bytes of BLAKE3 as 64 lower-case hexadecimal digits, so that it can
// be compared with what `b3sum` prints.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SUPPORT_DIGEST_H
#define SELFOPT_SUPPORT_DIGEST_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/BLAKE3.h"

#include <cstdint>
#include <string>

namespace selfopt {

/// A digest over a sequence of pieces.
class Digester {
public:
  /// Adds raw bytes. `add("ab")` and `add("a"), add("b")` give the same digest: use addField where that matters.
  Digester &add(llvm::StringRef bytes);

  /// Adds a little-endian integer, 8 bytes.
  Digester &add(uint64_t value);

  /// Adds the length (8 bytes) and then the bytes, so that the end of one field cannot pass for the start of the next.
  Digester &addField(llvm::StringRef bytes);

  /// The digest of all that was added so far; more may be added afterwards.
  std::string hex();

private:
  llvm::BLAKE3 hasher;
};

/// The digest of `bytes`: 64 hexadecimal digits.
std::string digestHex(llvm::StringRef bytes);

} // namespace selfopt

#endif // SELFOPT_SUPPORT_DIGEST_H
