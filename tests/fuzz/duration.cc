#include "command_line/duration.h"

#include "command_line/size.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

void duration(std::string_view input) {
  const std::optional<uint64_t> parsed = parseDurationMs(input);
  FUZZ_CHECK(!parsed || (*parsed >= 1 && *parsed <= uint64_t{1000} * 24 * 60 * 60 * 1000));
  FUZZ_CHECK(!parsed || parseDurationMs(durationText(*parsed)) == parsed);
  const std::optional<uint64_t> size = parseSize(input);
  FUZZ_CHECK(!size || *size >> 63 == 0);
  FUZZ_CHECK(!size || parseSize(sizeText(*size)) == size);
}

}  // namespace holdfast::fuzz
