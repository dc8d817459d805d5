// How the driver ends and opens its store again, and compares what is in it then.
#include <algorithm>
#include <sstream>

#include "store_driver.h"

namespace holdfast {

bool StoreDriver::open(uint64_t atLeast, bool powerLost) {
  files_ = std::make_shared<FaultyFileSystem>(random_());
  events_ = std::make_unique<StoreEvents>();
  StoreOptions options;
  options.dataDir = dataDir_;
  options.create = true;
  options.fileSystem = files_;
  options.familiesFree = 2;
  options.writeBufferBytes = size_t{64} << 10;
  options.walBytesMax = size_t{16} << 10;
  options.retryInterval = std::chrono::milliseconds(1);
  options.closeTimeMax = std::chrono::milliseconds(0);
  options.syncInterval = std::chrono::milliseconds(1 + below(20));
  options.recoveryThreads = 2;
  options.foldKeysMax = 2 + below(200);
  events_->install(options);
  auto opened = RocksStore::open(std::move(options));
  if (!opened.ok()) return fail("open: " + opened.error().message);
  store_ = std::move(opened.value());
  sink_ = std::make_unique<ContentSink>();
  store_->recover(*sink_);
  if (!compare(atLeast)) return false;
  for (const std::string& line : events_->logged()) {
    // A kill loses nothing, and must not be taken for damage.
    if (!powerLost && line.find("lost writes") != std::string::npos) return fail(line);
  }
  adoptRecovered();
  return true;
}

// What was found must be the content after some ticket, none that was promised to stay later.
bool StoreDriver::compare(uint64_t atLeast) {
  if (!sink_->faults.empty()) return fail("recovered with a fault: " + sink_->faults.front());
  if (!sink_->damages.empty()) return fail("damaged: " + sink_->damages.front().reason);
  const StoredContent found = sink_->content();
  for (size_t ticket = history_.size(); ticket-- > atLeast;) {
    if (history_[ticket] == found) return true;
  }
  std::ostringstream text;
  text << "found what was the content after no ticket from " << atLeast << " to "
       << history_.size() - 1 << ":\n"
       << found << "the last one is:\n"
       << history_.back() << "the first possible one is:\n"
       << history_[atLeast];
  return fail(text.str());
}

void StoreDriver::adoptRecovered() {
  instances_.clear();
  workers_.clear();
  folds_.clear();
  syncedTickets_.clear();
  foldsSeen_ = 0;
  for (const auto& [owner, record] : sink_->instances) {
    instances_[record.instance] = {owner, record.worldSize};
  }
  for (const auto& [owner, stored] : sink_->workers) {
    const auto& [record, locations] = stored;
    LiveWorker& worker = workers_[{record.instance, record.worker}];
    worker.owner = owner;
    worker.record = record;
    for (const auto& [id, location] : locations) {
      LiveLocation& live = worker.locations[id];
      live.record = location;
      live.lastSeq = sink_->contents[owner][id].lastSeq;
      live.keys = sink_->contents[owner][id].keys;
      live.building = sink_->contents[owner][id].building;
      live.pins = sink_->contents[owner][id].pins;
      live.life = nextLife_++;
    }
  }
  operations_ = sink_->events;
  history_.assign(1, expected());
}

bool StoreDriver::waitCommitted() {
  files_->setAfter(0, FaultyFileSystem::State::kWell);
  files_->set(FaultyFileSystem::State::kWell);
  const Ticket last = history_.size() - 1;
  const auto done = [&] { return events_->committed >= last && store_->health().writable; };
  if (!events_->wait(*store_, done)) {
    return fail("ticket " + std::to_string(last) + " was not committed; " +
                store_->health().reason);
  }
  return poll();
}

// Closes, is killed or loses power, and starts again.
bool StoreDriver::restart() {
  const uint64_t kind = below(3);
  if (kind == 0) {
    if (!waitCommitted()) return false;
    if (const auto lost = store_->close()) return fail("close: " + lost->message);
    store_.reset();
    return open(history_.size() - 1);
  }
  // While it is busy.
  files_->setAfter(1 + below(6), FaultyFileSystem::State::kDead);
  for (uint64_t i = below(12); i > 0; --i) {
    if (chance(70)) {
      report();
    } else {
      sync();
    }
  }
  store_->poll(*events_);
  files_->set(FaultyFileSystem::State::kDead);
  store_->poll(*events_);
  uint64_t atLeast = events_->committed;
  store_.reset();
  if (kind == 2) {
    files_->losePower();
    uint64_t synced = 0;
    for (const Ticket ticket : syncedTickets_) {
      if (ticket <= atLeast) synced = std::max(synced, ticket);
    }
    atLeast = synced;
  }
  return open(atLeast, kind == 2);
}

}  // namespace holdfast
