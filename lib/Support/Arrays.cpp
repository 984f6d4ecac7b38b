//===- Arrays.cpp - NumPy and safetensors files ---------------------------===//
//
// NumPy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
// safetensors: https://huggingface.co/docs/safetensors
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Support/File.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <optional>

using namespace selfopt;

static_assert(llvm::endianness::native == llvm::endianness::little, "array bytes are taken as they lie in memory");

static llvm::Error failure(llvm::StringRef path, const llvm::Twine &message) {
  return llvm::createStringError(path + ": " + message);
}

int64_t Array::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

namespace {
struct KindInfo {
  Array::Kind kind;
  int64_t bytes;
  const char *name, *npy, *safetensors;
};
} // namespace

static constexpr KindInfo kinds[] = {{Array::Kind::F32, 4, "f32", "<f4", "F32"},
                                     {Array::Kind::F64, 8, "f64", "<f8", "F64"},
                                     {Array::Kind::I32, 4, "i32", "<i4", "I32"},
                                     {Array::Kind::I64, 8, "i64", "<i8", "I64"},
                                     {Array::Kind::Bool, 1, "bool", "|b1", "BOOL"}};

static const KindInfo &info(Array::Kind kind) { return kinds[static_cast<int>(kind)]; }

int64_t selfopt::elementBytes(Array::Kind kind) { return info(kind).bytes; }
llvm::StringRef selfopt::kindName(Array::Kind kind) { return info(kind).name; }

/// Bytes that a shape needs, or nothing where a size is negative or the product leaves 63 bits.
static std::optional<uint64_t> neededBytes(llvm::ArrayRef<int64_t> shape, int64_t element) {
  int64_t bytes = element;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes))
      return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

static std::string shapeText(llvm::ArrayRef<int64_t> shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

/// An array from outside the program may not hold what its shape says.
static llvm::Error checkBytes(llvm::StringRef path, llvm::StringRef what, const Array &array) {
  std::optional<uint64_t> needed = neededBytes(array.shape, elementBytes(array.kind));
  if (!needed || *needed != array.bytes.size())
    return failure(path, what + ": expected the bytes of shape " + shapeText(array.shape) + " of " +
                             kindName(array.kind) + ", found " + llvm::Twine(array.bytes.size()) + " bytes");
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// NumPy
//===----------------------------------------------------------------------===//

namespace {
/// The header is a Python dict literal of three known keys: strings, booleans and one tuple of integers.
struct NpyHeader {
  std::optional<llvm::StringRef> descr;
  std::optional<bool> fortran;
  std::optional<llvm::SmallVector<int64_t>> shape;
};
} // namespace

static bool parseNpyHeader(llvm::StringRef text, NpyHeader &header) {
  auto skip = [&] { text = text.ltrim(" \t\n\r"); };
  auto eat = [&](llvm::StringRef token) {
    skip();
    return text.consume_front(token);
  };
  auto string = [&](llvm::StringRef &value) {
    skip();
    if (text.empty() || (text[0] != '\'' && text[0] != '"'))
      return false;
    size_t end = text.find(text[0], 1);
    if (end == llvm::StringRef::npos)
      return false;
    value = text.slice(1, end);
    text = text.drop_front(end + 1);
    return true;
  };
  if (!eat("{"))
    return false;
  while (!eat("}")) {
    llvm::StringRef key;
    if (!string(key) || !eat(":"))
      return false;
    if (key == "descr") {
      llvm::StringRef value;
      if (!string(value))
        return false;
      header.descr = value;
    } else if (key == "fortran_order") {
      if (eat("True"))
        header.fortran = true;
      else if (eat("False"))
        header.fortran = false;
      else
        return false;
    } else if (key == "shape") {
      if (!eat("("))
        return false;
      header.shape.emplace();
      while (!eat(")")) {
        skip();
        int64_t size;
        if (text.consumeInteger(10, size))
          return false;
        text.consume_front("L"); // written by Python 2
        header.shape->push_back(size);
        if (!eat(",") && !text.ltrim().starts_with(")"))
          return false;
      }
    } else {
      return false;
    }
    if (!eat(",") && !text.ltrim().starts_with("}"))
      return false;
  }
  skip();
  return text.empty() && header.descr && header.fortran && header.shape;
}

llvm::Expected<Array> selfopt::readNpy(llvm::StringRef path) {
  llvm::Expected<std::string> contents = readFile(path);
  if (!contents)
    return contents.takeError();
  llvm::StringRef bytes = *contents;
  if (!bytes.starts_with("\x93NUMPY") || bytes.size() < 10)
    return failure(path, "expected a NumPy array (.npy), found " +
                             (bytes.empty() ? llvm::Twine("an empty file") : llvm::Twine("other contents")));
  unsigned version = static_cast<uint8_t>(bytes[6]);
  if (version < 1 || version > 3)
    return failure(path, "expected .npy version 1, 2 or 3, found " + llvm::Twine(version));
  size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start)
    return failure(path, "expected a .npy header, found the end of the file");
  size_t length = version == 1 ? llvm::support::endian::read16le(bytes.data() + 8)
                               : llvm::support::endian::read32le(bytes.data() + 8);
  if (bytes.size() - start < length)
    return failure(path, "expected a .npy header of " + llvm::Twine(length) + " bytes, found the end of the file");
  NpyHeader header;
  if (!parseNpyHeader(bytes.substr(start, length), header))
    return failure(path, "expected a .npy header with descr, fortran_order and shape, found '" +
                             bytes.substr(start, length).rtrim().take_front(120) + "'");
  const KindInfo *found = llvm::find_if(kinds, [&](const KindInfo &kind) {
    return *header.descr == kind.npy || (kind.bytes == 1 && *header.descr == "?");
  });
  if (found == std::end(kinds))
    return failure(path, "expected elements of type <f4, <f8, <i4, <i8 or |b1, found " + *header.descr);
  if (*header.fortran && header.shape->size() > 1)
    return failure(path, "expected C order (fortran_order False), found Fortran order");
  Array array;
  array.kind = found->kind;
  array.shape = *header.shape;
  llvm::StringRef data = bytes.drop_front(start + length);
  std::optional<uint64_t> needed = neededBytes(array.shape, found->bytes);
  if (!needed || *needed != data.size())
    return failure(path, "expected " + (needed ? llvm::Twine(*needed) + " bytes" : llvm::Twine("the elements")) +
                             " for shape " + shapeText(array.shape) + " of " + found->npy + ", found " +
                             llvm::Twine(data.size()) + " bytes");
  array.bytes.assign(data.begin(), data.end());
  return array;
}

llvm::Error selfopt::writeNpy(llvm::StringRef path, const Array &array) {
  if (llvm::Error error = checkBytes(path, "array", array))
    return error;
  std::string header = std::string("{'descr': '") + info(array.kind).npy +
                       "', 'fortran_order': False, 'shape': " + shapeText(array.shape) + ", }";
  // The data start at a multiple of 64 bytes, and the header ends with a newline.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  if (header.size() > 0xffff)
    return failure(path, "expected a shape that fits a .npy header, found " + llvm::Twine(array.shape.size()) +
                             " dimensions");
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(array.bytes.begin(), array.bytes.end());
  return writeFileAtomically(path, bytes);
}

//===----------------------------------------------------------------------===//
// safetensors
//===----------------------------------------------------------------------===//

const Array *TensorFile::find(llvm::StringRef name) const {
  for (const NamedArray &tensor : tensors)
    if (tensor.name == name)
      return &tensor.array;
  return nullptr;
}

/// What the format or JSON cannot say.
static llvm::Error checkTensorFile(llvm::StringRef path, const TensorFile &file) {
  llvm::StringSet<> keys, names;
  for (const auto &[key, value] : file.metadata) {
    if (!llvm::json::isUTF8(key) || !llvm::json::isUTF8(value))
      return failure(path,
                     "expected UTF-8 in the metadata, found other bytes under '" + llvm::json::fixUTF8(key) + "'");
    if (!keys.insert(key).second)
      return failure(path, "expected metadata keys that differ, found '" + key + "' twice");
  }
  for (const NamedArray &tensor : file.tensors) {
    if (!llvm::json::isUTF8(tensor.name) || tensor.name == "__metadata__")
      return failure(path, "expected a tensor name in UTF-8 other than __metadata__, found '" +
                               llvm::json::fixUTF8(tensor.name) + "'");
    if (!names.insert(tensor.name).second)
      return failure(path, "expected tensor names that differ, found '" + tensor.name + "' twice");
    if (llvm::Error error = checkBytes(path, "tensor '" + tensor.name + "'", tensor.array))
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<std::string> selfopt::encodeSafetensors(llvm::StringRef path, const TensorFile &file) {
  if (llvm::Error error = checkTensorFile(path, file))
    return std::move(error);
  std::string header;
  llvm::raw_string_ostream stream(header);
  llvm::json::OStream json(stream);
  int64_t offset = 0;
  json.object([&] {
    if (!file.metadata.empty())
      json.attributeObject("__metadata__", [&] {
        auto sorted = file.metadata;
        llvm::sort(sorted);
        for (const auto &[key, value] : sorted)
          json.attribute(key, value);
      });
    for (const NamedArray &tensor : file.tensors)
      json.attributeObject(tensor.name, [&] {
        json.attribute("dtype", info(tensor.array.kind).safetensors);
        json.attributeArray("shape", [&] {
          for (int64_t size : tensor.array.shape)
            json.value(size);
        });
        json.attributeArray("data_offsets", [&] {
          json.value(offset);
          offset += static_cast<int64_t>(tensor.array.bytes.size());
          json.value(offset);
        });
      });
  });
  header.append((8 - header.size() % 8) % 8, ' '); // so that the data lie aligned
  std::string bytes(8, '\0');
  llvm::support::endian::write64le(bytes.data(), header.size());
  bytes.reserve(8 + header.size() + static_cast<size_t>(offset));
  bytes += header;
  for (const NamedArray &tensor : file.tensors)
    bytes.append(tensor.array.bytes.begin(), tensor.array.bytes.end());
  return bytes;
}

llvm::Error selfopt::writeSafetensors(llvm::StringRef path, const TensorFile &file) {
  llvm::Expected<std::string> bytes = encodeSafetensors(path, file);
  return bytes ? writeFileAtomically(path, *bytes) : bytes.takeError();
}

llvm::Expected<TensorFile> selfopt::readSafetensors(llvm::StringRef path) {
  llvm::Expected<std::string> contents = readFile(path);
  return contents ? decodeSafetensors(path, *contents) : contents.takeError();
}

llvm::Expected<TensorFile> selfopt::decodeSafetensors(llvm::StringRef path, llvm::StringRef bytes) {
  if (bytes.size() < 8)
    return failure(path, "expected a safetensors file, found " + llvm::Twine(bytes.size()) + " bytes");
  uint64_t length = llvm::support::endian::read64le(bytes.data());
  if (length > bytes.size() - 8)
    return failure(path, "expected a safetensors header of " + llvm::Twine(length) + " bytes, found the end of the " +
                             "file after " + llvm::Twine(bytes.size() - 8));
  llvm::StringRef data = bytes.drop_front(8 + length);
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(bytes.substr(8, length));
  if (!json)
    return failure(path, "expected a safetensors header in JSON, found: " + llvm::toString(json.takeError()));
  const llvm::json::Object *header = json->getAsObject();
  if (!header)
    return failure(path, "expected a JSON object as the safetensors header, found another value");

  TensorFile file;
  struct Place {
    uint64_t begin, end;
    NamedArray tensor;
  };
  std::vector<Place> places;
  for (const auto &entry : *header) {
    llvm::StringRef name = entry.first;
    const llvm::json::Object *fields = entry.second.getAsObject();
    if (!fields)
      return failure(path, "tensor '" + name + "': expected a JSON object, found another value");
    if (name == "__metadata__") {
      for (const auto &item : *fields) {
        auto value = item.second.getAsString();
        if (!value)
          return failure(path,
                         "metadata '" + llvm::StringRef(item.first) + "': expected a string, found another value");
        file.metadata.emplace_back(llvm::StringRef(item.first).str(), value->str());
      }
      continue;
    }
    auto type = fields->getString("dtype");
    const llvm::json::Array *shape = fields->getArray("shape");
    const llvm::json::Array *offsets = fields->getArray("data_offsets");
    if (!type || !shape || !offsets || offsets->size() != 2)
      return failure(path, "tensor '" + name + "': expected dtype, shape and two data_offsets, found less");
    const KindInfo *kind = llvm::find_if(kinds, [&](const KindInfo &k) { return *type == k.safetensors; });
    if (kind == std::end(kinds))
      return failure(path, "tensor '" + name + "': expected dtype F32, F64, I32, I64 or BOOL, found " + *type);
    Place place;
    place.tensor.name = name.str();
    place.tensor.array.kind = kind->kind;
    for (const llvm::json::Value &size : *shape) {
      auto value = size.getAsInteger();
      if (!value)
        return failure(path, "tensor '" + name + "': expected integers in its shape, found another value");
      place.tensor.array.shape.push_back(*value);
    }
    auto begin = (*offsets)[0].getAsInteger(), end = (*offsets)[1].getAsInteger();
    std::optional<uint64_t> needed = neededBytes(place.tensor.array.shape, kind->bytes);
    if (!begin || !end || *begin < 0 || *end < *begin || static_cast<uint64_t>(*end) > data.size())
      return failure(path, "tensor '" + name + "': expected data_offsets within the " + llvm::Twine(data.size()) +
                               " bytes of data, found others");
    if (!needed || *needed != static_cast<uint64_t>(*end - *begin))
      return failure(path, "tensor '" + name + "': expected the bytes of shape " + shapeText(place.tensor.array.shape) +
                               " of " + *type + ", found " + llvm::Twine(*end - *begin) + " bytes");
    place.begin = *begin;
    place.end = *end;
    places.push_back(std::move(place));
  }
  // The header is a hash map by now: only the offsets tell the order.
  llvm::sort(places, [](const Place &a, const Place &b) {
    return std::tie(a.begin, a.end, a.tensor.name) < std::tie(b.begin, b.end, b.tensor.name);
  });
  llvm::sort(file.metadata);
  uint64_t expected = 0;
  for (Place &place : places) {
    if (place.begin != expected)
      return failure(path, "tensor '" + place.tensor.name + "': expected its data at byte " + llvm::Twine(expected) +
                               ", found byte " + llvm::Twine(place.begin));
    expected = place.end;
    place.tensor.array.bytes.assign(data.begin() + place.begin, data.begin() + place.end);
    file.tensors.push_back(std::move(place.tensor));
  }
  if (expected != data.size())
    return failure(path, "expected " + llvm::Twine(expected) + " bytes of data, found " + llvm::Twine(data.size()));
  return file;
}
