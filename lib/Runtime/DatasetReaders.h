//===- DatasetReaders.h - one reader per file format ------------*- C++ -*-===//
#ifndef SELFOPT_LIB_RUNTIME_DATASETREADERS_H
#define SELFOPT_LIB_RUNTIME_DATASETREADERS_H

#include "SelfOpt/Runtime/Dataset.h"

namespace selfopt::detail {

/// All rows of one source, in file order.
struct Table {
  int64_t rows = 0;
  std::vector<float> features; // rows x featureSize, or empty and
  std::string pixels;          // the same behind `pixelOffset` as unsigned bytes: a quarter of the memory
  size_t pixelOffset = 0;
  std::vector<int32_t> labels;
  std::vector<float> targets;
};

/// A file's decompressed bytes and the path that errors name.
struct Source {
  std::string path;
  std::string text;
};

llvm::Expected<Table> readCsv(const DatasetSpec &spec, int64_t featureSize, llvm::ArrayRef<Source> sources);

/// One pair of images and labels. Takes the bytes of the images over.
llvm::Expected<Table> readIdx(const DatasetSpec &spec, int64_t featureSize, Source &images, const Source &labels);

/// The shortest text that reads back as `value`: 16, 0.1, 1e+30.
std::string number(double value);

/// "[0, 16]"
std::string interval(double low, double high);

} // namespace selfopt::detail

#endif // SELFOPT_LIB_RUNTIME_DATASETREADERS_H
