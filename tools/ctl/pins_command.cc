#include <chrono>
#include <string>

#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {
namespace {

using Entry = schema::PinsRetMsg::Entry::Reader;

uint64_t nowMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

std::string expiryText(uint64_t expiresMs) {
  if (expiresMs == 0) return "while held";
  const uint64_t now = nowMs();
  return expiresMs <= now ? "now" : "in " + durationText(expiresMs - now);
}

void write(JsonWriter& json, Entry entry, bool withChunks) {
  json.beginObject();
  json.text("instanceId", viewOf(entry.getInstanceId()));
  json.number("workerId", entry.getWorkerId());
  json.text("location", viewOf(entry.getLocation()));
  json.text("eventId", viewOf(entry.getEventId()));
  json.number("chunks", entry.getChunks());
  json.number("pinnedMs", entry.getPinnedMs());
  json.number("expiresMs", entry.getExpiresMs());
  if (withChunks) {
    json.beginList("hashes");
    for (const uint64_t hash : entry.getHashes()) json.text({}, "0x" + hexText(hash));
    json.endList();
  }
  json.endObject();
}

void add(Table& table, Entry entry, bool withChunks) {
  std::vector<std::string> row = {
      stringOf(entry.getInstanceId()), std::to_string(entry.getWorkerId()),
      stringOf(entry.getLocation()),   stringOf(entry.getEventId()),
      agoText(entry.getPinnedMs()),    expiryText(entry.getExpiresMs())};
  if (!withChunks) {
    row.push_back(grouped(entry.getChunks()));
    table.add(std::move(row));
    return;
  }
  for (const uint64_t hash : entry.getHashes()) {
    row.push_back("0x" + hexText(hash));
    table.add(std::move(row));
    row.assign(6, "");
  }
}

}  // namespace

void showPins(Controller& controller, const Output& output, const PinFilter& filter) {
  Table table({{"INSTANCE"},
               {"RANK", kRight},
               {"LOCATION"},
               {"EVENT"},
               {"PINNED"},
               {"EXPIRES"},
               filter.withChunks ? Table::Column{"CHUNK"} : Table::Column{"CHUNKS", kRight}});
  std::optional<JsonWriter> json;
  if (output.json) json.emplace(output.out).beginList();
  uint64_t shown = 0;
  uint64_t total = 0;
  // An answer has fewer entries than were asked for where they have many chunks.
  do {
    auto request = controller.orchestrator().pinsRequest();
    auto message = request.initMessage();
    message.setInstanceId(textOf(filter.instance));
    message.setWorkerIds(kj::arrayPtr(filter.workers.data(), filter.workers.size()));
    message.setLocation(textOf(filter.location));
    message.setWithChunks(filter.withChunks);
    message.setSkip(shown);
    message.setMax(static_cast<uint32_t>(filter.max - shown));
    const auto response = controller.call(request);
    const auto entries = response.getAnswer().getEntries();
    total = response.getAnswer().getTotal();
    for (const auto entry : entries) {
      if (json) {
        write(*json, entry, filter.withChunks);
      } else {
        add(table, entry, filter.withChunks);
      }
    }
    shown += entries.size();
    if (entries.size() == 0) break;
  } while (shown < filter.max && shown < total);
  if (json) json->endList();
  if (total == 0) requireNamed(controller, filter.instance, filter.workers, filter.location);
  if (json) return;
  if (total == 0) {
    output.out << "nothing is pinned\n";
    return;
  }
  table.print(output.out);
  if (total > shown) {
    output.out << "and " << grouped(total - shown) << " more; --max N shows more\n";
  }
}

}  // namespace holdfast::ctl
