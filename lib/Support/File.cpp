//===- File.cpp - whole files ---------------------------------------------===//

#include "SelfOpt/Support/File.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

using namespace selfopt;

namespace {

/// A file descriptor that closes itself.
struct Descriptor {
  int fd;
  explicit Descriptor(int fd) : fd(fd) {}
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

llvm::Error failure(llvm::StringRef path, const llvm::Twine &what, int code) {
  return llvm::createStringError(std::error_code(code, std::generic_category()),
                                 path + ": " + what + ": " + std::strerror(code));
}

llvm::Error failure(llvm::StringRef path, const llvm::Twine &message) {
  return llvm::createStringError(path + ": " + message);
}

int openRetrying(const char *path, int flags, mode_t mode = 0) {
  int fd;
  do
    fd = ::open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

llvm::Error writeAll(int fd, llvm::StringRef path, llvm::StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR)
        continue;
      return failure(path, "could not write", errno);
    }
    bytes = bytes.drop_front(static_cast<size_t>(n));
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::string> selfopt::readRawFile(llvm::StringRef path) {
  Descriptor file(openRetrying(path.str().c_str(), O_RDONLY));
  if (file.fd < 0)
    return failure(path, "could not open", errno);
  struct stat status;
  if (::fstat(file.fd, &status) != 0)
    return failure(path, "could not read", errno);
  if (S_ISDIR(status.st_mode))
    return failure(path, "expected a file, found a folder");
  std::string bytes;
  size_t used = 0;
  // The size is a hint only: a pipe has none, and a file may grow while it is read.
  uint64_t hint = S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
  if (hint > maximumFileBytes)
    return failure(path, "expected at most " + llvm::Twine(maximumFileBytes) + " bytes, found " + llvm::Twine(hint));
  bytes.resize(hint + 1);
  while (true) {
    if (used == bytes.size())
      bytes.resize(bytes.size() + std::max<size_t>(bytes.size() / 2, 1 << 16));
    ssize_t n = ::read(file.fd, bytes.data() + used, bytes.size() - used);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      return failure(path, "could not read", errno);
    }
    if (n == 0)
      break;
    used += static_cast<size_t>(n);
    if (used > maximumFileBytes)
      return failure(path, "expected at most " + llvm::Twine(maximumFileBytes) + " bytes, found more");
  }
  bytes.resize(used);
  return bytes;
}

llvm::Expected<std::string> selfopt::decompress(std::string raw, llvm::StringRef path) {
  if (raw.size() < 2 || raw[0] != '\x1f' || raw[1] != '\x8b')
    return raw;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) // 16: a gzip header and trailer
    return failure(path, "could not decompress: zlib would not start");
  std::string out;
  size_t used = 0;
  size_t consumed = 0;
  std::string problem;
  while (true) {
    if (used == out.size()) {
      if (used >= maximumDecompressedBytes) {
        problem = "expected at most " + std::to_string(maximumDecompressedBytes) + " bytes after decompression, found more";
        break;
      }
      out.resize(std::max<size_t>(out.size() * 2, std::max<size_t>(raw.size() * 4, 1 << 16)));
    }
    stream.next_in = reinterpret_cast<Bytef *>(raw.data()) + consumed;
    stream.avail_in = static_cast<uInt>(std::min<size_t>(raw.size() - consumed, 1u << 30));
    stream.next_out = reinterpret_cast<Bytef *>(out.data()) + used;
    stream.avail_out = static_cast<uInt>(std::min<size_t>(out.size() - used, 1u << 30));
    uInt in = stream.avail_in, space = stream.avail_out;
    int code = inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    used += space - stream.avail_out;
    if (code == Z_STREAM_END) {
      if (consumed == raw.size())
        break;
      // Another member may follow; what is no gzip there is found by its header.
      inflateReset(&stream);
      continue;
    }
    if (code == Z_BUF_ERROR || code == Z_OK) {
      if (consumed == raw.size() && stream.avail_out != 0) {
        problem = "expected a whole gzip file, found its end after " + std::to_string(raw.size()) + " bytes";
        break;
      }
      continue;
    }
    problem = std::string("expected gzip data, found an error at byte ") + std::to_string(consumed) + ": " +
              (stream.msg ? stream.msg : zError(code));
    break;
  }
  inflateEnd(&stream);
  if (!problem.empty())
    return failure(path, problem);
  out.resize(used);
  return out;
}

llvm::Expected<std::string> selfopt::readFile(llvm::StringRef path) {
  llvm::Expected<std::string> raw = readRawFile(path);
  if (!raw)
    return raw.takeError();
  return decompress(std::move(*raw), path);
}

llvm::Error selfopt::writeFileAtomically(llvm::StringRef path, llvm::StringRef bytes) {
  struct stat status;
  std::string target = path.str();
  if (::stat(target.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode))
      return failure(path, "could not write: expected a file, found a folder");
    Descriptor device(openRetrying(target.c_str(), O_WRONLY));
    if (device.fd < 0)
      return failure(path, "could not open for writing", errno);
    return writeAll(device.fd, path, bytes);
  }

  // Process and serial number: two writers of one path, even in one process, never share a temporary file.
  static std::atomic<unsigned> serial{0};
  std::string temporary = target + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(serial++);
  {
    Descriptor file(openRetrying(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666));
    if (file.fd < 0)
      return failure(path, "could not write", errno);
    llvm::Error error = writeAll(file.fd, path, bytes);
    if (!error && ::fsync(file.fd) != 0)
      error = failure(path, "could not write", errno);
    if (error) {
      ::unlink(temporary.c_str());
      return error;
    }
  }
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    int code = errno;
    ::unlink(temporary.c_str());
    return failure(path, "could not write", code);
  }
  // The new name itself lasts only when the folder is on the disk too. Some file systems refuse that; it is no loss
  // of data short of a power cut, so it is no error.
  llvm::StringRef parent = llvm::sys::path::parent_path(path);
  Descriptor folder(openRetrying(parent.empty() ? "." : parent.str().c_str(), O_RDONLY | O_DIRECTORY));
  if (folder.fd >= 0)
    (void)::fsync(folder.fd);
  return llvm::Error::success();
}
