#include "stored_content.h"

#include <gtest/gtest.h>

namespace holdfast {

std::ostream& operator<<(std::ostream& out, const StoredContent& content) {
  for (const auto& [name, size] : content.instances) out << name << " of " << size << "\n";
  for (const auto& [id, worker] : content.workers) {
    out << id.first << "/" << id.second << " run " << worker.run << "." << worker.attempt
        << " state " << static_cast<int>(worker.state) << "\n";
    for (const auto& [number, location] : worker.locations) {
      out << "  " << number << " " << location.name << " g" << location.generation << " s"
          << location.stream << " i" << location.incarnation << (location.hidden ? " hidden" : "")
          << " seq " << location.lastSeq << ":";
      for (const ChunkHash key : location.keys) out << " " << key;
      out << ", " << location.pins.size() << " pins\n";
      if (!location.building) continue;
      const BuildingPart& part = location.building->part;
      out << "    builds g" << part.generation << " i" << part.incarnation << " sync "
          << part.syncId << " base " << part.baseSeq << " of " << part.totalKeys
          << " keys, batches of " << part.batchCount << ":";
      for (const auto& [batch, keys] : location.building->batches) {
        out << " " << batch << " (" << keys.size() << ")";
      }
      out << ", " << location.building->operations.size() << " operations\n";
    }
  }
  return out;
}

KeyDigest digestOf(const std::set<ChunkHash>& keys) {
  KeyDigest digest;
  for (const ChunkHash key : keys) digest.add(key);
  return digest;
}

void applyTo(std::set<ChunkHash>& keys, const Operations& operations) {
  for (size_t i = 0; i < operations.size(); ++i) {
    if (operations.evicts.test(i)) {
      keys.erase(operations.keys[i]);
    } else {
      keys.insert(operations.keys[i]);
    }
  }
}

void append(std::vector<std::pair<ChunkHash, bool>>& all, const Operations& operations) {
  for (size_t i = 0; i < operations.size(); ++i) {
    all.emplace_back(operations.keys[i], operations.evicts.test(i));
  }
}

void ContentSink::fault(OwnerId owner, uint16_t location, const std::string& what) {
  faults.push_back("owner " + std::to_string(owner) + " location " + std::to_string(location) +
                   ": " + what);
}

void ContentSink::begin(const RecoverySummary& all) {
  EXPECT_FALSE(begun_);
  begun_ = true;
  summary = all;
}

void ContentSink::event(EventRecord record) {
  EXPECT_TRUE(begun_ && instances.empty() && workers.empty());
  EXPECT_TRUE(events.emplace(record.id, record).second);
}

void ContentSink::instance(OwnerId owner, const InstanceRecord& record) {
  EXPECT_TRUE(begun_ && workers.empty());
  EXPECT_TRUE(instances.emplace(owner, record).second);
}

void ContentSink::worker(OwnerId owner, const WorkerRecord& record,
                         const std::vector<LocationRecord>& locations) {
  EXPECT_TRUE(begun_ && !contentsBegun_);
  auto& [stored, byId] = workers[owner];
  stored = record;
  for (const LocationRecord& location : locations) {
    EXPECT_TRUE(byId.emplace(location.id, location).second);
    StoredLocation& content = contents[owner][location.id];
    content.name = location.name;
    content.generation = location.live.generation;
    content.stream = location.live.stream;
    content.incarnation = location.live.incarnation;
    content.hidden = location.live.hidden;
    content.incomplete = location.live.incomplete;
    content.lastSeq = location.live.baseSeq;
    if (location.building) content.building.emplace().part = *location.building;
  }
}

void ContentSink::segment(OwnerId owner, uint16_t location, std::span<const ChunkHash> keys) {
  contentsBegun_ = true;
  ASSERT_TRUE(workers.contains(owner) && !finished.contains(owner));
  ASSERT_FALSE(keys.empty());
  EXPECT_LE(keys.size(), 65536u);
  Reading& reading = readings_[{owner, location}];
  EXPECT_FALSE(reading.journalBegun || reading.buildingBegun);
  // The batches of a full sync are in no order.
  const bool ordered = workers[owner].second[location].live.fold != 0;
  for (const ChunkHash key : keys) {
    EXPECT_TRUE(!ordered || !reading.lastKey || *reading.lastKey < key);
    reading.lastKey = key;
    if (!contents[owner][location].keys.insert(key).second) fault(owner, location, "keys repeat");
  }
}

void ContentSink::checkBase(OwnerId owner, uint16_t location) {
  Reading& reading = readings_[{owner, location}];
  if (reading.baseChecked) return;
  reading.baseChecked = true;
  const LivePart& live = workers[owner].second[location].live;
  const auto& keys = contents[owner][location].keys;
  if (keys.size() != live.baseCount || !(digestOf(keys) == live.baseDigest)) {
    fault(owner, location, "the base differs from its count and digest");
  }
}

void ContentSink::journal(OwnerId owner, uint16_t location, const JournalEntry& entry) {
  contentsBegun_ = true;
  ASSERT_TRUE(workers.contains(owner) && !finished.contains(owner));
  ASSERT_TRUE(workers[owner].second.contains(location));
  const LivePart& live = workers[owner].second[location].live;
  Reading& reading = readings_[{owner, location}];
  EXPECT_FALSE(reading.buildingBegun);
  EXPECT_TRUE(!reading.journalBegun || reading.stream <= entry.stream);
  EXPECT_LE(entry.stream, live.stream);
  reading.journalBegun = true;
  reading.stream = entry.stream;
  StoredLocation& content = contents[owner][location];
  if (entry.stream == live.stream) {
    checkBase(owner, location);
    if (entry.firstSeq != content.lastSeq + 1) fault(owner, location, "the journal has a hole");
    content.lastSeq = entry.firstSeq + entry.operations.size() - 1;
  }
  applyTo(content.keys, entry.operations);
  if (!entry.counted) return;
  if (content.keys.size() != entry.countAfter || !(digestOf(content.keys) == entry.digestAfter)) {
    fault(owner, location, "the content differs from the journal's count and digest");
  }
}

StoredBuilding* ContentSink::building(OwnerId owner, uint16_t location) {
  contentsBegun_ = true;
  readings_[{owner, location}].buildingBegun = true;
  auto& building = contents[owner][location].building;
  EXPECT_TRUE(building && !finished.contains(owner));
  return building ? &*building : nullptr;
}

void ContentSink::batch(OwnerId owner, uint16_t location, uint32_t number,
                        std::span<const ChunkHash> keys) {
  StoredBuilding* to = building(owner, location);
  ASSERT_NE(to, nullptr);
  EXPECT_FALSE((readings_[{owner, location}].buildingJournalBegun));
  EXPECT_LT(number, to->part.batchCount);
  EXPECT_TRUE(to->batches.empty() || to->batches.rbegin()->first < number);
  to->batches[number].assign(keys.begin(), keys.end());
}

void ContentSink::buildingJournal(OwnerId owner, uint16_t location, const JournalEntry& entry) {
  StoredBuilding* to = building(owner, location);
  ASSERT_NE(to, nullptr);
  readings_[{owner, location}].buildingJournalBegun = true;
  EXPECT_FALSE(entry.counted);
  if (entry.stream != 0 || entry.firstSeq != to->lastSeq() + 1) {
    fault(owner, location, "the journal of the building part has a hole");
  }
  append(to->operations, entry.operations);
}

void ContentSink::pins(OwnerId owner, uint16_t location, const PinRecord& record,
                       std::span<const ChunkHash> chunks) {
  ASSERT_TRUE(workers.contains(owner) && !finished.contains(owner));
  ASSERT_TRUE(workers[owner].second.contains(location));
  for (const ChunkHash chunk : chunks) {
    EXPECT_TRUE(contents[owner][location].pins.emplace(chunk, record).second);
  }
}

void ContentSink::finish(OwnerId owner) {
  contentsBegun_ = true;
  EXPECT_TRUE(workers.contains(owner));
  for (const auto& [location, record] : workers[owner].second) checkBase(owner, location);
  EXPECT_TRUE(finished.insert(owner).second);
}

void ContentSink::damaged(OwnerId owner, const std::string& instance, bool isWorker,
                          uint32_t worker, const std::string& reason) {
  EXPECT_FALSE(finished.contains(owner));
  EXPECT_FALSE(reason.empty());
  damages.push_back({owner, instance, isWorker, worker, reason});
}

StoredContent ContentSink::content() const {
  StoredContent all;
  all.events = events;
  for (const auto& [owner, record] : instances) all.instances[record.instance] = record.worldSize;
  for (const auto& [owner, stored] : workers) {
    if (!finished.contains(owner)) continue;
    const WorkerRecord& record = stored.first;
    StoredWorker& worker = all.workers[{record.instance, record.worker}];
    worker.run = record.run;
    worker.attempt = record.attempt;
    worker.state = record.state;
    worker.labels = record.labels;
    if (const auto found = contents.find(owner); found != contents.end()) {
      worker.locations = found->second;
    }
  }
  return all;
}

}  // namespace holdfast
