//===- Digest.cpp - BLAKE3 digests as text --------------------------------===//

#include "SelfOpt/Support/Digest.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

using namespace selfopt;

Digester &Digester::add(llvm::StringRef bytes) {
  hasher.update(bytes);
  return *this;
}

Digester &Digester::add(uint64_t value) {
  char bytes[8];
  llvm::support::endian::write64le(bytes, value);
  hasher.update(llvm::StringRef(bytes, sizeof bytes));
  return *this;
}

Digester &Digester::addField(llvm::StringRef bytes) { return add(static_cast<uint64_t>(bytes.size())).add(bytes); }

std::string Digester::hex() { return llvm::toHex(hasher.final<>(), /*LowerCase=*/true); }

std::string selfopt::digestHex(llvm::StringRef bytes) { return Digester().add(bytes).hex(); }
