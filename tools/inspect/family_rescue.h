// Saves the families of a damaged store in a new one, by what they say of themselves: whatever is
// written was true of its worker once; what cannot be shown to be is left out, and told.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "store/store_reader.h"
#include "store/store_writer.h"
#include "text/progress.h"

namespace holdfast::inspect {

// What is not in the new store. Parts that do not apply are empty.
struct Lost {
  std::string instance;
  std::optional<uint32_t> worker;
  std::string location;
  bool partly = false;  // some of it is saved
  std::string why;
};

struct RescuedFamilies {
  std::unique_ptr<StoreWriter> writer;  // the new store is finished, but not published
  std::vector<Lost> lost;
  uint64_t eventsLost = 0;
};

// Into a store at `into`. The error says why there is no new store.
Result<RescuedFamilies> rescueFamilies(const StoreReader& reader, const std::string& into,
                                       text::Progress& progress);

}  // namespace holdfast::inspect
