#include "SelfOpt/Support/File.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cstring>
#include <fstream>
#include <unistd.h>
#include <zlib.h>

using namespace selfopt;

namespace {
class File : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("selfopt-file", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(llvm::StringRef name) {
    llvm::SmallString<128> result = folder;
    llvm::sys::path::append(result, name);
    return std::string(result);
  }
  std::string write(llvm::StringRef name, llvm::StringRef bytes) {
    std::string target = path(name);
    std::ofstream(target, std::ios::binary).write(bytes.data(), bytes.size());
    return target;
  }
  llvm::SmallString<128> folder;
};

template <typename T> std::string errorOf(llvm::Expected<T> value) {
  return value ? "no error" : llvm::toString(value.takeError());
}
std::string errorOf(llvm::Error error) { return error ? llvm::toString(std::move(error)) : "no error"; }

std::string gzip(llvm::StringRef bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(bytes.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
  stream.avail_in = bytes.size();
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = out.size();
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

template <typename T> Array arrayOf(Array::Kind kind, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<T> values) {
  Array array;
  array.kind = kind;
  array.shape.assign(shape.begin(), shape.end());
  array.bytes.resize(values.size() * sizeof(T));
  if (!values.empty())
    std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}
} // namespace

TEST_F(File, ReadsPlainAndGzipByTheirBytesNotTheirNames) {
  std::string text(300000, 'x');
  text += "end";
  EXPECT_EQ(llvm::cantFail(readFile(write("plain.gz", text))), text);
  EXPECT_EQ(llvm::cantFail(readFile(write("packed.txt", gzip(text)))), text);
  EXPECT_EQ(llvm::cantFail(readFile(write("two.gz", gzip("one ") + gzip("two")))), "one two");
  EXPECT_EQ(llvm::cantFail(readFile(write("empty", ""))), "");
  EXPECT_EQ(llvm::cantFail(readRawFile(path("packed.txt"))), gzip(text));
}

TEST_F(File, ErrorsNameThePath) {
  EXPECT_EQ(errorOf(readFile(path("absent"))), path("absent") + ": could not open: No such file or directory");
  EXPECT_EQ(errorOf(readFile(folder)), std::string(folder) + ": expected a file, found a folder");
  std::string packed = gzip("some text that is long enough to be cut");
  std::string cut = write("cut.gz", llvm::StringRef(packed).drop_back(5));
  EXPECT_EQ(errorOf(readFile(cut)),
            cut + ": expected a whole gzip file, found its end after " + std::to_string(packed.size() - 5) + " bytes");
  packed[packed.size() - 6] ^= 1; // its checksum
  std::string damaged = write("damaged.gz", packed);
  EXPECT_NE(errorOf(readFile(damaged)).find(damaged + ": expected gzip data, found an error at byte"),
            std::string::npos);
}

TEST_F(File, AtomicWriteReplacesOrLeavesTheOldContents) {
  std::string target = path("out");
  ASSERT_EQ(errorOf(writeFileAtomically(target, "old")), "no error");
  ASSERT_EQ(errorOf(writeFileAtomically(target, "new")), "no error");
  EXPECT_EQ(llvm::cantFail(readFile(target)), "new");
  std::error_code code;
  unsigned entries = 0;
  for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end && !code; it.increment(code))
    ++entries;
  EXPECT_EQ(entries, 1u) << "a temporary file was left";
  EXPECT_EQ(errorOf(writeFileAtomically(path("no/folder"), "x")),
            path("no/folder") + ": could not write: No such file or directory");
}

TEST_F(File, FullDiskIsAnError) {
  if (!llvm::sys::fs::exists("/dev/full"))
    GTEST_SKIP() << "no /dev/full";
  EXPECT_EQ(errorOf(writeFileAtomically("/dev/full", "x")), "/dev/full: could not write: No space left on device");
}

TEST_F(File, NpyKeepsEveryKindAndShape) {
  std::vector<Array> arrays = {
      arrayOf<float>(Array::Kind::F32, {2, 3}, {1, 2, 3, 4, 5, 6.5f}),
      arrayOf<double>(Array::Kind::F64, {}, {0.1}),
      arrayOf<int32_t>(Array::Kind::I32, {3}, {-1, 0, 1}),
      arrayOf<int64_t>(Array::Kind::I64, {1, 1, 2}, {INT64_MIN, INT64_MAX}),
      arrayOf<char>(Array::Kind::Bool, {2}, {0, 1}),
      arrayOf<float>(Array::Kind::F32, {0, 4}, {}),
  };
  for (const Array &array : arrays) {
    ASSERT_EQ(errorOf(writeNpy(path("a.npy"), array)), "no error");
    Array read = llvm::cantFail(readNpy(path("a.npy")));
    EXPECT_EQ(read.kind, array.kind);
    EXPECT_EQ(read.shape, array.shape);
    EXPECT_EQ(read.bytes, array.bytes);
  }
}

// What numpy.save(..., numpy.zeros((2, 3), '<f4')) writes, byte for byte.
TEST_F(File, NpyBytesAreNumPys) {
  ASSERT_EQ(errorOf(writeNpy(path("a.npy"), arrayOf<float>(Array::Kind::F32, {2, 3}, {0, 0, 0, 0, 0, 0}))), "no error");
  std::string expected("\x93NUMPY\x01\x00\x76\x00", 10);
  expected += "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  expected.resize(127, ' ');
  expected += '\n';
  expected.append(24, '\0');
  EXPECT_EQ(llvm::cantFail(readRawFile(path("a.npy"))), expected);
}

TEST_F(File, NpyErrors) {
  auto npy = [&](std::string header, size_t data) {
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size());
    bytes += '\0';
    return write("bad.npy", bytes + header + std::string(data, '\0'));
  };
  std::string prefix = path("bad.npy") + ": ";
  EXPECT_EQ(errorOf(readNpy(write("bad.npy", "hello world"))),
            prefix + "expected a NumPy array (.npy), found other contents");
  EXPECT_EQ(errorOf(readNpy(write("bad.npy", ""))), prefix + "expected a NumPy array (.npy), found an empty file");
  EXPECT_EQ(errorOf(readNpy(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4))),
            prefix + "expected elements of type <f4, <f8, <i4, <i8 or |b1, found >f4");
  EXPECT_EQ(errorOf(readNpy(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", 16))),
            prefix + "expected C order (fortran_order False), found Fortran order");
  EXPECT_EQ(errorOf(readNpy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", 15))),
            prefix + "expected 16 bytes for shape (2, 2) of <f4, found 15 bytes");
  EXPECT_EQ(errorOf(readNpy(npy("{'descr': '<f4', 'fortran_order': False, "
                                "'shape': (4611686018427387904, 4611686018427387904), }",
                                0))),
            prefix +
                "expected the elements for shape (4611686018427387904, 4611686018427387904) of <f4, found 0 bytes");
  EXPECT_EQ(errorOf(readNpy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 0))),
            prefix + "expected the elements for shape (-1,) of <f4, found 0 bytes");
  EXPECT_EQ(errorOf(readNpy(npy("{'descr': '<f4'}", 0))),
            prefix + "expected a .npy header with descr, fortran_order and shape, found '{'descr': '<f4'}'");
  Array wrong = arrayOf<float>(Array::Kind::F32, {3}, {1, 2});
  EXPECT_EQ(errorOf(writeNpy(path("w.npy"), wrong)),
            path("w.npy") + ": array: expected the bytes of shape (3,) of f32, found 8 bytes");
}

TEST_F(File, SafetensorsRoundTrip) {
  TensorFile file;
  file.tensors.push_back({"z.weight", arrayOf<float>(Array::Kind::F32, {2, 2}, {1, 2, 3, 4})});
  file.tensors.push_back({"a \"quoted\" \xc3\xa4", arrayOf<int64_t>(Array::Kind::I64, {}, {7})});
  file.tensors.push_back({"empty", arrayOf<float>(Array::Kind::F32, {0}, {})});
  file.tensors.push_back({"mask", arrayOf<char>(Array::Kind::Bool, {3}, {1, 0, 1})});
  file.metadata = {{"format", "selfopt"}};
  ASSERT_EQ(errorOf(writeSafetensors(path("t"), file)), "no error");
  TensorFile read = llvm::cantFail(readSafetensors(path("t")));
  EXPECT_EQ(read.metadata, file.metadata);
  ASSERT_EQ(read.tensors.size(), file.tensors.size());
  for (const NamedArray &tensor : file.tensors) {
    const Array *found = read.find(tensor.name);
    ASSERT_TRUE(found) << tensor.name;
    EXPECT_EQ(found->shape, tensor.array.shape);
    EXPECT_EQ(found->kind, tensor.array.kind);
    EXPECT_EQ(found->bytes, tensor.array.bytes);
  }
  EXPECT_EQ(read.tensors[0].name, "z.weight") << "order of the file";
  EXPECT_EQ(read.find("none"), nullptr);
}

TEST_F(File, SafetensorsErrors) {
  auto file = [&](std::string header, size_t data) {
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    return write("bad", bytes + header + std::string(data, '\0'));
  };
  std::string prefix = path("bad") + ": ";
  EXPECT_EQ(errorOf(readSafetensors(write("bad", "1234"))), prefix + "expected a safetensors file, found 4 bytes");
  EXPECT_EQ(errorOf(readSafetensors(write("bad", "\xff\xff\xff\xff\xff\xff\xff\xff{}"))),
            prefix + "expected a safetensors header of 18446744073709551615 bytes, found the end of the file after 2");
  EXPECT_EQ(errorOf(readSafetensors(file(R"({"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}})", 2))),
            prefix + "tensor 'a': expected dtype F32, F64, I32, I64 or BOOL, found BF16");
  EXPECT_EQ(errorOf(readSafetensors(file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4))),
            prefix + "tensor 'a': expected the bytes of shape (2,) of F32, found 4 bytes");
  EXPECT_EQ(errorOf(readSafetensors(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3))),
            prefix + "tensor 'a': expected data_offsets within the 3 bytes of data, found others");
  EXPECT_EQ(errorOf(readSafetensors(file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8))),
            prefix + "tensor 'a': expected its data at byte 0, found byte 4");
  EXPECT_EQ(errorOf(readSafetensors(file("{}", 1))), prefix + "expected 0 bytes of data, found 1");
  EXPECT_NE(errorOf(readSafetensors(file("{", 0))).find("expected a safetensors header in JSON"), std::string::npos);
  TensorFile twice;
  twice.tensors.resize(2, {"a", arrayOf<float>(Array::Kind::F32, {1}, {1})});
  EXPECT_EQ(errorOf(writeSafetensors(path("t"), twice)),
            path("t") + ": expected tensor names that differ, found 'a' twice");
}
