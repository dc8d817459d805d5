// A configuration file in TOML, as keys and values with the places where they stand. What they mean
// is up to whoever reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace holdfast {

// From 1.
struct FilePlace {
  uint32_t line = 0;
  uint32_t column = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy takes its own comparison with 0 for one.
  friend auto operator<=>(const FilePlace&, const FilePlace&) = default;
};
// "FILE:3:12"
std::string describe(const std::string& file, FilePlace place);

struct FileValue {
  enum class Type : uint8_t { kText, kInteger, kFraction, kTruth };
  Type type = Type::kText;
  std::string text;  // as a command line has it: 16, 0.8, true, the inside of a string
  FilePlace place;
};

struct FileEntry {
  std::string table;   // empty: above the first one
  size_t element = 0;  // of a table that comes several times, [[engine]]: which one, from 1
  std::string key;
  FilePlace place;
  bool isList = false;
  std::vector<FileValue> values;  // one, where it is no list
};

inline constexpr size_t kConfigFileBytesMax = 1 << 20;

// In the order of the file. Tables are not nested, and come once or, as [[NAME]], several times;
// values are texts, numbers and truths, or lists of them. kInvalid, with a message that begins with
// the place: "FILE:3:12: ...". `file` is only a name.
Result<std::vector<FileEntry>> parseConfigFile(const std::string& file, std::string_view text);

}  // namespace holdfast
