#include "store/newest_records.h"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace holdfast {

NewestRecords::Generation& NewestRecords::at(uint16_t location, uint32_t generation) {
  const auto found =
      std::find_if(generations_.begin(), generations_.end(), [&](const Generation& known) {
        return known.location == location && known.generation == generation;
      });
  if (found != generations_.end()) return *found;
  generations_.push_back({location, generation, {}, {}});
  return generations_.back();
}

void NewestRecords::remember(const JournalKey& key) {
  at(key.location, key.generation).journal = key;
}

void NewestRecords::remember(const BatchKey& key) {
  at(key.location, key.generation).batch = key;
}

void NewestRecords::forget(const StoreStep& step) {
  std::visit(
      [&](const auto& s) {
        using Step = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<Step, Release>) {
          generations_.clear();
        } else if constexpr (std::is_same_v<Step, DropLocation>) {
          std::erase_if(generations_,
                        [&](const Generation& known) { return known.location == s.location; });
        } else if constexpr (std::is_same_v<Step, DropGeneration>) {
          std::erase_if(generations_, [&](const Generation& known) {
            return known.location == s.location && known.generation == s.generation;
          });
        } else if constexpr (std::is_same_v<Step, DropFold>) {
          if (s.fold == 0) at(s.location, s.generation).batch.reset();
        } else if constexpr (std::is_same_v<Step, DropJournal>) {
          auto& journal = at(s.location, s.generation).journal;
          if (journal && (journal->stream < s.stream ||
                          (journal->stream == s.stream && journal->firstSeq <= s.throughSeq))) {
            journal.reset();
          }
        }
      },
      step);
  std::erase_if(generations_,
                [](const Generation& known) { return !known.journal && !known.batch; });
}

}  // namespace holdfast
