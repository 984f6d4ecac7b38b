//===- IdxReader.cpp - the format of MNIST --------------------------------===//
//
// IDX: a big-endian magic number whose third byte is the element type (8: unsigned byte) and whose fourth is the number
// of dimensions, the dimensions as big-endian 32-bit numbers, the elements in row-major order.
//
//===----------------------------------------------------------------------===//

#include "DatasetReaders.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <array>

using namespace selfopt;
using namespace selfopt::detail;

static llvm::Error failure(llvm::StringRef path, const llvm::Twine &message) {
  return llvm::createStringError(path + ": " + message);
}

static std::string hex(uint32_t value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("0x%08x", value);
  return text;
}

/// Checks the magic number and the size; gives the dimensions. The data start behind them.
static llvm::Expected<std::vector<uint64_t>> readHeader(const Source &source, unsigned dimensions) {
  llvm::StringRef bytes = source.text;
  size_t start = 4 + 4 * size_t(dimensions);
  uint32_t expected = 0x00000800 | dimensions;
  const char *what = dimensions == 1 ? "labels" : "images";
  if (bytes.size() >= 4) {
    uint32_t magic = llvm::support::endian::read32be(bytes.data());
    if (magic != expected)
      return failure(source.path, llvm::Twine("expected IDX ") + what + " (magic number " + hex(expected) +
                                      "), found " + hex(magic));
  }
  if (bytes.size() < start)
    return failure(source.path, "expected an IDX header of " + llvm::Twine(start) + " bytes, found " +
                                    llvm::Twine(bytes.size()) + " bytes");
  std::vector<uint64_t> sizes;
  uint64_t count = 1;
  bool tooLarge = false;
  std::string shape;
  for (unsigned i = 0; i < dimensions; ++i) {
    sizes.push_back(llvm::support::endian::read32be(bytes.data() + 4 + 4 * i));
    tooLarge |= __builtin_mul_overflow(count, sizes.back(), &count);
    shape += (i ? " x " : "") + std::to_string(sizes.back());
  }
  if (tooLarge || bytes.size() - start != count)
    return failure(source.path,
                   "expected " + shape + " bytes of " + what + ", found " + llvm::Twine(bytes.size() - start));
  return sizes;
}

llvm::Expected<Table> detail::readIdx(const DatasetSpec &spec, int64_t featureSize, Source &images,
                                      const Source &labels) {
  llvm::Expected<std::vector<uint64_t>> imageSizes = readHeader(images, 3);
  if (!imageSizes)
    return imageSizes.takeError();
  llvm::Expected<std::vector<uint64_t>> labelSizes = readHeader(labels, 1);
  if (!labelSizes)
    return labelSizes.takeError();
  uint64_t rows = (*imageSizes)[0];
  if (rows != (*labelSizes)[0])
    return failure(labels.path, "expected " + llvm::Twine(rows) + " labels as there are images in " + images.path +
                                    ", found " + llvm::Twine((*labelSizes)[0]));
  uint64_t pixels = (*imageSizes)[1] * (*imageSizes)[2];
  if (pixels != static_cast<uint64_t>(featureSize))
    return failure(images.path, "expected images of " + llvm::Twine(featureSize) + " pixels, found " +
                                    llvm::Twine((*imageSizes)[1]) + " x " + llvm::Twine((*imageSizes)[2]));

  Table table;
  table.rows = static_cast<int64_t>(rows);
  if (spec.limit != 0)
    table.rows = std::min(table.rows, spec.limit);
  table.pixels = std::move(images.text);
  table.pixelOffset = 16;
  std::array<bool, 256> inside;
  for (int value = 0; value < 256; ++value)
    inside[value] = value >= spec.featureLow && value <= spec.featureHigh;
  for (size_t i = 0, end = static_cast<size_t>(table.rows) * pixels; i < end; ++i) {
    unsigned value = static_cast<uint8_t>(table.pixels[table.pixelOffset + i]);
    if (!inside[value])
      return failure(images.path + ":" + std::to_string(i / pixels + 1) + ":" + std::to_string(i % pixels + 1),
                     "expected a feature in " + interval(spec.featureLow, spec.featureHigh) + ", found '" +
                         llvm::Twine(value) + "'");
  }
  table.labels.reserve(static_cast<size_t>(table.rows));
  for (int64_t row = 0; row < table.rows; ++row) {
    int64_t label = static_cast<uint8_t>(labels.text[8 + static_cast<size_t>(row)]);
    if (label < spec.labelLow || label > spec.labelHigh)
      return failure(labels.path + ":" + std::to_string(row + 1) + ":1",
                     "expected an integer label in [" + llvm::Twine(spec.labelLow) + ", " +
                         llvm::Twine(spec.labelHigh) + "], found '" + llvm::Twine(label) + "'");
    table.labels.push_back(static_cast<int32_t>(label));
  }
  return table;
}
