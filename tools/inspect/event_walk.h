// Reads the events of cache operations, one at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "store/store_reader.h"

namespace holdfast::inspect {

struct EventVisitor {
  // `value` is the record as it is stored. Neither stands longer than the call.
  std::function<void(const EventRecord& event, std::string_view value)> event;
  // A record that is not that of an event: its id as its key says it, and why.
  std::function<void(std::string_view id, const std::string& what)> damaged;
};

// By id. The error says why reading ended early.
std::optional<Error> walkEvents(const StoreReader& reader, const EventVisitor& visitor);

}  // namespace holdfast::inspect
