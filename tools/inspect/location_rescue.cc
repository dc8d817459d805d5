#include "inspect/location_rescue.h"

#include <utility>

#include "format/contents.h"
#include "format/registry_records.h"
#include "format/words.h"
#include "store/worker_head.h"

namespace holdfast::inspect {
namespace {

// What was found first.
struct FirstFault {
  std::string record;
  std::string what;
};

// The journal record of the current stream that is named like this.
std::optional<JournalKey> findRecord(StoreReader::Rows& rows, const LocationRecord& location,
                                     const std::string& name) {
  const StoreKey prefix = journalPrefix(location.id, location.live.generation);
  for (rows.seek(prefix); rows.at(prefix); rows.next()) {
    const auto key = parseJournalKey(rows.key());
    if (key && key->stream >= location.live.stream && nameOf(*key) == name) return key;
  }
  return std::nullopt;
}

// Above what the segments hold already.
std::optional<JournalKey> firstRecord(StoreReader::Rows& rows, const LocationRecord& location) {
  const LivePart& live = location.live;
  const StoreKey prefix = journalPrefix(location.id, live.generation);
  for (rows.seek(prefix); rows.at(prefix); rows.next()) {
    const auto key = parseJournalKey(rows.key());
    if (key && key->stream == live.stream && key->firstSeq > live.baseSeq) return key;
  }
  return std::nullopt;
}

bool isBefore(const JournalKey& a, const JournalKey& b) {
  return a.stream != b.stream ? a.stream < b.stream : a.firstSeq < b.firstSeq;
}

// Calls put(key, value) with every record of a prefix, until that returns what is wrong.
template <typename Put>
std::string each(StoreReader::Rows& rows, const StoreKey& prefix, Put put) {
  for (rows.seek(prefix); rows.at(prefix); rows.next()) {
    std::string error = put(rows.key(), rows.value());
    if (!error.empty()) return error;
  }
  return rows.error();
}

std::string rescueBase(StoreReader::Rows& rows, const LocationRecord& location,
                       StoreWriter& writer) {
  const LivePart& live = location.live;
  if (live.fold == 0) {
    const auto copy = [&](std::string_view key, std::string_view value) -> std::string {
      const auto batch = parseBatchKey(key);
      return batch ? writer.put(batchKey(*batch), value) : "";
    };
    return each(rows, batchesPrefix(location.id, live.generation), copy);
  }
  std::vector<uint64_t> scratch;
  std::vector<ChunkHash> keys;
  const auto copy = [&](std::string_view key, std::string_view value) -> std::string {
    const auto segment = parseSegmentKey(key);
    if (!segment) return "";
    const auto words = alignedWords(value, scratch);
    const auto read = words ? readSegment(*words, keys) : std::nullopt;
    // Older formats store it in another way.
    return read ? writer.put(segmentKey(*segment), encodeSegment(*read)) : "a segment has changed";
  };
  return each(rows, segmentsPrefix(location.id, live.generation, live.fold), copy);
}

std::string rescueJournal(StoreReader::Rows& rows, const LocationRecord& location,
                          const RescuePlan& plan, StoreWriter& writer) {
  const LivePart& live = location.live;
  const auto copy = [&](std::string_view key, std::string_view value) -> std::string {
    const auto record = parseJournalKey(key);
    if (!record || (plan.cut && !isBefore(*record, *plan.cut))) return "";
    const bool leftBehind = record->stream == live.stream && record->firstSeq <= live.baseSeq;
    return leftBehind ? "" : writer.put(journalKey(*record), value);
  };
  return each(rows, journalPrefix(location.id, live.generation), copy);
}

}  // namespace

RescuePlan planRescue(StoreReader::Rows& rows, const LocationRecord& location,
                      const RecountOptions& options) {
  RescuePlan plan;
  std::optional<FirstFault> first;
  const Report report = [&](const char* kind, const std::string& record, const std::string& what) {
    // Nothing reads that, and it is not saved.
    if (std::string_view(kind) == "stale-journal") return;
    if (!first) first = FirstFault{record, what};
  };
  if (const std::string error = recount(rows, location, options, report); !error.empty()) {
    return {false, std::nullopt, "reading it fails: " + error};
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

std::string rescue(StoreReader::Rows& rows, LocationRecord location, const RescuePlan& plan,
                   StoreWriter& writer) {
  location.building.reset();
  std::string error = writer.put(locationKey(location.id), encodeRecord(location));
  if (error.empty()) error = rescueBase(rows, location, writer);
  if (error.empty()) error = rescueJournal(rows, location, plan, writer);
  if (!error.empty()) return error;
  const auto pin = [&](std::string_view key, std::string_view value) -> std::string {
    const auto pinned = parsePinKey(key);
    return pinned && decodePin(value) ? writer.put(pinKey(*pinned), value) : "";
  };
  return each(rows, pinsPrefix(location.id), pin);
}

}  // namespace holdfast::inspect
