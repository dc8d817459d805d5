#include "inspect/location_rescue.h"

#include <utility>

#include "format/contents.h"
#include "format/family_head.h"
#include "format/registry_records.h"

namespace holdfast::inspect {
namespace {

// What was found first.
struct FirstFault {
  std::string record;
  std::string what;
};

// The journal record of the current stream that is named like this.
std::optional<JournalKey> findRecord(FamilyRows& rows, const LocationRecord& location,
                                     const std::string& name) {
  const StoreKey prefix = journalPrefix(location.id, location.live.generation);
  for (rows.seek(prefix); rows.at(prefix); rows.next()) {
    const auto key = parseJournalKey(rows.key());
    if (key && key->stream >= location.live.stream && nameOf(*key) == name) return key;
  }
  return std::nullopt;
}

// Above what the segments hold already.
std::optional<JournalKey> firstRecord(FamilyRows& rows, const LocationRecord& location) {
  const LivePart& live = location.live;
  const StoreKey prefix = journalPrefix(location.id, live.generation);
  for (rows.seek(prefix); rows.at(prefix); rows.next()) {
    const auto key = parseJournalKey(rows.key());
    if (key && placeOf(*key, live) == JournalPlace::kAbove) return key;
  }
  return std::nullopt;
}

bool isBefore(const JournalKey& a, const JournalKey& b) {
  return a.stream != b.stream ? a.stream < b.stream : a.firstSeq < b.firstSeq;
}

// Calls put() at every record of a prefix, until that returns what is wrong.
template <typename Put>
std::optional<Error> each(FamilyRows& rows, const StoreKey& prefix, Put put) {
  for (rows.seek(prefix); rows.at(prefix); rows.next()) {
    if (std::optional<Error> error = put()) return error;
  }
  return rows.error();
}

std::optional<Error> rescueBase(FamilyRows& rows, const LocationRecord& location,
                                StoreWriter& writer) {
  const LivePart& live = location.live;
  if (live.fold == 0) {
    const auto copy = [&]() -> std::optional<Error> {
      const auto batch = parseBatchKey(rows.key());
      return batch ? writer.put(batchKey(*batch), rows.value()) : std::nullopt;
    };
    return each(rows, batchesPrefix(location.id, live.generation), copy);
  }
  std::vector<ChunkHash> keys;
  const auto copy = [&]() -> std::optional<Error> {
    const auto segment = parseSegmentKey(rows.key());
    if (!segment) return std::nullopt;
    const auto words = rows.words();
    const auto read = words ? readSegment(*words, keys) : std::nullopt;
    if (!read) return Error{ErrorCode::kInvalid, "a segment has changed"};
    // Older formats store it in another way.
    return writer.put(segmentKey(*segment), encodeSegment(*read));
  };
  return each(rows, segmentsPrefix(location.id, live.generation, live.fold), copy);
}

std::optional<Error> rescueJournal(FamilyRows& rows, const LocationRecord& location,
                                   const RescuePlan& plan, StoreWriter& writer) {
  const LivePart& live = location.live;
  const auto copy = [&]() -> std::optional<Error> {
    const auto record = parseJournalKey(rows.key());
    if (!record || (plan.cut && !isBefore(*record, *plan.cut))) return std::nullopt;
    if (placeOf(*record, live) == JournalPlace::kLeftBehind) return std::nullopt;
    return writer.put(journalKey(*record), rows.value());
  };
  return each(rows, journalPrefix(location.id, live.generation), copy);
}

}  // namespace

RescuePlan planRescue(FamilyRows& rows, const LocationRecord& location,
                      const RecountOptions& options) {
  RescuePlan plan;
  std::optional<FirstFault> first;
  const Report report = [&](const char* kind, const std::string& record, const std::string& what) {
    // Nothing reads that, and it is not saved.
    if (std::string_view(kind) == "stale-journal") return;
    if (!first) first = FirstFault{record, what};
  };
  if (const auto error = recount(rows, location, options, report)) {
    return {false, std::nullopt, "reading it fails: " + error->message};
  }
  if (!first) return plan;
  plan.why = first->record + ": " + first->what;
  plan.cut = findRecord(rows, location, first->record);
  // In the journal of the current stream, so that what it stands on has been counted and is right.
  plan.saved = plan.cut.has_value();
  // Of so many keys only the end is counted: nobody knows where it went wrong.
  const auto head = readLocationHead(rows, location);
  const bool inSlices = !head.ok() || head.value().count > options.keysMax ||
                        location.live.baseCount > options.keysMax;
  if (plan.saved && inSlices) plan.cut = firstRecord(rows, location);
  return plan;
}

std::optional<Error> rescue(FamilyRows& rows, LocationRecord location, const RescuePlan& plan,
                            StoreWriter& writer) {
  location.building.reset();
  auto error = writer.put(locationKey(location.id), encodeRecord(location));
  if (!error) error = rescueBase(rows, location, writer);
  if (!error) error = rescueJournal(rows, location, plan, writer);
  if (error) return error;
  const auto pin = [&]() -> std::optional<Error> {
    const auto pinned = parsePinKey(rows.key());
    const bool whole = pinned && decodePin(rows.value());
    return whole ? writer.put(pinKey(*pinned), rows.value()) : std::nullopt;
  };
  return each(rows, pinsPrefix(location.id), pin);
}

}  // namespace holdfast::inspect
