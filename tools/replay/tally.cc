#include "replay/tally.h"

#include <cstdio>
#include <numeric>

#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::replay {
namespace {

double rateOf(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string rateText(uint64_t count, double seconds) {
  return text::grouped(static_cast<uint64_t>(rateOf(count, seconds)));
}

}  // namespace

uint64_t messagesOf(const Outcome& outcome) {
  return std::accumulate(outcome.byKind.begin() + kFirstKind, outcome.byKind.end(), uint64_t{0});
}

void printTable(const Outcome& outcome, std::ostream& out) {
  text::Table table({{"message"},
                     {"count", text::Table::Align::kRight},
                     {"a second", text::Table::Align::kRight}});
  for (size_t kind = kFirstKind; kind < outcome.byKind.size(); ++kind) {
    if (outcome.byKind[kind] == 0) continue;
    table.add({kindNames()[kind], text::grouped(outcome.byKind[kind]),
               rateText(outcome.byKind[kind], outcome.seconds)});
  }
  table.add(
      {"all", text::grouped(messagesOf(outcome)), rateText(messagesOf(outcome), outcome.seconds)});
  table.add({"operations in reports", text::grouped(outcome.operations),
             rateText(outcome.operations, outcome.seconds)});
  table.print(out);
  char seconds[96];
  std::snprintf(seconds, sizeof seconds, "%.3f s for %.3f s as captured", outcome.seconds,
                outcome.recordedSeconds);
  out << '\n' << seconds << '\n';
  if (outcome.hasDigests) {
    out << "registry digest  " << outcome.registryDigest << '\n'
        << "content digest   " << outcome.contentDigest << '\n';
  }
  out << "the log: " << outcome.end << '\n';
  for (const std::string& problem : outcome.problems) out << "  " << problem << '\n';
  for (const std::string& difference : outcome.differences) {
    out << "DIFFERS: " << difference << '\n';
  }
}

void printJson(const Outcome& outcome, std::ostream& out) {
  text::JsonWriter json(out);
  json.beginObject();
  json.number("messages", messagesOf(outcome));
  json.number("operations", outcome.operations);
  json.beginObject("by_kind");
  for (size_t kind = kFirstKind; kind < outcome.byKind.size(); ++kind) {
    if (outcome.byKind[kind] != 0) json.number(kindNames()[kind], outcome.byKind[kind]);
  }
  json.endObject();
  json.real("seconds", outcome.seconds);
  json.real("recorded_seconds", outcome.recordedSeconds);
  json.real("messages_per_second", rateOf(messagesOf(outcome), outcome.seconds));
  if (outcome.hasDigests) {
    json.text("digest", outcome.registryDigest);
    json.text("content_digest", outcome.contentDigest);
  }
  json.beginObject("counters");
  for (const auto& [name, value] : outcome.counters) json.number(name, value);
  json.endObject();
  json.text("end", outcome.end);
  const auto list = [&json](const char* key, const std::vector<std::string>& texts) {
    json.beginList(key);
    for (const std::string& text : texts) json.text({}, text);
    json.endList();
  };
  list("problems", outcome.problems);
  list("differences", outcome.differences);
  json.endObject();
}

}  // namespace holdfast::replay
