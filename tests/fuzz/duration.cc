#include "command_line/duration.h"

#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

void duration(std::string_view input) {
  const std::optional<uint64_t> parsed = parseDurationMs(input);
  FUZZ_CHECK(!parsed || (*parsed >= 1 && *parsed <= uint64_t{1000} * 24 * 60 * 60 * 1000));
}

}  // namespace holdfast::fuzz
