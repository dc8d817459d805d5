// How much of a location of a damaged store can be shown to be true, and its copy in a new store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/family_rows.h"
#include "inspect/recount.h"
#include "store/store_writer.h"

namespace holdfast::inspect {

struct RescuePlan {
  // False: nothing of it is true beyond doubt, and its worker sends it again.
  bool saved = true;
  // The first journal record that is left out, with all that follows; nothing: all are saved.
  std::optional<JournalKey> cut;
  std::string why;  // it is not saved, or not all of it; otherwise empty
};

// Recounts it, as verify does. What holds together up to a record of the journal was so once, and
// its worker can replay what came later.
RescuePlan planRescue(FamilyRows& rows, const LocationRecord& location,
                      const RecountOptions& options);

// Writes the location, the content of its live part as far as planned, and its pins. A full sync
// that was under way is left out: it begins anew. The error says what is wrong.
std::optional<Error> rescue(FamilyRows& rows, LocationRecord location, const RescuePlan& plan,
                            StoreWriter& writer);

}  // namespace holdfast::inspect
