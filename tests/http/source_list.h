// A table of sources in memory, as the gateway of KV events has one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/source_table.h"

namespace holdfast::test {

class SourceList final : public SourceTable {
 public:
  Result<Ticket> add(const EngineSource& source) override {
    if (source.endpoint.find("://") == std::string::npos) {
      return Error{ErrorCode::kInvalid, "endpoint: no address"};
    }
    SourceState state;
    state.source = source;
    const auto found = all.try_emplace(source.name, state).first;
    if (found->second.source == source) return Ticket{0};
    return Error{ErrorCode::kRefused, "it is registered with other values"};
  }
  Result<Ticket> remove(std::string_view instance, std::optional<uint32_t> rank) override {
    std::erase_if(all, [&](const auto& one) {
      return one.first.instance == instance && (!rank || one.first.rank == *rank);
    });
    return Ticket{0};
  }
  const EngineSource* find(const SourceName& name) const override {
    const auto found = all.find(name);
    return found == all.end() ? nullptr : &found->second.source;
  }
  std::vector<SourceState> list(const SourceName* after, size_t max) const override {
    std::vector<SourceState> found;
    for (auto at = after == nullptr ? all.begin() : all.upper_bound(*after);
         at != all.end() && found.size() < max; ++at) {
      found.push_back(at->second);
    }
    return found;
  }
  SourceTotals totals() const override { return {}; }

  std::map<SourceName, SourceState> all;
};

}  // namespace holdfast::test
