//===- File.h - whole files, NumPy arrays, safetensors ----------*- C++ -*-===//
//
// Every error names the path first: `path: expected ..., found ...`.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SUPPORT_FILE_H
#define SELFOPT_SUPPORT_FILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace selfopt {

/// What a file may hold at most when it is read whole: 4 GiB, and after decompression 512 MiB. A gzip file of a few MB can
/// name far more, and running out of memory would end the process rather than this one call.
inline constexpr uint64_t maximumFileBytes = uint64_t(4) << 30, maximumDecompressedBytes = uint64_t(512) << 20;

/// The bytes of the file as they lie on the disk.
llvm::Expected<std::string> readRawFile(llvm::StringRef path);

/// The bytes of the file, decompressed where it is gzip (by its first two bytes, whatever it is called; several
/// members in a row are one file).
llvm::Expected<std::string> readFile(llvm::StringRef path);

/// `raw` decompressed where it is gzip, else as it is; `path` is for errors only.
llvm::Expected<std::string> decompress(std::string raw, llvm::StringRef path);

/// Writes the file in one step: whoever opens `path` sees the old contents or the new ones, and after an error the old
/// ones are still there. (Temporary file beside it, fsync, rename, fsync of the folder.) Something that is no regular
/// file, like a pipe or /dev/stdout, is written to directly.
llvm::Error writeFileAtomically(llvm::StringRef path, llvm::StringRef bytes);

/// An array on the host: elements in row-major order, little endian, densely packed. Bool is one byte, 0 or 1.
struct Array {
  enum class Kind { F32, F64, I32, I64, Bool };

  Kind kind = Kind::F32;
  llvm::SmallVector<int64_t> shape; // empty for a scalar
  std::vector<char> bytes;          // elementBytes(kind) * elements()

  int64_t elements() const;
};

/// Bytes of one element: 4, 8, 4, 8, 1.
int64_t elementBytes(Array::Kind kind);

/// "f32", "f64", "i32", "i64", "bool".
llvm::StringRef kindName(Array::Kind kind);

/// Reads NumPy's format, versions 1 to 3, for <f4, <f8, <i4, <i8 and |b1 in C order. Anything else (another type, big
/// endian, Fortran order of two dimensions or more, bytes missing or left over) is an error.
llvm::Expected<Array> readNpy(llvm::StringRef path);

/// Writes NumPy's format, version 1, the bytes that `numpy.save` writes.
llvm::Error writeNpy(llvm::StringRef path, const Array &array);

/// One tensor of a safetensors file.
struct NamedArray {
  std::string name;
  Array array;
};

/// A safetensors file: an 8-byte length, a JSON header, the bytes of all tensors without gaps.
struct TensorFile {
  std::vector<NamedArray> tensors;                           // as they follow each other in the file
  std::vector<std::pair<std::string, std::string>> metadata; // the header's "__metadata__", sorted by key
  const Array *find(llvm::StringRef name) const;             // null where there is none
};

/// Reads tensors of the types F32, F64, I32, I64 and BOOL.
llvm::Expected<TensorFile> readSafetensors(llvm::StringRef path);
/// The same of bytes; errors speak of `path`.
llvm::Expected<TensorFile> decodeSafetensors(llvm::StringRef path, llvm::StringRef bytes);

/// The tensors in the order given; the same contents give the same bytes. Errors speak of `path`.
llvm::Expected<std::string> encodeSafetensors(llvm::StringRef path, const TensorFile &file);
llvm::Error writeSafetensors(llvm::StringRef path, const TensorFile &file);

} // namespace selfopt

#endif // SELFOPT_SUPPORT_FILE_H
