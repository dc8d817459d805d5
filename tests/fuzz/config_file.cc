#include "command_line/config_file.h"

#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

void configFile(std::string_view input) {
  const auto parsed = parseConfigFile("FILE", input);
  if (!parsed.ok()) {
    // Where it is wrong comes first, unless all of it is.
    FUZZ_CHECK(parsed.error().message.starts_with("FILE:"));
    return;
  }
  FilePlace last;
  for (const FileEntry& entry : parsed.value()) {
    FUZZ_CHECK(entry.place.line >= 1 && entry.place.column >= 1);
    FUZZ_CHECK(last <= entry.place);
    last = entry.place;
    FUZZ_CHECK(entry.isList || entry.values.size() == 1);
    for (const FileValue& value : entry.values) FUZZ_CHECK(value.place.line >= entry.place.line);
  }
}

}  // namespace holdfast::fuzz
