// Engines whose KV events are read.
#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

using prometheus::MetricType;

void writeSources(const Snapshot& from, Samples& to) {
  to.add(uint64_t{from.engines.connected}, {"connected"});
  to.add(uint64_t{from.engines.sources - from.engines.connected}, {"not_connected"});
}

void writeMessages(const Snapshot& from, Samples& to) {
  to.add(from.engines.messages - from.engines.replayed, {"live"});
  to.add(from.engines.replayed, {"replay"});
}

void writeBlocks(const Snapshot& from, Samples& to) {
  to.add(from.engines.stored, {"stored"});
  to.add(from.engines.removed, {"removed"});
  to.add(from.engines.leftOut, {"left_out"});
}

constexpr Metric kEngineMetrics[] = {
    {"holdfast_engine_sources",
     MetricType::Gauge,
     Group::kEngines,
     "Event streams of engines that are read, by whether there is a connection",
     {"state"},
     writeSources},
    {"holdfast_engine_messages_total",
     MetricType::Counter,
     Group::kEngines,
     "Messages that were applied, by how they came",
     {"way"},
     writeMessages},
    {"holdfast_engine_blocks_total",
     MetricType::Counter,
     Group::kEngines,
     "Blocks that engines said they stored or removed; left_out: of groups of layers that make no "
     "prefixes, or of more locations than are taken",
     {"what"},
     writeBlocks},
    {"holdfast_engine_gaps_total",
     MetricType::Counter,
     Group::kEngines,
     "Times that messages were found missing",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.engines.gaps); }},
    {"holdfast_engine_messages_lost_total",
     MetricType::Counter,
     Group::kEngines,
     "Messages that nothing could bring: what was held then is forgotten, or kept with "
     "--engine-loss keep",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.engines.lost); }},
    {"holdfast_engine_messages_unreadable_total",
     MetricType::Counter,
     Group::kEngines,
     "Messages that are none we know",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.engines.unreadable); }},
    {"holdfast_engine_unknown_total",
     MetricType::Counter,
     Group::kEngines,
     "Events and fields that are not known here and were passed over",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.engines.unknown); }},
    {"holdfast_engine_restarts_total",
     MetricType::Counter,
     Group::kEngines,
     "Times that another process was found behind a stream",
     {},
     [](const Snapshot& from, Samples& to) { to.add(from.engines.restarts); }},
};

}  // namespace

std::span<const Metric> engineMetrics() {
  return kEngineMetrics;
}

}  // namespace holdfast::metrics
