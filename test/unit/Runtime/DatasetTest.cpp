#include "SelfOpt/Runtime/Dataset.h"

#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <fstream>
#include <numeric>

using namespace selfopt;

namespace {
template <typename T> std::string errorOf(llvm::Expected<T> value) {
  return value ? "no error" : llvm::toString(value.takeError());
}

class DatasetFiles : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("selfopt-data", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(llvm::StringRef name) {
    llvm::SmallString<128> result = folder;
    llvm::sys::path::append(result, name);
    return std::string(result);
  }
  void write(llvm::StringRef name, llvm::StringRef bytes) {
    std::ofstream(path(name), std::ios::binary).write(bytes.data(), bytes.size());
  }

  /// Three features in [0, 10], a label in [0, 2], all rows in the training split.
  DatasetSpec table(llvm::StringRef contents) {
    write("t.csv", contents);
    DatasetSpec spec;
    spec.files = {"t.csv"};
    spec.searchPath = {std::string(folder)};
    spec.featureShape = {3};
    spec.featureHigh = 10;
    spec.hasLabel = true;
    spec.labelHigh = 2;
    return spec;
  }
  std::string tableError(llvm::StringRef contents) {
    std::string message = errorOf(loadDataset(table(contents)));
    std::string prefix = path("t.csv") + ":";
    return llvm::StringRef(message).starts_with(prefix) ? message.substr(prefix.size()) : message;
  }

  /// The rows in file order, whatever the permutation.
  static std::vector<float> inFileOrder(const Dataset &data) {
    std::vector<float> features(data.train.features.size());
    for (int64_t i = 0; i < data.train.count; ++i)
      std::copy_n(data.train.features.begin() + i * data.featureSize, data.featureSize,
                  features.begin() + data.train.rows[i] * data.featureSize);
    return features;
  }

  static std::string idx(std::vector<uint32_t> sizes, llvm::StringRef data) {
    std::string bytes{0, 0, 8, static_cast<char>(sizes.size())};
    for (uint32_t size : sizes)
      for (int shift : {24, 16, 8, 0})
        bytes += static_cast<char>(size >> shift);
    return bytes + data.str();
  }
  DatasetSpec idxSpec() {
    DatasetSpec spec;
    spec.format = DatasetSpec::Format::Idx;
    spec.files = {"images", "labels"};
    spec.searchPath = {std::string(folder)};
    spec.featureShape = {1, 2, 2};
    spec.featureHigh = 255;
    spec.hasLabel = true;
    spec.labelHigh = 9;
    return spec;
  }

  llvm::SmallString<128> folder;
};

/// Every row of the source is in exactly one split.
void expectPartition(const Dataset &data, int64_t n) {
  std::vector<int> seen(n);
  for (const Split *split : {&data.train, &data.validation, &data.test}) {
    EXPECT_EQ(split->features.size(), size_t(split->count * data.featureSize));
    EXPECT_EQ(split->rows.size(), size_t(split->count));
    for (int32_t row : split->rows) {
      ASSERT_LT(row, n);
      ++seen[row];
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), n);
}

bool present(llvm::StringRef name) {
  llvm::Expected<std::string> path = resolveDataFile(name, {});
  if (!path)
    llvm::consumeError(path.takeError());
  return static_cast<bool>(path);
}
} // namespace

TEST_F(DatasetFiles, ReadsEverySeparatorLineEndAndHeader) {
  const std::vector<float> expected = {1, 2, 3, 4, 5.5f, 6};
  for (llvm::StringRef contents :
       {"1,2,3,0\n4,5.5,6,1\n", "1;2;3;0\n4;5.5;6;1", "1\t2\t3\t0\r\n4\t5.5\t6\t1\r\n", "  1 2   3 0 \n4 5.5 6 1\n",
        "a,b,c,label\n1,2,3,0\n4,5.5,6,1\n", "2,3,zero,one,two\n1,2,3,0\n4,5.5,6,1\n", "2,3\n1,2,3,0\n4,5.5,6,1\n",
        "\"x y\";\"b\";\"c\";\"d\"\n1;2;3;0\n4;5.5;6;1\n", "\n1,2,3,0\n\n  \r\n4,5.5,6,1\n\n",
        "\xef\xbb\xbf"
        "1,2,3,0\n4,5.5,6,1\n",
        "1e0, +2 ,0.3e1,0.0\n4,55E-1,6,1e0\n"}) {
    auto data = loadDataset(table(contents));
    ASSERT_TRUE(bool(data)) << contents.str() << llvm::toString(data.takeError());
    EXPECT_EQ(inFileOrder(**data), expected) << contents.str();
    EXPECT_EQ((*data)->train.labels[0], (*data)->train.rows[0]) << contents.str();
    EXPECT_EQ((*data)->digest, Digester().addField(contents).hex());
  }
}

TEST_F(DatasetFiles, CsvErrorsNameRowAndColumn) {
  const std::string good = "1,2,3,0\n";
  EXPECT_EQ(tableError(good + "1,2,3\n"), "2:4: expected 4 columns, found 3");
  EXPECT_EQ(tableError(good + "\n1,2,3,0,5\n"), "3:5: expected 4 columns, found 5");
  EXPECT_EQ(tableError("h,i,j,k\n" + good + good + "1,x,3,0\n"), "4:2: expected a number, found 'x'");
  EXPECT_EQ(tableError(good + "1,,3,0\n"), "2:2: expected a number, found ''");
  EXPECT_EQ(tableError(good + "1,2 2,3,0\n"), "2:2: expected a number, found '2 2'");
  EXPECT_EQ(tableError(good + "1,nan,3,0\n"), "2:2: expected a finite number, found 'nan'");
  EXPECT_EQ(tableError(good + "-inf,2,3,0\n"), "2:1: expected a finite number, found '-inf'");
  EXPECT_EQ(tableError(good + "1,2,1e999,0\n"), "2:3: expected a finite number, found '1e999'");
  EXPECT_EQ(tableError(good + "1,2,10.5,0\n"), "2:3: expected a feature in [0, 10], found '10.5'");
  EXPECT_EQ(tableError(good + "-1,2,3,0\n"), "2:1: expected a feature in [0, 10], found '-1'");
  EXPECT_EQ(tableError(good + "1,2,3,3\n"), "2:4: expected an integer label in [0, 2], found '3'");
  EXPECT_EQ(tableError(good + "1,2,3,0.5\n"), "2:4: expected an integer label in [0, 2], found '0.5'");
  EXPECT_EQ(tableError(good + "1,2,3,cat\n"), "2:4: expected an integer label in [0, 2], found 'cat'");
  EXPECT_EQ(tableError(good + "1,2,3,1e300\n"), "2:4: expected an integer label in [0, 2], found '1e300'");
  EXPECT_EQ(tableError(""), " expected rows of data, found none");
  EXPECT_EQ(tableError("a,b,c,d\n"), " expected rows of data, found none");
}

// A first row is only a header where it looks like one: damaged data do not vanish.
TEST_F(DatasetFiles, DamagedFirstRowIsNoHeader) {
  EXPECT_EQ(tableError("1,x,3,0\n1,2,3,0\n"), "1:2: expected a number, found 'x'");
  EXPECT_EQ(tableError("1,2,3\n1,2,3,0\n"), "1:4: expected 4 columns, found 3");
  EXPECT_EQ(tableError("1,2,99,0\n1,2,3,0\n"), "1:3: expected a feature in [0, 10], found '99'");
}

TEST_F(DatasetFiles, SmallNumbersAreNoErrors) {
  auto data = llvm::cantFail(loadDataset(table("1e-400,1e-310,1e-40,0\n")));
  EXPECT_EQ(data->train.features, (std::vector<float>{0, 0, 1e-40f}));
}

TEST_F(DatasetFiles, ValueThatF32CannotHoldIsAnError) {
  DatasetSpec spec = table("1,2,1e39,0\n");
  spec.featureHigh = 1e300;
  EXPECT_EQ(errorOf(loadDataset(spec)), path("t.csv") + ":1:3: expected a finite number, found '1e39'");
}

TEST_F(DatasetFiles, TwoCsvFiles) {
  DatasetSpec spec = table("1 2 3\n4 5 6\n");
  spec.files.push_back("y.csv");
  spec.hasLabel = false;
  spec.targetSize = 2;
  spec.targetLow = -1;
  spec.targetHigh = 1;
  write("y.csv", "0.5 -1e0\n.25 1\n");
  auto data = llvm::cantFail(loadDataset(spec));
  EXPECT_EQ(inFileOrder(*data), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  ASSERT_EQ(data->train.targets.size(), 4u);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(data->train.targets[2 * i], data->train.rows[i] == 0 ? 0.5f : 0.25f);
  write("y.csv", "0.5 -1e0\n");
  EXPECT_EQ(errorOf(loadDataset(spec)), path("y.csv") + ": expected 2 rows as in " + path("t.csv") + ", found 1");
  write("y.csv", "0.5 -1e0\n0 1.5\n");
  EXPECT_EQ(errorOf(loadDataset(spec)), path("y.csv") + ":2:2: expected a target in [-1, 1], found '1.5'");
}

TEST_F(DatasetFiles, SplitSizesAndSeeds) {
  std::string contents;
  for (int i = 0; i < 10; ++i)
    contents += std::to_string(i) + ",0,0,0\n";
  DatasetSpec spec = table(contents);
  spec.train = 0.7;
  spec.validation = 0.1; // 0.7 + 0.1 is less than 0.8 in binary
  spec.test = 0.2;
  auto data = llvm::cantFail(loadDataset(spec));
  EXPECT_EQ(data->train.count, 7);
  EXPECT_EQ(data->validation.count, 1);
  EXPECT_EQ(data->test.count, 2);
  expectPartition(*data, 10);
  EXPECT_EQ(llvm::cantFail(loadDataset(spec))->train.rows, data->train.rows);
  spec.seed = 1;
  EXPECT_NE(llvm::cantFail(loadDataset(spec))->train.rows, data->train.rows);
  spec.limit = 5;
  data = llvm::cantFail(loadDataset(spec));
  expectPartition(*data, 5);
  spec.limit = 2;
  EXPECT_EQ(errorOf(loadDataset(spec)),
            path("t.csv") + ": expected rows for the validation split, found none in 0.1 of 2");
}

TEST_F(DatasetFiles, SpecErrors) {
  DatasetSpec good = table("1,2,3,0\n");
  auto with = [&](auto change) {
    DatasetSpec spec = good;
    change(spec);
    return errorOf(loadDataset(spec));
  };
  EXPECT_EQ(with([](DatasetSpec &s) { s.test = 0.5; }),
            "dataset: expected split fractions that are not negative and sum to 1, found 1, 0, 0.5");
  EXPECT_EQ(with([](DatasetSpec &s) { s.featureShape = {2, 0}; }),
            "dataset: expected a feature shape of positive sizes with at most 2^31 elements, found 2x0");
  EXPECT_EQ(with([](DatasetSpec &s) { s.featureLow = 11; }),
            "dataset: expected a feature domain [low, high], found [11, 10]");
  EXPECT_EQ(with([](DatasetSpec &s) { s.labelHigh = int64_t(1) << 40; }),
            "dataset: expected a label domain [low, high] of 32-bit integers, found [0, 1099511627776]");
  EXPECT_EQ(with([](DatasetSpec &s) { s.targetSize = 1; }), "dataset: expected a label or a target, found both");
  EXPECT_EQ(with([](DatasetSpec &s) { s.files = {"a", "b", "c"}; }), "dataset: expected 1 or 2 CSV files, found 3");
  EXPECT_EQ(with([](DatasetSpec &s) { s.limit = -1; }), "dataset: expected a limit of at least 0 rows, found -1");
}

TEST_F(DatasetFiles, Idx) {
  write("images", idx({3, 2, 2}, llvm::StringRef("\0\1\2\3\4\5\6\7\xff\x80\x7f\0", 12)));
  write("labels", idx({3}, llvm::StringRef("\0\5\x09", 3)));
  auto data = llvm::cantFail(loadDataset(idxSpec()));
  EXPECT_EQ(inFileOrder(*data), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 255, 128, 127, 0}));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(data->train.labels[i], (std::vector<int32_t>{0, 5, 9})[data->train.rows[i]]);

  // Four files: the second pair is the test split, in its own order.
  write("images2", idx({1, 2, 2}, "abcd"));
  write("labels2", idx({1}, "\7"));
  DatasetSpec spec = idxSpec();
  spec.files = {"images", "labels", "images2", "labels2"};
  spec.train = 2.0 / 3;
  spec.validation = 1 - spec.train;
  data = llvm::cantFail(loadDataset(spec));
  EXPECT_EQ(data->train.count, 2);
  EXPECT_EQ(data->validation.count, 1);
  EXPECT_EQ(data->test.features, (std::vector<float>{'a', 'b', 'c', 'd'}));
  EXPECT_EQ(data->test.labels, std::vector<int32_t>{7});
}

TEST_F(DatasetFiles, IdxErrors) {
  std::string images = path("images"), labels = path("labels");
  write("images", idx({2, 2, 2}, "abcdefgh"));
  write("labels", idx({2}, "\1\2"));
  DatasetSpec spec = idxSpec();
  spec.featureHigh = 'f';
  EXPECT_EQ(errorOf(loadDataset(spec)), images + ":2:3: expected a feature in [0, 102], found '103'");
  spec = idxSpec();
  spec.labelHigh = 1;
  EXPECT_EQ(errorOf(loadDataset(spec)), labels + ":2:1: expected an integer label in [0, 1], found '2'");
  spec = idxSpec();
  spec.featureShape = {1, 3, 3};
  EXPECT_EQ(errorOf(loadDataset(spec)), images + ": expected images of 9 pixels, found 2 x 2");
  spec = idxSpec();
  write("labels", idx({3}, "\1\2\3"));
  EXPECT_EQ(errorOf(loadDataset(spec)), labels + ": expected 2 labels as there are images in " + images + ", found 3");
  write("labels", idx({3}, "\1\2"));
  EXPECT_EQ(errorOf(loadDataset(spec)), labels + ": expected 3 bytes of labels, found 2");
  write("labels", idx({2, 2, 2}, "abcdefgh"));
  EXPECT_EQ(errorOf(loadDataset(spec)), labels + ": expected IDX labels (magic number 0x00000801), found 0x00000803");
  write("images", idx({2, 2, 2}, "abcdefg"));
  EXPECT_EQ(errorOf(loadDataset(spec)), images + ": expected 2 x 2 x 2 bytes of images, found 7");
  write("images", idx({0xffffffff, 0xffffffff, 0xffffffff}, "abcdefg"));
  EXPECT_EQ(errorOf(loadDataset(spec)),
            images + ": expected 4294967295 x 4294967295 x 4294967295 bytes of images, found 7");
  write("images", "ab");
  EXPECT_EQ(errorOf(loadDataset(spec)), images + ": expected an IDX header of 16 bytes, found 2 bytes");
  write("images", "ab,cd");
  EXPECT_EQ(errorOf(loadDataset(spec)), images + ": expected IDX images (magic number 0x00000803), found 0x61622c63");
}

TEST_F(DatasetFiles, SearchOrderAndMissingFiles) {
  write("x.csv", "");
  ASSERT_FALSE(llvm::sys::fs::create_directory(path("a")));
  write("a/x.csv", "");
  EXPECT_EQ(llvm::cantFail(resolveDataFile("x.csv", {path("a"), std::string(folder)})), path("a/x.csv"));
  EXPECT_EQ(llvm::cantFail(resolveDataFile("x.csv", {path("b"), std::string(folder)})), path("x.csv"));
  EXPECT_EQ(llvm::cantFail(resolveDataFile(path("x.csv"), {})), path("x.csv"));
  std::string message = errorOf(resolveDataFile("no-such.csv", {path("a")}));
  EXPECT_EQ(message.find("no-such.csv: expected a data file, found none; looked for " + path("a/no-such.csv")), 0u);
  EXPECT_NE(message.find("/usr/share/datasets/fashion-mnist/no-such.csv"), std::string::npos);
  EXPECT_EQ(message.find("apt-get"), std::string::npos);
  // A folder of that name is no data file.
  EXPECT_EQ(errorOf(resolveDataFile(path("a"), {})),
            path("a") + ": expected a data file, found none; looked for " + path("a"));
  EXPECT_NE(errorOf(resolveDataFile(path("digits.csv.gz"), {})).find("; Debian's package python3-sklearn carries it"),
            std::string::npos);
}

/// Rows are compared as kernels read them, and those of the same files by their place.
TEST(SharedRow, IsFoundByItsFeatures) {
  auto with = [](const char *source, std::vector<float> features, std::vector<int32_t> rows) {
    Dataset data;
    data.featureSize = 2;
    for (Split *split : {&data.train, &data.test}) {
      split->source = source;
      split->features = features;
      split->rows = rows;
      split->count = int64_t(rows.size());
    }
    return data;
  };
  Dataset kept = with("a", {0, 1, 2, 3}, {7, 9});
  EXPECT_EQ(sharedRow(kept, "test", with("b", {5, 5, 2, 3}, {0, 1}), "train"), 9);
  EXPECT_EQ(sharedRow(kept, "test", with("b", {-0.0f, 1}, {0}), "train"), 7) << "the sign of zero";
  EXPECT_EQ(sharedRow(kept, "test", with("b", {1e-45f, 1}, {0}), "train"), 7) << "a subnormal number";
  EXPECT_EQ(sharedRow(kept, "test", with("b", {1, 0, 3, 2}, {7, 9}), "train"), std::nullopt);
  EXPECT_EQ(sharedRow(kept, "test", with("a", {0, 1}, {8}), "train"), std::nullopt) << "the same row twice in a file";
  EXPECT_EQ(sharedRow(kept, "test", with("a", {0, 1}, {9}), "train"), 9);
  EXPECT_EQ(sharedRow(with("a", {}, {}), "test", kept, "train"), std::nullopt);
  // Within a dataset: the splits of one file, which here are the same rows; and of two, whose rows may be equal by chance.
  EXPECT_EQ(sharedRow(kept, "test", kept, "train"), 7);
  kept.test.source = "c";
  EXPECT_EQ(sharedRow(kept, "test", kept, "train"), std::nullopt);
  // Another dataset over the same two files: a test row is no training row of the same number.
  Dataset other = kept;
  EXPECT_EQ(sharedRow(kept, "test", other, "test"), 7);
  other.train.features = {5, 5, 6, 6};
  EXPECT_EQ(sharedRow(kept, "test", other, "train"), std::nullopt);
}

TEST(DatasetReal, Digits) {
  if (!present("digits.csv.gz"))
    GTEST_SKIP() << "python3-sklearn is not installed";
  DatasetSpec spec;
  spec.files = {"digits.csv.gz"};
  spec.featureShape = {64};
  spec.featureHigh = 16;
  spec.hasLabel = true;
  spec.labelHigh = 9;
  spec.train = 0.6;
  spec.validation = spec.test = 0.2;
  auto data = llvm::cantFail(loadDataset(spec));
  EXPECT_EQ(data->train.count, 1078);
  EXPECT_EQ(data->validation.count, 359);
  EXPECT_EQ(data->test.count, 360);
  expectPartition(*data, 1797);
  std::vector<int> classes(10);
  for (const Split *split : {&data->train, &data->validation, &data->test})
    for (int32_t label : split->labels)
      ++classes[label];
  EXPECT_EQ(classes, (std::vector<int>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}));
  spec.featureHigh = 15;
  EXPECT_NE(errorOf(loadDataset(spec)).find(": expected a feature in [0, 15], found '16'"), std::string::npos);
}

TEST(DatasetReal, Diabetes) {
  if (!present("diabetes_target.csv.gz"))
    GTEST_SKIP() << "python3-sklearn is not installed";
  DatasetSpec spec;
  spec.files = {"diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"};
  spec.featureShape = {10};
  spec.featureHigh = 400;
  spec.targetSize = 1;
  spec.targetHigh = 400;
  auto data = llvm::cantFail(loadDataset(spec));
  EXPECT_EQ(data->train.count, 442);
  double sum = std::accumulate(data->train.targets.begin(), data->train.targets.end(), 0.0);
  EXPECT_NEAR(sum / 442, 152.13348, 1e-4);
}

TEST(DatasetReal, FilesWithHeaders) {
  if (!present("iris.csv"))
    GTEST_SKIP() << "python3-sklearn is not installed";
  DatasetSpec spec;
  spec.hasLabel = true;
  spec.labelHigh = 2;
  spec.featureHigh = 10000;
  for (auto [name, features, rows] : {std::tuple("iris.csv", 4, 150), std::tuple("wine_data.csv", 13, 178),
                                      std::tuple("breast_cancer.csv", 30, 569)}) {
    spec.files = {name};
    spec.featureShape = {features};
    auto data = loadDataset(spec);
    ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
    EXPECT_EQ((*data)->train.count, rows) << name;
  }
}

TEST(DatasetReal, FashionMnist) {
  if (!present("t10k-images-idx3-ubyte.gz"))
    GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  DatasetSpec spec;
  spec.format = DatasetSpec::Format::Idx;
  spec.files = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
                "t10k-labels-idx1-ubyte.gz"};
  spec.featureShape = {1, 28, 28};
  spec.featureHigh = 255;
  spec.hasLabel = true;
  spec.labelHigh = 9;
  spec.train = 0.9;
  spec.validation = 0.1;
  auto data = llvm::cantFail(loadDataset(spec));
  EXPECT_EQ(data->train.count, 54000);
  EXPECT_EQ(data->validation.count, 6000);
  EXPECT_EQ(data->test.count, 10000);
  std::vector<int> classes(10);
  for (int32_t label : data->test.labels)
    ++classes[label];
  EXPECT_EQ(classes, std::vector<int>(10, 1000));
  EXPECT_EQ(data->test.labels[0], 9); // the first bytes of t10k-labels: 9, 2, 1, 1
  EXPECT_EQ(data->test.labels[1], 2);
  spec.limit = 100;
  data = llvm::cantFail(loadDataset(spec));
  EXPECT_EQ(data->train.count + data->validation.count, 100);
  EXPECT_EQ(data->test.count, 100);
}
