// The newest records of an owner's locations: had committed writes vanished with a failure of the
// disk, these would be missing. Kept by generation, because a full sync writes one beside the live
// one, in turns, and either may be dropped.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/registry_store.h"
#include "format/keys.h"

namespace holdfast {

class NewestRecords {
 public:
  struct Generation {
    uint16_t location = 0;
    uint32_t generation = 0;
    std::optional<JournalKey> journal;
    std::optional<BatchKey> batch;  // the last one written: they come in any order
  };

  void remember(const JournalKey& key);
  void remember(const BatchKey& key);
  // What `step` deletes need not be there any more.
  void forget(const StoreStep& step);

  // Those of which there is something.
  const std::vector<Generation>& generations() const { return generations_; }

 private:
  Generation& at(uint16_t location, uint32_t generation);

  std::vector<Generation> generations_;  // at most two of a location
};

}  // namespace holdfast
