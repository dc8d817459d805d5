#include "client/outgoing_report.h"

namespace holdfast {

Report OutgoingReport::view() const {
  return {location, incarnation, firstSeq, {keys, {evicts.empty() ? nullptr : evicts.data(), 0}}};
}

void OutgoingReport::append(ChunkHash key, bool evict) {
  const size_t i = keys.size();
  keys.push_back(key);
  if (!evict) return;
  evicts.resize(i / 8 + 1);
  evicts[i / 8] = static_cast<uint8_t>(evicts[i / 8] | (1u << (i % 8)));
}

void OutgoingReport::trimEvicts() {
  if (!evicts.empty()) evicts.resize((keys.size() + 7) / 8);
}

}  // namespace holdfast
