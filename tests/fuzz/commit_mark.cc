#include "format/commit_mark.h"

#include <cstring>
#include <string>
#include <vector>

#include "format/checksum.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

void checkMark(std::string_view frames) {
  size_t bytes = 0;
  const std::optional<CommitMark> mark = decodeMark(frames, &bytes);
  FUZZ_CHECK(bytes <= frames.size());
  FUZZ_CHECK(mark.has_value() == (bytes != 0));
  if (!mark) return;
  std::vector<uint32_t> families;
  for (const auto& family : mark->families) families.push_back(family.first);
  const std::string frame = encodeMarkFrame(*mark, families);
  const std::optional<CommitMark> again = decodeMark(frame);
  FUZZ_CHECK(again && encodeMarkFrame(*again, families) == frame);
}

}  // namespace

// As it is, and as the payload of a frame with the right checksum.
void commitMark(std::string_view input) {
  checkMark(input);
  const uint32_t header[] = {0x314D4648, static_cast<uint32_t>(input.size()),
                             extendCrc32c(0, input)};
  std::string frame(sizeof(header), '\0');
  std::memcpy(frame.data(), header, sizeof(header));
  checkMark(frame.append(input));
}

}  // namespace holdfast::fuzz
