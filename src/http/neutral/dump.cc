// GET /dump: everything that look-ups may name, as events that would make it.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "core/index/tier_lookup.h"
#include "core/queries/held_chunks.h"
#include "http/event_stream.h"
#include "http/json.h"
#include "http/neutral/neutral_routes.h"
#include "http/neutral/values.h"
#include "http/parameters.h"
#include "serving/replica_gate.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

using queries::HeldChunksCursor;
using queries::HeldGroup;

// Written at once: about 0.1 ms.
constexpr size_t kBytesOfPiece = 24 << 10;
constexpr size_t kSourcesAtOnce = 64;
// A peer that reads slowly keeps its dump, and about half a megabyte, for long.
constexpr size_t kDumpsMax = 4;

std::string_view storageTier(Tier tier) {
  switch (tier) {
    case Tier::kGpu:
      return "device";
    case Tier::kCpu:
      return "host_pinned";
    case Tier::kDisk:
      return "disk";
  }
  return "disk";
}

// What is written of a whole pass over the index.
struct Partition {
  std::string model;  // as it is shown
  std::string group;  // as it is kept
  uint32_t blockSize = 0;

  friend bool operator<(const Partition& a, const Partition& b) {
    return std::tie(a.model, a.group) < std::tie(b.model, b.group);
  }
};

// An object of all partitions, "MODEL:GROUP", each with its events; in pieces.
class Dump {
 public:
  Dump(Services& services, const SourceTable* sources) : services_(services), sources_(sources) {
    json_.beginObject();
  }

  // The next piece; empty: nothing was found yet. Nothing: it is over.
  std::optional<std::string> next() {
    if (over_) return std::nullopt;
    if (listing_) {
      listing_ = listPartitions();
      return taken();
    }
    while (text_.size() < kBytesOfPiece) {
      if (!walk_ && !begin()) {
        json_.endObject();
        over_ = true;
        break;
      }
      HeldGroup group;
      const auto step = walk_->next(group);
      if (step == HeldChunksCursor::Step::kPiece) break;
      if (step == HeldChunksCursor::Step::kGroup) {
        write(group);
      } else {
        json_.endList().endObject();
        walk_.reset();
        partitions_.erase(partitions_.begin());
      }
    }
    return taken();
  }

 private:
  std::string taken() { return std::exchange(text_, {}); }

  // Whether there may be more.
  bool listPartitions() {
    if (sources_ != nullptr) {
      const auto found = sources_->list(after_ ? &*after_ : nullptr, kSourcesAtOnce);
      for (const SourceState& state : found) {
        const EngineSource& source = state.source;
        partitions_.insert({std::string(neutral::modelShown(services_, source.model)),
                            source.routingGroup, neutral::blockSizeOf(services_, &source)});
      }
      if (found.size() == kSourcesAtOnce) {
        after_ = found.back().source.name;
        return true;
      }
    }
    // Of whoever came by other protocols.
    for (const auto& [salt, model] : services_.registry.tree().models()) {
      partitions_.insert({std::string(neutral::modelShown(services_, model.name)), "",
                          neutral::blockSizeOf(services_, nullptr)});
    }
    return false;
  }

  bool begin() {
    if (partitions_.empty()) return false;
    const Partition& partition = *partitions_.begin();
    const RegistryTree& tree = services_.registry.tree();
    walk_.emplace(tree, services_.registry.index(), tree.salt(partition.model));
    json_.freeKey(partition.model + ":" + std::string(neutral::groupShown(partition.group)))
        .beginObject()
        .number("block_size", partition.blockSize)
        .key("events")
        .beginList();
    return true;
  }

  void write(const HeldGroup& group) {
    const std::optional<Tier> tier = tierOf(group.location);
    if (!tier) return;
    const EngineSource* source = nullptr;
    if (sources_ != nullptr) source = sources_->find({std::string(group.instance), group.rank});
    const std::string_view itsGroup = source == nullptr ? std::string_view() : source->routingGroup;
    if (itsGroup != partitions_.begin()->group) return;
    json_.beginObject().key("worker_id");
    neutral::writeInstanceId(json_, group.instance);
    json_.text("storage_tier", storageTier(*tier))
        .text("location", group.location)
        .key("event")
        .beginObject()
        .number("event_id", nextEvent_++)
        .number("dp_rank", group.rank)
        .key("data")
        .beginObject()
        .key("stored")
        .beginObject()
        .key("parent_hash")
        .null()
        .key("blocks")
        .beginList();
    for (const ChunkHash chunk : group.chunks) {
      json_.beginObject().number("block_hash", chunk).endObject();
    }
    json_.endList().endObject().endObject().endObject().endObject();
  }

  Services& services_;
  const SourceTable* const sources_;
  bool listing_ = true;
  std::optional<SourceName> after_;
  std::set<Partition> partitions_;  // that are left; the first one is under way
  std::optional<HeldChunksCursor> walk_;
  uint64_t nextEvent_ = 0;
  bool over_ = false;
  std::string text_;
  JsonWriter json_{text_};
};

kj::Promise<void> writeRest(Services& services, Dump& dump, EventStream& to) {
  return services.budget.ready(ReadBudget::kBytesPerTurn)
      .then([&services, &dump, &to]() -> kj::Promise<void> {
        auto piece = dump.next();
        if (!piece) return kj::READY_NOW;
        if (piece->empty()) return writeRest(services, dump, to);
        return to.write(std::move(*piece)).then([&services, &dump, &to]() {
          return writeRest(services, dump, to);
        });
      });
}

constexpr std::string_view kDumpSchema = R"({"type":"object",
"description":"by \"MODEL:ROUTING_GROUP\"","additionalProperties":{"type":"object",
"required":["block_size","events"],"properties":{"block_size":{"type":"integer"},
"events":{"type":"array","items":{"type":"object",
 "required":["worker_id","storage_tier","location","event"],"properties":{
 "worker_id":{"$ref":"#/components/schemas/EngineId"},
 "storage_tier":{"type":"string","enum":["device","host_pinned","disk"]},
 "location":{"type":"string"},
 "event":{"type":"object","required":["event_id","dp_rank","data"],"properties":{
  "event_id":{"type":"integer"},"dp_rank":{"type":"integer"},
  "data":{"type":"object","required":["stored"],"properties":{"stored":{"type":"object",
   "required":["parent_hash","blocks"],"properties":{"parent_hash":{"type":"null"},
   "blocks":{"type":"array","items":{"type":"object","required":["block_hash"],
    "properties":{"block_hash":{"type":"integer"}}}}}}}}}}}}}}}})";

}  // namespace

void addDump(RouteTable& routes, Services& services, const SourceTable* sources) {
  Route route;
  route.path = "/dump";
  route.permission = Permission::kQuery;
  route.summary = "Everything that look-ups may name, as events that would make it";
  route.answer = kDumpSchema;
  route.parameters = {{"maxAgeMs", "a controller that is older answers 503; 0: any",
                       R"({"type":"integer","minimum":0,"maximum":4294967295,"default":0})"}};
  route.stream = [&services, sources, running = std::make_shared<size_t>(0)](
                     const std::shared_ptr<Request>& request,
                     EventStream& to) -> kj::Promise<void> {
    const uint64_t maxAgeMs = numberParameter(*request, "maxAgeMs", 0, UINT32_MAX, 0);
    if (const auto old = tooOld(services.group.view(), maxAgeMs)) return wireError(*old);
    if (*running == kDumpsMax) {
      return wireError({ErrorCode::kUnavailable, std::to_string(kDumpsMax) +
                                                     " dumps are being read; ask again when one "
                                                     "is over"});
    }
    ++*running;
    auto dump = kj::heap<Dump>(services, sources);
    Dump& state = *dump;
    to.begin();
    return writeRest(services, state, to).attach(kj::mv(dump), kj::defer([running]() {
                                                   --*running;
                                                 }));
  };
  routes.add(std::move(route));
}

}  // namespace holdfast::http
