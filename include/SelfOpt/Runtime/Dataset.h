//===- Dataset.h - examples in memory ---------------------------*- C++ -*-===//
//
// What a `selfopt.dataset` reads, as plain arrays: no IR here. Every value is checked against its declared domain while
// it is read, so that whatever a proof assumes about the inputs holds for all of them.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_RUNTIME_DATASET_H
#define SELFOPT_RUNTIME_DATASET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace selfopt {

struct DatasetSpec {
  enum class Format { Csv, Idx };

  Format format = Format::Csv;

  /// Csv: one file (features, then the label or the target, in the last columns) or two (features; label or target).
  /// Idx: two files (images, labels) or four (training images, training labels, test images, test labels).
  /// Plain or gzip, found as resolveDataFile says.
  std::vector<std::string> files;

  /// Shape of one example; its elements are the columns of a CSV row, or the pixels of an image, in row-major order.
  std::vector<int64_t> featureShape;
  double featureLow = 0, featureHigh = 0; // closed interval

  /// Either an integer label in [labelLow, labelHigh] (within 32 bits) ...
  bool hasLabel = false;
  int64_t labelLow = 0, labelHigh = 0;

  /// ... or a vector of `targetSize` numbers in [targetLow, targetHigh] (CSV only; 0: none).
  int64_t targetSize = 0;
  double targetLow = 0, targetHigh = 0;

  /// Fractions of the rows; they sum to 1 (within 1e-9). With four IDX files they divide the first pair, `test` is 0,
  /// and the second pair is the test split.
  double train = 1, validation = 0, test = 0;

  /// Which permutation of the rows the fractions are cut from.
  uint64_t seed = 0;

  /// At most this many rows, from the start of each file; 0: all.
  int64_t limit = 0;

  /// Folders where the files are looked for first, in this order.
  std::vector<std::string> searchPath;
};

/// Some of the examples, in the order of the split. Of labels and targets at most one is not empty.
struct Split {
  std::vector<float> features; // count x featureSize, row-major
  std::vector<int32_t> labels; // count
  std::vector<float> targets;  // count x targetSize, row-major
  int64_t count = 0;
  std::vector<int32_t> rows; // index of each example in its file, 0-based, headers and blank lines not counted
  std::string source;        // BLAKE3 of that file, decompressed: of the features, where the labels have another
};

struct Dataset {
  Split train, validation, test;
  /// By name; train, where it is neither of the others.
  const Split &split(llvm::StringRef name) const {
    return name == "validation" ? validation : name == "test" ? test : train;
  }
  int64_t featureSize = 0; // elements of one example's features
  int64_t targetSize = 0;  // elements of one example's target; 0 where it has a label or nothing

  /// BLAKE3 over the bytes of the files as they lie on the disk, each one behind its length (8 bytes, little endian).
  std::string digest;
};

/// Reads, checks and splits. A row belongs to exactly one split: with n rows permuted by Philox(seed, stream 1), the
/// first floor(train * n) train, those up to floor((train + validation) * n) validate, the rest test. A value rounds to
/// f32, so it may pass a bound that is no f32 number by half a unit in the last place.
///
/// Errors: a file that is not found; `path:row:column: expected ..., found ...` with 1-based line and field for a row
/// of a CSV file (or example and pixel for IDX); `path: expected ..., found ...` for a whole file; a split without rows
/// whose fraction is not 0; a spec that contradicts itself.
///
/// A CSV file is separated by commas, semicolons, tabs or runs of spaces, whichever gives the right number of columns.
/// Its first row is a header where it holds a field that is no number and either the wrong number of columns or at
/// least half of its fields are no numbers, or where it only says "rows,columns". Blank lines, a byte-order mark and
/// carriage returns are skipped.
llvm::Expected<std::shared_ptr<Dataset>> loadDataset(const DatasetSpec &spec);

/// A row of one split (where it is in its file) that another split has, too, of this dataset or another. Rows with the same
/// features are the same; of one file, which may hold a row twice, those at the same place are, and so of the files of one
/// dataset.
std::optional<int32_t> sharedRow(const Dataset &a, llvm::StringRef split, const Dataset &b, llvm::StringRef other);

/// The path of a data file: `name` itself where it is absolute; else the first that exists in a folder of `searchPath`,
/// of $SELFOPT_DATA_DIR (folders separated by colons), or of the data packages of Debian. The error lists where was
/// looked and names the package that carries the file, if there is one.
llvm::Expected<std::string> resolveDataFile(llvm::StringRef name, llvm::ArrayRef<std::string> searchPath);

/// Makes the data folder of a build tree (BIN/../data, for a tool in BIN) known to resolveDataFile, unless
/// $SELFOPT_DATA_DIR is set already.
void useDataBeside(const char *toolPath, void *toolMain);

} // namespace selfopt

#endif // SELFOPT_RUNTIME_DATASET_H
