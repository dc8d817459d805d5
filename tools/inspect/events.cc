// events: cache operations and what came of them, as the store has them.
#include <algorithm>
#include <tuple>

#include "core/ids.h"
#include "core/operations/event_summary.h"
#include "inspect/commands.h"
#include "inspect/event_walk.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;
using text::kRight;

bool wanted(const EventFilter& filter, const EventRecord& event) {
  return (filter.id.empty() || filter.id == event.id) &&
         (filter.instance.empty() || filter.instance == event.instance ||
          filter.instance == event.toInstance.string()) &&
         (filter.kind.empty() || filter.kind == operationName(event.kind)) &&
         (filter.state.empty() || filter.state == stateName(event));
}

bool asksForAll(const EventFilter& filter) {
  return filter.id.empty() && filter.instance.empty() && filter.kind.empty() &&
         filter.state.empty();
}

// The newest of those that are wanted, at most so many at a time.
class Newest {
 public:
  explicit Newest(size_t max) : max_(max) {}

  void add(const EventRecord& event) {
    ++found_;
    kept_.push_back(event);
    std::push_heap(kept_.begin(), kept_.end(), newer);
    if (kept_.size() <= max_) return;
    std::pop_heap(kept_.begin(), kept_.end(), newer);
    kept_.pop_back();
  }
  uint64_t found() const { return found_; }
  // Newest first. Once, in the end.
  std::vector<EventRecord> take() {
    std::sort_heap(kept_.begin(), kept_.end(), newer);
    return std::move(kept_);
  }

 private:
  static bool newer(const EventRecord& a, const EventRecord& b) {
    return std::tie(a.createdWallMs, a.id) > std::tie(b.createdWallMs, b.id);
  }

  const size_t max_;
  uint64_t found_ = 0;
  std::vector<EventRecord> kept_;  // a heap whose first one is the oldest
};

std::string describe(const EventRecord& event) {
  std::string text(operationName(event.kind));
  text += " of " + event.instance;
  if (!event.location.empty()) text += " " + event.location;
  if (event.kind == OperationKind::kMove)
    text += " to " + event.toInstance.string() + " " + event.toLocation.string();
  return text;
}

void writeEvent(text::JsonWriter& json, const EventRecord& event) {
  const EventSummary summary = summarise(event);
  json.beginObject();
  json.text("eventId", event.id);
  json.text("number", text::hexText(event.number));
  json.text("kind", operationName(event.kind));
  json.text("instanceId", event.instance);
  json.text("location", event.location);
  json.text("newInstanceId", event.toInstance);
  json.text("newLocation", event.toLocation);
  json.text("method", event.method);
  json.boolean("copy", event.copy);
  json.number("chunks", event.chunks);
  json.text("state", stateName(event));
  json.number("numTokens", summary.numTokens);
  json.text("error", summary.error);
  json.number("createdMs", event.createdWallMs);
  json.number("finishedMs", event.finishedWallMs);
  json.beginList("ranks");
  for (const RankRecord& rank : event.ranks) {
    json.beginObject();
    json.number("workerId", rank.worker);
    json.text("run", text::hexText(rank.run));
    json.text("status", rankStatusName(rank.status));
    json.number("numTokens", rank.numTokens);
    json.integer("errorCode", rank.errorCode);
    json.text("error", rank.error);
    json.endObject();
  }
  json.endList();
  json.endObject();
}

void printTable(const std::vector<EventRecord>& events, std::ostream& out) {
  text::Table table(
      {{"EVENT"}, {"OPERATION"}, {"STATE"}, {"TOKENS", kRight}, {"STARTED"}, {"TOOK", kRight}});
  for (const EventRecord& event : events) {
    const EventSummary summary = summarise(event);
    const bool timed = event.finishedWallMs > event.createdWallMs;
    table.add({event.id, describe(event), stateName(event),
               summary.status == EventStatus::kDone ? grouped(summary.numTokens) : "",
               text::agoText(event.createdWallMs),
               timed ? text::durationText(event.finishedWallMs - event.createdWallMs) : ""});
  }
  table.print(out);
}

// What each rank of one event did.
void printRanks(const EventRecord& event, std::ostream& out) {
  text::Table table({{"RANK", kRight}, {"STATUS"}, {"TOKENS", kRight}, {"NOTE"}});
  for (const RankRecord& rank : event.ranks) {
    table.add({std::to_string(rank.worker), std::string(rankStatusName(rank.status)),
               rank.status == RankStatus::kDone ? grouped(rank.numTokens) : "",
               rank.error.string()});
  }
  out << '\n';
  table.print(out);
}

}  // namespace

std::string stateName(const EventRecord& event) {
  if (!event.final()) return kEventUnfinished;
  return std::string(eventStatusName(summarise(event).status));
}

ExitCode showEvents(const StoreReader& reader, const Output& output, const EventFilter& filter) {
  Newest newest(filter.max);
  std::string damage;
  const auto error = walkEvents(reader, {[&](const EventRecord& event, std::string_view) {
                                           if (wanted(filter, event)) newest.add(event);
                                         },
                                         [&](std::string_view id, const std::string& what) {
                                           output.err << "holdfast-inspect: left out: event "
                                                      << quotedForPeople(id) << ": " << what
                                                      << '\n';
                                           damage = what;
                                         }});
  const uint64_t found = newest.found();
  const std::vector<EventRecord> events = newest.take();
  if (output.json) {
    text::JsonWriter json(output.out);
    json.beginObject();
    json.number("found", found);
    json.beginList("events");
    for (const EventRecord& event : events) writeEvent(json, event);
    json.endList();
    json.endObject();
  } else if (events.empty()) {
    output.out << "no events\n";
  } else {
    printTable(events, output.out);
    if (found > events.size()) {
      output.out << "and " << grouped(found - events.size()) << " older ones; --max N shows more\n";
    }
    if (!filter.id.empty()) printRanks(events.front(), output.out);
  }
  if (error) {
    output.err << "holdfast-inspect: not all events can be read: " << error->message << '\n';
  }
  if (error || !damage.empty()) return kUnreadable;
  return found > 0 || asksForAll(filter) ? kDone : kFound;
}

}  // namespace holdfast::inspect
