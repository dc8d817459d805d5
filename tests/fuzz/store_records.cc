#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "format/contents.h"
#include "format/event_records.h"
#include "format/registry_records.h"
#include "format/words.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

// What decodes can be stored again, and comes back the same.
template <typename Record>
void checkRecord(std::optional<Record> (*decode)(std::string_view), std::string_view value) {
  const std::optional<Record> record = decode(value);
  if (!record) return;
  const std::string stored = encodeRecord(*record);
  // Whatever a damaged one claims to have.
  constexpr size_t kTimesMax = 16;
  constexpr size_t kBytesMax = 4096;
  FUZZ_CHECK(stored.size() <= kTimesMax * value.size() + kBytesMax);
  const std::optional<Record> again = decode(stored);
  FUZZ_CHECK(again && encodeRecord(*again) == stored);
}

void checkContents(std::string_view value) {
  std::vector<uint64_t> scratch;
  const auto words = alignedWords(value, scratch);
  if (!words) return;
  std::vector<ChunkHash> keys;
  if (const auto segment = readSegment(*words, keys)) {
    FUZZ_CHECK(!segment->empty() && segment->size() <= kSegmentKeysMax);
    std::string stored = encodeSegment(*segment);
    std::vector<uint64_t> aligned;
    std::vector<ChunkHash> again;
    const auto back = readSegment(*alignedWords(stored, aligned), again);
    FUZZ_CHECK(back && std::equal(back->begin(), back->end(), segment->begin(), segment->end()));
  }
  uint64_t sum = 0;
  if (const auto batch = decodeBatch(*words)) {
    for (const ChunkHash key : *batch) sum += key;
  }
  if (const auto journal = decodeJournal(*words)) {
    for (size_t i = 0; i < journal->operations.size(); ++i) {
      sum += journal->operations.keys[i] + (journal->operations.evicts.test(i) ? 1 : 0);
    }
  }
  // So that nothing of it is optimised away.
  [[maybe_unused]] volatile const uint64_t read = sum;
}

}  // namespace

// The first byte says what record the rest is.
void storeRecords(std::string_view input) {
  if (input.empty()) return;
  const std::string_view value = input.substr(1);
  switch (input[0]) {
    case 'f':
      return checkRecord(decodeFormat, value);
    case 't':
      return checkRecord(decodeTime, value);
    case 'g':
      return checkRecord(decodeLogPlace, value);
    case 'o':
      return checkRecord(decodeOwner, value);
    case 'i':
      return checkRecord(decodeInstance, value);
    case 'w':
      return checkRecord(decodeWorker, value);
    case 'l':
      return checkRecord(decodeLocation, value);
    case 'e':
      return checkRecord(decodeEvent, value);
    case 'p':
      return checkRecord(decodePin, value);
    default:
      return checkContents(value);
  }
}

}  // namespace holdfast::fuzz
