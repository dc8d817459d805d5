#include "tests/support/memory_store.h"

#include <algorithm>
#include <set>
#include <utility>

namespace holdfast::test {
namespace {

using Disk = MemoryStore::Disk;
using LocationData = MemoryStore::LocationData;

template <typename Map, typename Condition>
void eraseIf(Map& map, Condition condition) {
  std::erase_if(map, [&](const auto& entry) { return condition(entry.first); });
}

struct Apply {
  Disk& disk;

  LocationData& location(OwnerId owner, uint16_t id) { return disk[owner].locations[id]; }

  void operator()(const PutInstance& s) { disk[s.owner].instance = s.record; }
  void operator()(const PutWorker& s) { disk[s.owner].worker = s.record; }
  void operator()(const PutLocation& s) { location(s.owner, s.record.id).record = s.record; }
  void operator()(const DropGeneration& s) {
    LocationData& data = location(s.owner, s.location);
    eraseIf(data.segments, [&](const auto& key) { return key.first == s.generation; });
    eraseIf(data.batches, [&](const auto& key) { return key.first == s.generation; });
    eraseIf(data.journal, [&](const auto& key) { return std::get<0>(key) == s.generation; });
  }
  void operator()(const DropLocation& s) { disk[s.owner].locations.erase(s.location); }
  void operator()(const DropFold& s) {
    LocationData& data = location(s.owner, s.location);
    data.segments.erase({s.generation, s.fold});
    if (s.fold == 0) {
      eraseIf(data.batches, [&](const auto& key) { return key.first == s.generation; });
    }
  }
  void operator()(const DropJournal& s) {
    eraseIf(location(s.owner, s.location).journal, [&](const auto& key) {
      const auto& [generation, stream, seq] = key;
      return generation == s.generation &&
             (stream < s.stream || (stream == s.stream && seq <= s.throughSeq));
    });
  }
  void operator()(const PutPins& s) {
    for (const ChunkHash chunk : s.chunks) location(s.owner, s.location).pins[chunk] = s.record;
  }
  void operator()(const DropPins& s) {
    for (const ChunkHash chunk : s.chunks) location(s.owner, s.location).pins.erase(chunk);
  }
  void operator()(const DropAllPins& s) { location(s.owner, s.location).pins.clear(); }
  void operator()(const PutEvent& s) {
    EventRecord& record = disk.events[s.record.id] = s.record;
    for (RankRecord& rank : record.ranks) {
      if (!rank.final()) rank.status = RankStatus::kPending;
    }
  }
  void operator()(const DropEvent& s) { disk.events.erase(s.id); }
  void operator()(const Release& s) {
    MemoryStore::Family& family = disk[s.owner];
    const uint64_t epoch = family.epoch + 1;
    family = {};
    family.epoch = epoch;
  }
};

// Calls visit(number, keys) with the batches of a generation, in order.
template <typename Visit>
void forBatches(const LocationData& data, uint32_t generation, Visit visit) {
  for (auto batch = data.batches.lower_bound({generation, 0});
       batch != data.batches.end() && batch->first.first == generation; ++batch) {
    visit(batch->first.second, batch->second);
  }
}

// Calls visit(entry) with the journal of a generation, in order.
template <typename Visit>
void forJournal(const LocationData& data, uint32_t generation, Visit visit) {
  for (auto record = data.journal.lower_bound({generation, 0, 0});
       record != data.journal.end() && std::get<0>(record->first) == generation; ++record) {
    const auto& [of, stream, seq] = record->first;
    const MemoryStore::Journal& journal = record->second;
    std::vector<uint8_t> bits(journal.keys.size() / 8 + 1);
    for (size_t i = 0; i < journal.keys.size(); ++i) {
      if (journal.evicts[i]) bits[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
    }
    visit(JournalEntry{stream,
                       seq,
                       {journal.keys, {bits.data(), 0}},
                       journal.countAfter,
                       journal.digestAfter,
                       journal.counted,
                       journal.position});
  }
}

// Merges the live part of `data` into segments of the new fold.
FoldResult foldInto(LocationData& data, const FoldRequest& request) {
  FoldResult result;
  result.id = request.id;
  result.ok = true;
  result.baseSeq = request.live.baseSeq;
  std::set<ChunkHash> keys;
  const auto old = data.segments.find({request.live.generation, request.live.fold});
  if (old != data.segments.end()) keys.insert(old->second.begin(), old->second.end());
  if (request.live.fold == 0) {
    forBatches(data, request.live.generation, [&](uint32_t, const std::vector<ChunkHash>& batch) {
      keys.insert(batch.begin(), batch.end());
    });
  }
  forJournal(data, request.live.generation, [&](const JournalEntry& entry) {
    if (entry.stream > request.live.stream) return;
    const Operations& operations = entry.operations;
    for (size_t i = 0; i < operations.size(); ++i) {
      if (operations.evicts.test(i)) {
        keys.erase(operations.keys[i]);
      } else {
        keys.insert(operations.keys[i]);
      }
    }
    if (entry.stream == request.live.stream) {
      result.baseSeq = entry.firstSeq + operations.size() - 1;
    }
  });
  for (const ChunkHash key : keys) result.baseDigest.add(key);
  result.baseCount = keys.size();
  data.segments[{request.live.generation, request.newFold}].assign(keys.begin(), keys.end());
  return result;
}

}  // namespace

MemoryStore::MemoryStore(Disk disk) : disk_(std::move(disk)) {
  std::erase_if(static_cast<std::map<OwnerId, Family>&>(disk_), [](const auto& entry) {
    return !entry.second.instance.has_value() && !entry.second.worker.has_value();
  });
  synced_ = disk_;
  for (const auto& [owner, family] : disk_) nextOwner_ = std::max(nextOwner_, owner + 1);
}

Ticket MemoryStore::enqueue(bool synced, std::function<void(Disk&)> apply) {
  const Ticket ticket = next_++;
  if (place_) {
    apply = [apply = std::move(apply), place = *place_](Disk& disk) {
      apply(disk);
      disk.place = place;
    };
  }
  queue_.push_back({ticket, synced, std::move(apply)});
  return ticket;
}

void MemoryStore::complete(size_t n) {
  for (; n > 0 && !queue_.empty() && health_.writable; --n) {
    Write write = std::move(queue_.front());
    queue_.pop_front();
    write.apply(disk_);
    if (write.ticket == 0) continue;  // a fold: its segments were copied where they belong
    committed_ = write.ticket;
    const bool syncNow = write.synced;
    unsynced_.push_back(std::move(write));
    if (syncNow) sync();
  }
}

void MemoryStore::sync() {
  // Everything that is committed: folded segments too, which have no ticket.
  synced_ = disk_;
  syncedTicket_ = committed_;
  unsynced_.clear();
}

MemoryStore::Disk MemoryStore::afterPowerLoss(size_t kept, Ticket& committed) const {
  Disk disk = synced_;
  committed = syncedTicket_;
  for (size_t i = 0; i < std::min(kept, unsynced_.size()); ++i) {
    unsynced_[i].apply(disk);
    committed = unsynced_[i].ticket;
  }
  return disk;
}

void MemoryStore::setHealth(const StoreHealth& health) {
  health_ = health;
  healthChanged_ = true;
}

OwnerId MemoryStore::claim() {
  if (freeOwners_.empty()) return nextOwner_++;
  const OwnerId owner = freeOwners_.back();
  freeOwners_.pop_back();
  return owner;
}

Ticket MemoryStore::append(const ReportRecord& report) {
  Journal journal;
  journal.keys.assign(report.operations.keys.begin(), report.operations.keys.end());
  for (size_t i = 0; i < report.operations.size(); ++i) {
    journal.evicts.push_back(report.operations.evicts.test(i));
  }
  journal.countAfter = report.countAfter;
  journal.digestAfter = report.digestAfter;
  journal.counted = report.counted;
  journal.position = report.position;
  return enqueue(false, [owner = report.owner, location = report.location,
                         key = std::tuple(report.generation, report.stream, report.firstSeq),
                         journal = std::move(journal)](Disk& disk) {
    disk[owner].locations[location].journal[key] = journal;
  });
}

Ticket MemoryStore::append(const BatchRecord& batch) {
  return enqueue(false, [owner = batch.owner, location = batch.location,
                         key = std::pair(batch.generation, batch.number),
                         keys = std::vector(batch.keys.begin(), batch.keys.end())](Disk& disk) {
    disk[owner].locations[location].batches[key] = keys;
  });
}

Ticket MemoryStore::write(StoreBatch batch) {
  for (const StoreStep& step : batch.steps) {
    if (const auto* release = std::get_if<Release>(&step)) freeOwners_.push_back(release->owner);
  }
  return enqueue(batch.synced, [steps = std::move(batch.steps)](Disk& disk) {
    for (const StoreStep& step : steps) std::visit(Apply{disk}, step);
  });
}

void MemoryStore::fold(const FoldRequest& request) {
  const auto family = disk_.find(request.owner);
  const uint64_t epoch = family == disk_.end() ? 0 : family->second.epoch;
  queue_.push_back(
      {0, false, [this, request, epoch](Disk& disk) {
         Family& now = disk[request.owner];
         const auto data = now.locations.find(request.location);
         FoldResult result;
         result.id = request.id;
         if (now.epoch != epoch || data == now.locations.end()) {
           result.error = "its owner is gone";
         } else {
           result = foldInto(data->second, request);
           const std::pair at{request.live.generation, request.newFold};
           unsynced_.push_back(
               {committed_, false, [request, at, keys = data->second.segments[at]](Disk& other) {
                  other[request.owner].locations[request.location].segments[at] = keys;
                }});
         }
         folded_.push_back(result);
       }});
}

void MemoryStore::poll(StoreListener& listener) {
  if (committed_ > delivered_) {
    delivered_ = committed_;
    listener.onCommitted(delivered_);
  }
  for (const FoldResult& result : std::exchange(folded_, {})) listener.onFolded(result);
  if (std::exchange(healthChanged_, false)) listener.onHealth(health_);
}

void MemoryStore::recover(RecoverySink& sink) {
  sink.begin({});
  for (const auto& [id, event] : disk_.events) sink.event(event);
  for (const auto& [owner, family] : disk_) {
    if (family.instance) sink.instance(owner, *family.instance);
  }
  for (const auto& [owner, family] : disk_) {
    if (!family.worker) continue;
    std::vector<LocationRecord> records;
    for (const auto& [id, data] : family.locations) {
      if (data.record) records.push_back(*data.record);
    }
    sink.worker(owner, *family.worker, records);
  }
  // Named anew, since clang 14 lets no lambda take structured bindings.
  for (const auto& [key, family] : disk_) {
    const auto& owner = key;
    if (!family.worker) continue;
    for (const auto& [number, data] : family.locations) {
      const auto& id = number;
      if (!data.record) continue;
      const LivePart& live = data.record->live;
      const auto segment = data.segments.find({live.generation, live.fold});
      if (segment != data.segments.end()) sink.segment(owner, id, segment->second);
      if (live.fold == 0) {
        forBatches(data, live.generation, [&](uint32_t, const std::vector<ChunkHash>& keys) {
          sink.segment(owner, id, keys);
        });
      }
      forJournal(data, live.generation,
                 [&](const JournalEntry& entry) { sink.journal(owner, id, entry); });
      if (data.record->building) {
        const uint32_t building = data.record->building->generation;
        forBatches(data, building, [&](uint32_t batch, const std::vector<ChunkHash>& keys) {
          sink.batch(owner, id, batch, keys);
        });
        forJournal(data, building,
                   [&](const JournalEntry& entry) { sink.buildingJournal(owner, id, entry); });
      }
      for (const auto& [chunk, record] : data.pins) sink.pins(owner, id, record, {&chunk, 1});
    }
    sink.finish(owner);
  }
}

}  // namespace holdfast::test
