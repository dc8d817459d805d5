#include "inspect/event_walk.h"

#include <algorithm>

#include "core/ids.h"
#include "format/event_records.h"
#include "format/keys.h"

namespace holdfast::inspect {

std::optional<Error> walkEvents(const StoreReader& reader, const EventVisitor& visitor) {
  const auto& families = reader.families();
  const auto family = std::find_if(families.begin(), families.end(),
                                   [](const auto& one) { return one.name == kEventsFamily; });
  if (family == families.end()) return std::nullopt;  // a store that no controller has opened yet
  auto rows = reader.rows(static_cast<size_t>(family - families.begin()));
  for (rows.seek(StoreKey()); rows.valid(); rows.next()) {
    const std::string_view id = rows.key().substr(1);
    const auto event = decodeEvent(rows.value());
    if (!event) {
      visitor.damaged(id, "it does not decode");
    } else if (eventKey(event->id) != rows.key()) {
      visitor.damaged(id, "it is the record of " + quotedForPeople(event->id));
    } else {
      visitor.event(*event, rows.value());
    }
  }
  return rows.error();
}

}  // namespace holdfast::inspect
