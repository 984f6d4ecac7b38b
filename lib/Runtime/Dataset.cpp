//===- Dataset.cpp - finding, reading and splitting data ------------------===//

#include "SelfOpt/Runtime/Dataset.h"

#include "DatasetReaders.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "SelfOpt/Support/Philox.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

using namespace selfopt;
using namespace selfopt::detail;

//===----------------------------------------------------------------------===//
// Finding files
//===----------------------------------------------------------------------===//

namespace {
struct DataPackage {
  const char *package, *folder;
  llvm::ArrayRef<llvm::StringLiteral> names;
};
} // namespace

static constexpr llvm::StringLiteral fashionNames[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                                       "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
static constexpr llvm::StringLiteral sklearnNames[] = {"digits.csv.gz",
                                                       "diabetes_data_raw.csv.gz",
                                                       "diabetes_target.csv.gz",
                                                       "iris.csv",
                                                       "breast_cancer.csv",
                                                       "wine_data.csv",
                                                       "boston_house_prices.csv",
                                                       "linnerud_exercise.csv",
                                                       "linnerud_physiological.csv"};

static llvm::ArrayRef<DataPackage> dataPackages() {
  static const DataPackage packages[] = {
      {"dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist", fashionNames},
      {"python3-sklearn", "/usr/lib/python3/dist-packages/sklearn/datasets/data", sklearnNames},
  };
  return packages;
}

llvm::Expected<std::string> selfopt::resolveDataFile(llvm::StringRef name, llvm::ArrayRef<std::string> searchPath) {
  if (name.empty())
    return llvm::createStringError("expected the name of a data file, found ''");
  std::vector<std::string> folders;
  if (llvm::sys::path::is_absolute(name)) {
    folders.push_back("");
  } else {
    folders.assign(searchPath.begin(), searchPath.end());
    if (const char *variable = std::getenv("SELFOPT_DATA_DIR")) {
      llvm::SmallVector<llvm::StringRef> extra;
      llvm::StringRef(variable).split(extra, ':', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
      for (llvm::StringRef folder : extra)
        folders.push_back(folder.str());
    }
    for (const DataPackage &package : dataPackages())
      folders.push_back(package.folder);
  }
  std::string looked;
  for (const std::string &folder : folders) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(path, name);
    if (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_directory(path))
      return std::string(path);
    looked += (looked.empty() ? "" : ", ") + std::string(path);
  }
  std::string message = (name + ": expected a data file, found none; looked for " + looked).str();
  for (const DataPackage &package : dataPackages())
    if (llvm::is_contained(package.names, llvm::sys::path::filename(name)))
      message += std::string("; Debian's package ") + package.package + " carries it (apt-get install " +
                 package.package + ")";
  return llvm::createStringError(message);
}

//===----------------------------------------------------------------------===//
// Checking the spec
//===----------------------------------------------------------------------===//

/// What contradicts itself; the files are not looked at yet.
static llvm::Expected<int64_t> checkSpec(const DatasetSpec &spec) {
  auto failure = [](const llvm::Twine &message) { return llvm::createStringError("dataset: " + message); };
  int64_t featureSize = 1;
  for (int64_t size : spec.featureShape)
    if (size <= 0 || __builtin_mul_overflow(featureSize, size, &featureSize) || featureSize > (int64_t(1) << 31))
      return failure("expected a feature shape of positive sizes with at most 2^31 elements, found " +
                     llvm::join(llvm::map_range(spec.featureShape, [](int64_t s) { return std::to_string(s); }), "x"));
  // Written so that a NaN fails too.
  if (!(spec.featureLow <= spec.featureHigh))
    return failure("expected a feature domain [low, high], found " + interval(spec.featureLow, spec.featureHigh));
  if (spec.hasLabel && spec.targetSize != 0)
    return failure("expected a label or a target, found both");
  if (spec.hasLabel && (spec.labelLow > spec.labelHigh || spec.labelLow < std::numeric_limits<int32_t>::min() ||
                        spec.labelHigh > std::numeric_limits<int32_t>::max()))
    return failure("expected a label domain [low, high] of 32-bit integers, found [" + llvm::Twine(spec.labelLow) +
                   ", " + llvm::Twine(spec.labelHigh) + "]");
  if (spec.targetSize < 0 || spec.targetSize > (int64_t(1) << 31))
    return failure("expected a target of 0 to 2^31 elements, found " + llvm::Twine(spec.targetSize));
  if (spec.targetSize != 0 && !(spec.targetLow <= spec.targetHigh))
    return failure("expected a target domain [low, high], found " + interval(spec.targetLow, spec.targetHigh));
  if (!(spec.train >= 0 && spec.validation >= 0 && spec.test >= 0 &&
        std::fabs(spec.train + spec.validation + spec.test - 1.0) <= 1e-9))
    return failure("expected split fractions that are not negative and sum to 1, found " + number(spec.train) + ", " +
                   number(spec.validation) + ", " + number(spec.test));
  if (spec.limit < 0)
    return failure("expected a limit of at least 0 rows, found " + llvm::Twine(spec.limit));
  size_t files = spec.files.size();
  if (spec.format == DatasetSpec::Format::Csv) {
    if (files != 1 && files != 2)
      return failure("expected 1 or 2 CSV files, found " + llvm::Twine(files));
    if (files == 2 && !spec.hasLabel && spec.targetSize == 0)
      return failure("expected a label or a target in the second CSV file, found neither declared");
  } else {
    if (files != 2 && files != 4)
      return failure("expected 2 or 4 IDX files, found " + llvm::Twine(files));
    if (!spec.hasLabel)
      return failure("expected a label with IDX files, found none declared");
    if (files == 4 && spec.test != 0)
      return failure("expected the test fraction 0 with a test pair of IDX files, found " + number(spec.test));
  }
  return featureSize;
}

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

static void take(const Table &table, llvm::ArrayRef<int32_t> rows, size_t featureSize, size_t targetSize,
                 Split &split) {
  split.count = static_cast<int64_t>(rows.size());
  split.rows.assign(rows.begin(), rows.end());
  split.features.resize(rows.size() * featureSize);
  float *out = split.features.data();
  for (int32_t row : rows) {
    size_t start = static_cast<size_t>(row) * featureSize;
    if (table.pixels.empty())
      out = std::copy_n(table.features.begin() + start, featureSize, out);
    else
      for (size_t i = 0; i < featureSize; ++i)
        *out++ = static_cast<uint8_t>(table.pixels[table.pixelOffset + start + i]);
    if (!table.labels.empty())
      split.labels.push_back(table.labels[row]);
    if (!table.targets.empty())
      split.targets.insert(split.targets.end(), table.targets.begin() + row * targetSize,
                           table.targets.begin() + (row + 1) * targetSize);
  }
}

static llvm::Error checkSplit(llvm::StringRef path, llvm::StringRef name, double fraction, const Split &split,
                              size_t rows) {
  if (fraction > 0 && split.count == 0)
    return llvm::createStringError(path + ": expected rows for the " + name + " split, found none in " +
                                   number(fraction) + " of " + llvm::Twine(rows));
  return llvm::Error::success();
}

llvm::Expected<std::shared_ptr<Dataset>> selfopt::loadDataset(const DatasetSpec &spec) {
  llvm::Expected<int64_t> featureSize = checkSpec(spec);
  if (!featureSize)
    return featureSize.takeError();

  auto dataset = std::make_shared<Dataset>();
  dataset->featureSize = *featureSize;
  dataset->targetSize = spec.targetSize;
  std::vector<Source> sources;
  Digester digester;
  for (const std::string &name : spec.files) {
    llvm::Expected<std::string> path = resolveDataFile(name, spec.searchPath);
    if (!path)
      return path.takeError();
    llvm::Expected<std::string> raw = readRawFile(*path);
    if (!raw)
      return raw.takeError();
    digester.addField(*raw);
    llvm::Expected<std::string> text = decompress(std::move(*raw), *path);
    if (!text)
      return text.takeError();
    sources.push_back({std::move(*path), std::move(*text)});
  }
  dataset->digest = digester.hex();
  dataset->train.source = dataset->validation.source = dataset->test.source = digestHex(sources[0].text);

  bool idx = spec.format == DatasetSpec::Format::Idx;
  llvm::Expected<Table> table =
      idx ? readIdx(spec, *featureSize, sources[0], sources[1]) : readCsv(spec, *featureSize, sources);
  if (!table)
    return table.takeError();
  if (table->rows == 0)
    return llvm::createStringError(sources[0].path + ": expected rows of data, found none");
  if (table->rows > std::numeric_limits<int32_t>::max())
    return llvm::createStringError(sources[0].path + ": expected at most 2^31 - 1 rows, found " +
                                   std::to_string(table->rows));

  size_t n = static_cast<size_t>(table->rows);
  std::vector<int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  Philox random(spec.seed, /*stream=*/1);
  shuffle(order, random);
  // The sum of two decimal fractions may fall short of a whole number by one rounding (0.7 + 0.1 of 10 rows is 8).
  auto place = [&](double fraction) {
    return std::min(n,
                    static_cast<size_t>(std::floor(fraction * static_cast<double>(n) + 1e-9 * static_cast<double>(n))));
  };
  size_t trainEnd = place(spec.train);
  size_t validationEnd = spec.test == 0 ? n : std::max(trainEnd, place(spec.train + spec.validation));
  if (spec.validation == 0 && spec.test == 0)
    trainEnd = n;
  llvm::ArrayRef<int32_t> rows(order);
  size_t targets = static_cast<size_t>(spec.targetSize);
  take(*table, rows.take_front(trainEnd), *featureSize, targets, dataset->train);
  take(*table, rows.slice(trainEnd, validationEnd - trainEnd), *featureSize, targets, dataset->validation);
  take(*table, rows.drop_front(validationEnd), *featureSize, targets, dataset->test);
  for (auto [name, fraction, split] : {std::make_tuple("train", spec.train, &dataset->train),
                                       std::make_tuple("validation", spec.validation, &dataset->validation),
                                       std::make_tuple("test", spec.test, &dataset->test)})
    if (llvm::Error error = checkSplit(sources[0].path, name, fraction, *split, n))
      return error;

  if (idx && sources.size() == 4) {
    *table = Table();
    dataset->test.source = digestHex(sources[2].text);
    table = readIdx(spec, *featureSize, sources[2], sources[3]);
    if (!table)
      return table.takeError();
    if (table->rows == 0)
      return llvm::createStringError(sources[2].path + ": expected rows of data, found none");
    std::vector<int32_t> all(static_cast<size_t>(table->rows));
    std::iota(all.begin(), all.end(), 0);
    take(*table, all, *featureSize, targets, dataset->test);
  }
  return dataset;
}

void selfopt::useDataBeside(const char *toolPath, void *toolMain) {
  llvm::SmallString<128> folder(llvm::sys::path::parent_path(llvm::sys::fs::getMainExecutable(toolPath, toolMain)));
  llvm::sys::path::append(folder, "..", "data");
  if (!std::getenv("SELFOPT_DATA_DIR") && llvm::sys::fs::is_directory(folder))
    setenv("SELFOPT_DATA_DIR", folder.c_str(), /*overwrite=*/0);
}

std::optional<int32_t> selfopt::sharedRow(const Dataset &a, llvm::StringRef split, const Dataset &b, llvm::StringRef other) {
  const Split &kept = a.split(split), &read = b.split(other);
  // Bytes that tell rows apart. Kernels take subnormal numbers and -0 for 0.
  bool sameFile = kept.source == read.source;
  if (!sameFile && &a == &b)
    return std::nullopt;
  auto bytesOf = [&](const Split &part) {
    std::vector<float> features(part.features);
    for (float &x : features)
      x = std::fabs(x) < std::numeric_limits<float>::min() ? 0 : x;
    return sameFile ? std::string(reinterpret_cast<const char *>(part.rows.data()), part.rows.size() * sizeof(int32_t))
                     : std::string(reinterpret_cast<const char *>(features.data()), features.size() * sizeof(float));
  };
  std::string ours = bytesOf(kept), theirs = bytesOf(read);
  auto rowOf = [](const std::string &bytes, const Split &part, int64_t i) {
    size_t size = bytes.size() / size_t(part.count);
    return llvm::StringRef(bytes).substr(size_t(i) * size, size);
  };
  llvm::DenseMap<llvm::StringRef, int32_t> rows;
  for (int64_t i = 0; i < kept.count; ++i)
    rows.try_emplace(rowOf(ours, kept, i), kept.rows[size_t(i)]);
  for (int64_t i = 0; i < read.count; ++i)
    if (auto it = rows.find(rowOf(theirs, read, i)); it != rows.end())
      return it->second;
  return std::nullopt;
}
