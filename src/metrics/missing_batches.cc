#include "metrics/missing_batches.h"

namespace holdfast::metrics {

bool MissingBatches::next(size_t work) {
  for (size_t spent = 0; spent < work;) {
    const Worker* const worker = walk_.next();
    if (worker == nullptr) return false;
    for (const auto& location : worker->locations) {
      const Building* const building = location->building.get();
      if (building != nullptr) count_ += building->stored.size() - building->batchesStored;
    }
    spent += 1 + worker->locations.size();
  }
  return true;
}

}  // namespace holdfast::metrics
