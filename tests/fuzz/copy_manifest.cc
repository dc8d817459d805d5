#include "store/copy_manifest.h"

#include <algorithm>
#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

void checkManifest(std::string_view text) {
  const std::optional<CopyManifest> parsed = decodeCopyManifest(text);
  if (!parsed) return;
  for (const CopiedFile& file : parsed->files) FUZZ_CHECK(isStoreFile(file.name));
  FUZZ_CHECK(encodeCopyManifest(*parsed) == text);
}

}  // namespace

// As it is, and with the last line that is right for the rest.
void copyManifest(std::string_view input) {
  checkManifest(input);
  const auto lines = std::count(input.begin(), input.end(), '\n');
  constexpr long kLinesBeforeFiles = 6;
  if (lines < kLinesBeforeFiles) return;
  FileChecksum sum;
  sum.add(input.data(), input.size());
  checkManifest(std::string(input) + "end " + std::to_string(lines - kLinesBeforeFiles) + " " +
                sum.hex() + "\n");
}

}  // namespace holdfast::fuzz
