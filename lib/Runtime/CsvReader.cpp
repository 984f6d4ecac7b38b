//===- CsvReader.cpp - tables of numbers ----------------------------------===//

#include "DatasetReaders.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

using namespace selfopt;
using namespace selfopt::detail;

std::string detail::number(double value) {
  char buffer[64];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end);
}

std::string detail::interval(double low, double high) { return "[" + number(low) + ", " + number(high) + "]"; }

namespace {

using Fields = llvm::SmallVector<llvm::StringRef, 80>;

/// 0 stands for runs of spaces.
void splitFields(llvm::StringRef line, char separator, Fields &fields) {
  fields.clear();
  if (separator == 0) {
    line.split(fields, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    return;
  }
  line.split(fields, separator);
  for (llvm::StringRef &field : fields)
    field = field.trim(" \t");
}

/// The value of a whole field. Infinite for what a double cannot hold.
std::optional<double> parseNumber(llvm::StringRef field) {
  field.consume_front("+");
  double value;
  auto [end, code] = std::from_chars(field.begin(), field.end(), value);
  if (end != field.end() || code == std::errc::invalid_argument)
    return std::nullopt;
  if (code == std::errc::result_out_of_range) {
    // Too large or too small: from_chars does not say which, and a tiny number is a fine one.
    if (field.getAsDouble(value))
      return std::numeric_limits<double>::infinity();
  }
  return value;
}

std::string found(llvm::StringRef field) {
  if (field.size() > 40)
    return ("found '" + field.take_front(40) + "...'").str();
  return ("found '" + field + "'").str();
}

/// One CSV file, line by line.
class Reader {
public:
  Reader(const Source &source, size_t columns) : path(source.path), rest(source.text), columns(columns) {
    rest.consume_front("\xef\xbb\xbf");
    chooseSeparator();
  }

  /// Moves to the next row of data; false at the end of the file.
  llvm::Expected<bool> next() {
    while (advance()) {
      splitFields(text, separator, fields);
      bool first = !std::exchange(started, true);
      if (first && isHeader())
        continue;
      if (fields.size() == columns)
        return true;
      return error(std::min(fields.size(), columns) + 1, "expected " + llvm::Twine(columns) +
                                                             (columns == 1 ? " column" : " columns") + ", found " +
                                                             llvm::Twine(fields.size()));
    }
    return false;
  }

  /// A finite number in a closed interval; `what` is "a feature" or "a target".
  llvm::Expected<float> value(size_t column, llvm::StringRef what, double low, double high) const {
    std::optional<double> parsed = parseNumber(fields[column]);
    if (!parsed)
      return error(column + 1, "expected a number, " + found(fields[column]));
    if (!std::isfinite(*parsed) || !std::isfinite(static_cast<float>(*parsed)))
      return error(column + 1, "expected a finite number, " + found(fields[column]));
    if (*parsed < low || *parsed > high)
      return error(column + 1, "expected " + what + " in " + interval(low, high) + ", " + found(fields[column]));
    return static_cast<float>(*parsed);
  }

  llvm::Expected<int32_t> label(size_t column, int64_t low, int64_t high) const {
    std::optional<double> parsed = parseNumber(fields[column]);
    double lowest = static_cast<double>(low), highest = static_cast<double>(high);
    if (!parsed || *parsed != std::floor(*parsed) || !(*parsed >= lowest && *parsed <= highest))
      return error(column + 1, "expected an integer label in [" + llvm::Twine(low) + ", " + llvm::Twine(high) + "], " +
                                   found(fields[column]));
    return static_cast<int32_t>(*parsed);
  }

private:
  /// Moves to the next line that is not blank.
  bool advance() {
    while (!rest.empty()) {
      std::tie(text, rest) = rest.split('\n');
      ++line;
      text = text.trim(" \r"); // tabs may separate empty fields
      if (!text.trim().empty())
        return true;
    }
    return false;
  }

  bool isHeader() const {
    size_t words = 0;
    for (llvm::StringRef field : fields)
      words += !parseNumber(field);
    if (fields.size() == columns)
      return 2 * words >= columns;
    // Words, or the "rows,columns" of scikit-learn's files. Other rows of numbers that are too short or too long are
    // damaged data, which must not vanish.
    return words > 0 || (fields.size() == 2 && columns > 3);
  }

  /// The first two rows decide: a header may fit no separator.
  void chooseSeparator() {
    static constexpr char candidates[] = {',', ';', '\t', 0};
    Reader ahead(*this);
    for (int row = 0; row < 2 && ahead.advance(); ++row) {
      for (char candidate : candidates) {
        splitFields(ahead.text, candidate, ahead.fields);
        if (ahead.fields.size() == columns && (columns == 1 || parseNumber(ahead.fields[0]))) {
          separator = candidate;
          if (columns > 1 || parseNumber(ahead.fields[0]))
            return;
        }
      }
    }
    // No row fits; the one that is present makes the better message.
    ahead = *this;
    while (ahead.advance())
      for (char candidate : candidates)
        if (candidate == 0 || ahead.text.contains(candidate)) {
          separator = candidate;
          return;
        }
  }

  llvm::Error error(size_t column, const llvm::Twine &message) const {
    return llvm::createStringError(path + ":" + llvm::Twine(line) + ":" + llvm::Twine(column) + ": " + message);
  }

  llvm::StringRef path, rest, text;
  size_t columns, line = 0;
  char separator = ',';
  bool started = false;
  Fields fields;
};

} // namespace

llvm::Expected<Table> detail::readCsv(const DatasetSpec &spec, int64_t featureSize, llvm::ArrayRef<Source> sources) {
  Table table;
  size_t features = static_cast<size_t>(featureSize);
  size_t answers = spec.hasLabel ? 1 : static_cast<size_t>(spec.targetSize);
  bool together = sources.size() == 1;

  // Label or target, from column `first` of the row that the reader stands at.
  auto readAnswer = [&](Reader &reader, size_t first) -> llvm::Error {
    if (spec.hasLabel) {
      llvm::Expected<int32_t> label = reader.label(first, spec.labelLow, spec.labelHigh);
      if (!label)
        return label.takeError();
      table.labels.push_back(*label);
      return llvm::Error::success();
    }
    for (size_t i = 0; i < answers; ++i) {
      llvm::Expected<float> value = reader.value(first + i, "a target", spec.targetLow, spec.targetHigh);
      if (!value)
        return value.takeError();
      table.targets.push_back(*value);
    }
    return llvm::Error::success();
  };

  Reader reader(sources[0], features + (together ? answers : 0));
  while (spec.limit == 0 || table.rows < spec.limit) {
    llvm::Expected<bool> more = reader.next();
    if (!more)
      return more.takeError();
    if (!*more)
      break;
    for (size_t i = 0; i < features; ++i) {
      llvm::Expected<float> value = reader.value(i, "a feature", spec.featureLow, spec.featureHigh);
      if (!value)
        return value.takeError();
      table.features.push_back(*value);
    }
    if (together)
      if (llvm::Error error = readAnswer(reader, features))
        return error;
    ++table.rows;
  }
  if (together)
    return table;

  Reader second(sources[1], answers);
  int64_t rows = 0;
  while (spec.limit == 0 || rows < spec.limit) {
    llvm::Expected<bool> more = second.next();
    if (!more)
      return more.takeError();
    if (!*more)
      break;
    if (llvm::Error error = readAnswer(second, 0))
      return error;
    ++rows;
  }
  if (rows != table.rows)
    return llvm::createStringError(llvm::Twine(sources[1].path) + ": expected " + llvm::Twine(table.rows) +
                                   " rows as in " + sources[0].path + ", found " + llvm::Twine(rows));
  return table;
}
