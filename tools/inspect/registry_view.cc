#include "inspect/registry_view.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "core/ids.h"
#include "format/registry_records.h"
#include "inspect/event_walk.h"
#include "inspect/parallel.h"
#include "store/live_keys.h"

namespace holdfast::inspect {
namespace {

// Of one family; one of them is set.
struct Read {
  std::optional<InstanceRecord> instance;
  std::optional<WorkerHead> worker;
  std::optional<Error> damage;
};

// Count and digest of a location whose newest record does not say them.
std::optional<Error> countKeys(const StoreReader& reader, size_t family, LocationHead& location) {
  LiveKeys keys(reader, family, location.record);
  for (auto run = keys.next(); !run.empty(); run = keys.next()) {
    location.count += run.size();
    for (const ChunkHash key : run) location.digest.add(key);
  }
  location.counted = !keys.error();
  return keys.error();
}

Read readFamily(const StoreReader& reader, size_t family) {
  const OwnerRecord& owner = *reader.families()[family].owner;
  Read read;
  auto rows = reader.rows(family);
  if (owner.kind == OwnerKind::kInstance) {
    auto record = readInstanceHead(rows, owner);
    if (record.ok()) {
      read.instance = std::move(record.value());
    } else {
      read.damage = record.error();
    }
    return read;
  }
  auto head = readWorkerHead(rows, owner);
  if (!head.ok()) {
    read.damage = head.error();
    return read;
  }
  for (LocationHead& location : head.value().locations) {
    if (!location.counted && !read.damage) {
      read.damage = countKeys(reader, family, location);
    }
  }
  if (!read.damage) read.worker = std::move(head.value());
  return read;
}

std::string ownerText(const OwnerRecord& owner) {
  return "instance '" + owner.instance + "'" +
         (owner.kind == OwnerKind::kWorker ? " worker " + std::to_string(owner.worker) : "");
}

void countEvents(const StoreReader& reader, RegistryView& view) {
  const auto error = walkEvents(
      reader, {[&](const EventRecord& event, std::string_view) {
                 ++view.events;
                 if (!event.final()) ++view.eventsUnfinished;
               },
               [&](std::string_view id, const std::string& what) {
                 view.damagedEvents.push_back("event " + quotedForPeople(id) + ": " + what);
               }});
  if (error) view.damagedEvents.push_back("not all events: " + error->message);
}

}  // namespace

RegistryView viewRegistry(const StoreReader& reader, text::Progress& progress) {
  const auto& families = reader.families();
  std::vector<size_t> owned;
  for (size_t i = 0; i < families.size(); ++i) {
    if (families[i].owner && families[i].owner->kind != OwnerKind::kAbandoned) owned.push_back(i);
  }
  std::vector<Read> read(owned.size());
  Meter meter(progress, "families");
  meter.expect(owned.size());
  forEach(owned.size(), meter, [&](size_t i) {
    read[i] = readFamily(reader, owned[i]);
    meter.done(1);
  });

  RegistryView view;
  for (size_t i = 0; i < owned.size(); ++i) {
    const StoreReader::Family& family = families[owned[i]];
    if (read[i].damage) {
      view.damaged.push_back(ownerText(*family.owner) + " (family " + family.name +
                             "): " + read[i].damage->message);
    } else if (read[i].instance) {
      view.instances.emplace(family.owner->instance, std::move(*read[i].instance));
    } else {
      view.workers.push_back({owned[i], std::move(*read[i].worker)});
    }
  }
  // The first family of an owner that has several is the one that counts, as at a start.
  std::stable_sort(view.workers.begin(), view.workers.end(), [](const auto& a, const auto& b) {
    return std::tie(a.head.record.instance, a.head.record.worker) <
           std::tie(b.head.record.instance, b.head.record.worker);
  });
  const auto sameOwner = [](const StoredWorker& a, const StoredWorker& b) {
    return a.head.record.instance == b.head.record.instance &&
           a.head.record.worker == b.head.record.worker;
  };
  view.workers.erase(std::unique(view.workers.begin(), view.workers.end(), sameOwner),
                     view.workers.end());
  for (const StoredWorker& worker : view.workers) {
    const WorkerRecord& record = worker.head.record;
    for (const LocationHead& location : worker.head.locations) {
      const LocationRecord& stored = location.record;
      ++view.locations;
      view.memberships += location.count;
      view.registry.addState(record.instance, record.worker, stored.name, location.count,
                             location.digest, stored.live.incarnation, location.lastSeq);
      if (location.count == 0 || stored.live.hidden) continue;
      view.content.addContent(record.instance, record.worker, stored.name, location.count,
                              location.digest);
    }
  }
  countEvents(reader, view);
  return view;
}

}  // namespace holdfast::inspect
