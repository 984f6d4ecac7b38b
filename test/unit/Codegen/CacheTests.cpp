//===- CacheTests.cpp - Memory and disk caches of the compiler --------------===//
#include "Harness.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <sys/wait.h>

namespace selfopt::codegen::test {
namespace {

/// out = x + constant
std::string adder(const std::string &name, double constant) {
  return "func.func @" + name + "(%x: memref<?xf32>, %out: memref<?xf32>) {\n  %c = arith.constant " +
         std::to_string(constant) + R"( : f32
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : memref<?xf32>) outs(%out : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %a, %c : f32
      linalg.yield %0 : f32
    }
  return
}
)";
}

float runAdder(KernelFn fn) {
  Buffer<float> x({3}, 1.0f), out({3});
  (Call() << x << out).run(fn);
  return out[2];
}

class CacheTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("selfopt-cache", directory)); }
  void TearDown() override {
    llvm::sys::fs::setPermissions(directory, llvm::sys::fs::all_perms);
    llvm::sys::fs::remove_directories(directory);
  }
  std::unique_ptr<KernelCompiler> make(std::string cacheDir, unsigned lanes = 0) {
    CompilerOptions options;
    options.cacheDir = std::move(cacheDir);
    options.lanes = lanes;
    return llvm::cantFail(KernelCompiler::create(options));
  }
  std::unique_ptr<KernelCompiler> make() { return make(std::string(directory)); }
  std::vector<std::string> files(llvm::StringRef extension) {
    std::vector<std::string> found;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(directory, error), end; it != end && !error; it.increment(error))
      if (llvm::StringRef(it->path()).ends_with(extension))
        found.push_back(it->path());
    return found;
  }
  void damage(const std::string &path, llvm::function_ref<void(std::string &)> change) {
    std::string bytes = (*llvm::MemoryBuffer::getFile(path))->getBuffer().str();
    change(bytes);
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << bytes;
  }
  llvm::SmallString<128> directory;
};

TEST_F(CacheTest, MemoryHitsAndDuplicatesInOneCall) {
  auto compiler = make("");
  Parsed parsed = parse(adder("a", 1) + adder("b", 2) + adder("c", 1));
  auto functions = llvm::cantFail(compiler->getOrCompile(parsed.kernels));
  EXPECT_EQ(functions[0], functions[2]);
  EXPECT_EQ(runAdder(functions[0]), 2);
  EXPECT_EQ(runAdder(functions[1]), 3);
  EXPECT_EQ(compiler->stats().compiled, 2u);
  EXPECT_EQ(compiler->stats().memoryHits, 1u);
  EXPECT_EQ(compiler->lookup(kernelDigest(parsed.kernels[1])), functions[1]);
  EXPECT_EQ(compiler->lookup("0123"), nullptr);
  EXPECT_EQ(llvm::cantFail(compiler->getOrCompile(parsed.kernels)), functions);
  EXPECT_EQ(compiler->stats().compiled, 2u);
  EXPECT_EQ(compiler->stats().requested, 6u);
}

TEST_F(CacheTest, SecondCompilerLoadsFromDisk) {
  Parsed parsed = parse(adder("a", 1) + adder("b", 2));
  llvm::cantFail(make()->getOrCompile(parsed.kernels));
  EXPECT_EQ(files(".o").size(), 1u);
  EXPECT_EQ(files(".kernel").size(), 2u);
  EXPECT_TRUE(files(".tmp").empty());
  // One old kernel from disk, one new: and then two objects hold the first.
  Parsed mixed = parse(adder("x", 2) + adder("y", 3));
  auto second = make();
  auto functions = llvm::cantFail(second->getOrCompile(mixed.kernels));
  EXPECT_EQ(second->stats().diskHits, 1u);
  EXPECT_EQ(second->stats().compiled, 1u);
  EXPECT_EQ(runAdder(functions[0]), 3);
  EXPECT_EQ(runAdder(functions[1]), 4);
  auto third = make();
  functions = llvm::cantFail(third->getOrCompile(parse(adder("a", 3) + adder("b", 1) + adder("c", 2)).kernels));
  EXPECT_EQ(third->stats().diskHits, 3u);
  EXPECT_EQ(third->stats().compiled, 0u);
  EXPECT_EQ(runAdder(functions[0]), 4);
  EXPECT_EQ(runAdder(functions[1]), 2);
  EXPECT_EQ(runAdder(functions[2]), 3);
}

TEST_F(CacheTest, CodeBytesAreTheKernelsOwn) {
  // A loop with another body, so that kernels of several sizes stand before and behind one another.
  std::string text = adder("b", 2);
  text.replace(text.find("%0 = arith.addf %a"), 18, "%e = math.exp %a : f32\n      %0 = arith.addf %e");
  auto bytesOf = [](KernelCompiler &compiler, const std::string &text) {
    std::vector<int64_t> bytes;
    for (KernelFn function : llvm::cantFail(compiler.getOrCompile(parse(text).kernels)))
      bytes.push_back(compiler.codeBytes(function));
    return bytes;
  };
  auto one = make("");
  int64_t a = bytesOf(*one, adder("a", 1))[0], b = bytesOf(*one, text)[0];
  EXPECT_GT(a, 0);
  EXPECT_NE(a, b);
  // Together, in either order, read from the disk, and beside a third.
  EXPECT_EQ(bytesOf(*make(), adder("a", 1) + text), (std::vector<int64_t>{a, b}));
  EXPECT_EQ(bytesOf(*make(""), text + adder("a", 1)), (std::vector<int64_t>{b, a}));
  auto later = make();
  EXPECT_EQ(bytesOf(*later, text + adder("a", 1)), (std::vector<int64_t>{b, a}));
  EXPECT_EQ(later->stats().diskHits, 2u);
  EXPECT_EQ(bytesOf(*make(), adder("c", 5) + text)[1], b);
  EXPECT_EQ(one->codeBytes(nullptr), 0);
}

TEST_F(CacheTest, OtherLanesAreAnotherEntry) {
  Parsed parsed = parse(adder("a", 1));
  llvm::cantFail(make(std::string(directory), 8)->getOrCompile(parsed.kernels));
  auto other = make(std::string(directory), 4);
  EXPECT_EQ(runAdder(llvm::cantFail(other->getOrCompile(parsed.kernels))[0]), 2);
  EXPECT_EQ(other->stats().compiled, 1u);
}

TEST_F(CacheTest, DamagedFilesAreCompiledAgain) {
  Parsed parsed = parse(adder("a", 1));
  using Change = void (*)(std::string &);
  const Change changes[] = {
      [](std::string &bytes) { bytes[bytes.size() - 3] ^= 1; },
      [](std::string &bytes) { bytes.resize(bytes.size() / 2); },
      [](std::string &bytes) { bytes.resize(20); },
      [](std::string &bytes) { bytes.clear(); },
      [](std::string &bytes) { bytes[3] ^= 1; },
      [](std::string &bytes) { bytes += "x"; },
      [](std::string &bytes) { bytes[9] ^= 1; },
  };
  for (const char *extension : {".o", ".kernel"})
    for (Change change : changes) {
      llvm::cantFail(make()->getOrCompile(parsed.kernels));
      ASSERT_EQ(files(extension).size(), 1u);
      damage(files(extension)[0], change);
      auto compiler = make();
      testing::internal::CaptureStderr();
      EXPECT_EQ(runAdder(llvm::cantFail(compiler->getOrCompile(parsed.kernels))[0]), 2);
      EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
      EXPECT_EQ(compiler->stats().compiled, 1u);
      // and the entry is whole again
      auto next = make();
      llvm::cantFail(next->getOrCompile(parsed.kernels));
      EXPECT_EQ(next->stats().diskHits, 1u);
    }
}

TEST_F(CacheTest, AMissingObjectIsCompiledAgain) {
  Parsed parsed = parse(adder("a", 1));
  llvm::cantFail(make()->getOrCompile(parsed.kernels));
  llvm::sys::fs::remove(files(".o")[0]);
  auto compiler = make();
  EXPECT_EQ(runAdder(llvm::cantFail(compiler->getOrCompile(parsed.kernels))[0]), 2);
  EXPECT_EQ(compiler->stats().compiled, 1u);
}

TEST_F(CacheTest, AnIndexUnderAWrongNameIsNoHit) {
  llvm::cantFail(make()->getOrCompile(parse(adder("a", 1)).kernels));
  std::string first = files(".kernel")[0];
  llvm::cantFail(make()->getOrCompile(parse(adder("b", 2)).kernels));
  for (const std::string &path : files(".kernel"))
    if (path != first)
      ASSERT_FALSE(llvm::sys::fs::copy_file(first, path));
  auto compiler = make();
  EXPECT_EQ(runAdder(llvm::cantFail(compiler->getOrCompile(parse(adder("b", 2)).kernels))[0]), 3);
  EXPECT_EQ(compiler->stats().compiled, 1u);
}

TEST_F(CacheTest, AnUnusableDirectoryIsNoError) {
  // A file in the way works for root too, whom permissions do not stop.
  std::string file = (directory + "/file").str();
  std::error_code error;
  llvm::raw_fd_ostream(file, error) << "x";
  for (std::string path : {file, file + "/below", std::string("/proc/no/such/place")}) {
    auto compiler = make(path);
    EXPECT_EQ(runAdder(llvm::cantFail(compiler->getOrCompile(parse(adder("a", 1)).kernels))[0]), 2);
    EXPECT_EQ(compiler->stats().compiled, 1u);
  }
  // /dev/full reports "no space" at the first write; here the object's place is taken by a directory.
  auto compiler = make();
  llvm::cantFail(compiler->getOrCompile(parse(adder("a", 1)).kernels));
  std::string object = files(".o")[0];
  llvm::sys::fs::remove(object);
  llvm::sys::fs::create_directory(object);
  auto next = make();
  EXPECT_EQ(runAdder(llvm::cantFail(next->getOrCompile(parse(adder("a", 1)).kernels))[0]), 2);
  EXPECT_TRUE(files(".tmp").empty());
}

TEST_F(CacheTest, FailureKeepsTheCompilerUsable) {
  auto compiler = make();
  Parsed bad = parse(adder("good", 1) + "func.func @bad(%x: memref<?xf32>) {\n  return\n}\n");
  auto result = compiler->getOrCompile(bad.kernels);
  ASSERT_FALSE(bool(result));
  std::string message = llvm::toString(result.takeError());
  EXPECT_NE(message.find("kernel 'bad'"), std::string::npos) << message;
  EXPECT_EQ(runAdder(llvm::cantFail(compiler->getOrCompile(bad.kernels[0]))[0]), 2);
}

TEST_F(CacheTest, WorksInAForkedChild) {
  auto compiler = make();
  Parsed parsed = parse(adder("a", 1) + adder("b", 2));
  KernelFn before = llvm::cantFail(compiler->getOrCompile(parsed.kernels[0]))[0];
  pid_t child = fork();
  if (child == 0) {
    auto after = compiler->getOrCompile(parsed.kernels[1]);
    bool good = after && runAdder((*after)[0]) == 3 && runAdder(before) == 2;
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(CacheTest, KernelsAreNotChanged) {
  Parsed parsed = parse(adder("a", 1));
  parsed.kernels[0]->setDiscardableAttr("test.tag", mlir::UnitAttr::get(&context()));
  std::string before, after;
  llvm::raw_string_ostream(before) << *parsed.module;
  auto compiler = make("");
  llvm::cantFail(compiler->getOrCompile(parsed.kernels));
  llvm::raw_string_ostream(after) << *parsed.module;
  EXPECT_EQ(before, after);
}

} // namespace
} // namespace selfopt::codegen::test
