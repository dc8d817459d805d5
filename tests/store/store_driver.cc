#include "store_driver.h"

namespace holdfast {
namespace {

constexpr ChunkHash kKeySpace = 120;
constexpr size_t kWorkersMax = 10;
constexpr uint16_t kLocationsMax = 3;

LivePart fresh(uint32_t generation, uint64_t incarnation) {
  LivePart live;
  live.generation = generation;
  live.stream = 1;
  live.incarnation = incarnation;
  return live;
}

}  // namespace

StoreDriver::StoreDriver(uint64_t seed, const std::string& dataDir)
    : random_(seed), dataDir_(dataDir) {
  history_.emplace_back();
  open(0);
}

StoreDriver::~StoreDriver() {
  if (files_) files_->set(FaultyFileSystem::State::kDead);
  store_.reset();
}

bool StoreDriver::fail(const std::string& what) {
  if (error_.empty()) error_ = what;
  return false;
}

StoredContent StoreDriver::expected() const {
  StoredContent all;
  all.events = operations_;
  for (const auto& [name, instance] : instances_) all.instances[name] = instance.second;
  for (const auto& [name, worker] : workers_) {
    StoredWorker& to = all.workers[name];
    to.run = worker.record.run;
    to.attempt = worker.record.attempt;
    to.state = worker.record.state;
    to.labels = worker.record.labels;
    for (const auto& [id, location] : worker.locations) {
      const LivePart& live = location.record.live;
      to.locations[id] = {location.record.name, live.generation, live.stream,      live.incarnation,
                          live.hidden,          live.incomplete, location.lastSeq, location.keys,
                          location.building,    location.pins};
    }
  }
  return all;
}

void StoreDriver::wrote(Ticket ticket, bool synced) {
  if (ticket != history_.size()) fail("ticket " + std::to_string(ticket));
  history_.push_back(expected());
  if (synced) syncedTickets_.push_back(ticket);
}

void StoreDriver::writeBatch(StoreBatch batch) {
  batch.synced = chance(20);
  const bool synced = batch.synced;
  const Ticket ticket = store_->write(std::move(batch));
  wrote(ticket, synced);
}

StoreDriver::LiveWorker* StoreDriver::anyWorker() {
  if (workers_.empty()) return nullptr;
  return &std::next(workers_.begin(), static_cast<long>(below(workers_.size())))->second;
}

StoreDriver::LiveLocation* StoreDriver::anyLocation(LiveWorker*& worker) {
  worker = anyWorker();
  if (worker == nullptr || worker->locations.empty()) return nullptr;
  auto& all = worker->locations;
  return &std::next(all.begin(), static_cast<long>(below(all.size())))->second;
}

void StoreDriver::addInstance() {
  const std::string name = "instance/" + std::to_string(below(3));
  auto [at, added] = instances_.try_emplace(name);
  if (added) at->second.first = store_->claim();
  at->second.second = static_cast<uint32_t>(below(16));
  StoreBatch batch;
  batch.steps.emplace_back(PutInstance{at->second.first, {name, at->second.second, 1}});
  writeBatch(std::move(batch));
}

void StoreDriver::addWorker() {
  if (workers_.size() >= kWorkersMax) return;
  LiveWorker worker;
  worker.record.instance = "instance/" + std::to_string(below(3));
  worker.record.worker = static_cast<uint32_t>(below(8));
  const auto name = std::pair(worker.record.instance, worker.record.worker);
  if (workers_.contains(name)) return;
  worker.record.run = nextRun_++;
  worker.record.attempt = 1;
  if (chance(50)) worker.record.labels = {{"zone", "eu-1a"}, {"empty", ""}};
  worker.owner = store_->claim();
  StoreBatch batch;
  batch.steps.emplace_back(PutWorker{worker.owner, worker.record});
  for (uint16_t id = 0; id < static_cast<uint16_t>(below(kLocationsMax + 1)); ++id) {
    LiveLocation& location = worker.locations[id];
    location.record = emptyLocation(id, "tier" + std::to_string(id), random_());
    location.life = nextLife_++;
    batch.steps.emplace_back(PutLocation{worker.owner, location.record});
  }
  workers_[name] = std::move(worker);
  writeBatch(std::move(batch));
}

void StoreDriver::touchWorker() {
  LiveWorker* worker = anyWorker();
  if (worker == nullptr) return;
  ++worker->record.attempt;
  worker->record.labels = {{"attempt", std::to_string(worker->record.attempt)}};
  worker->record.state = chance(50) ? WorkerState::kActive : WorkerState::kLost;
  StoreBatch batch;
  batch.steps.emplace_back(PutWorker{worker->owner, worker->record});
  writeBatch(std::move(batch));
}

void StoreDriver::addLocation() {
  LiveWorker* worker = anyWorker();
  if (worker == nullptr) return;
  uint16_t id = 0;
  while (worker->locations.contains(id)) ++id;
  if (id >= kLocationsMax) return;
  LiveLocation& location = worker->locations[id];
  location.record = emptyLocation(id, "tier" + std::to_string(below(100)), random_());
  location.life = nextLife_++;
  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{worker->owner, location.record});
  writeBatch(std::move(batch));
}

void StoreDriver::report() {
  LiveWorker* worker = nullptr;
  LiveLocation* location = anyLocation(worker);
  if (location == nullptr) return;
  std::vector<ChunkHash> keys(1 + below(chance(5) ? 3000 : 40));
  const ChunkHash space = chance(5) ? 1000000 : kKeySpace;
  for (ChunkHash& key : keys) key = below(space);
  std::vector<uint8_t> bits((keys.size() + 15) / 8);
  for (uint8_t& byte : bits) byte = static_cast<uint8_t>(random_());
  ReportRecord report;
  report.owner = worker->owner;
  report.location = location->record.id;
  report.generation = location->record.live.generation;
  report.stream = location->record.live.stream;
  report.firstSeq = location->lastSeq + 1;
  report.operations.keys = keys;
  if (chance(60)) report.operations.evicts = {bits.data(), below(8)};
  applyTo(location->keys, report.operations);
  location->lastSeq += keys.size();
  report.countAfter = location->keys.size();
  report.digestAfter = digestOf(location->keys);
  wrote(store_->append(report), false);
}

void StoreDriver::adopt() {
  LiveWorker* worker = nullptr;
  LiveLocation* location = anyLocation(worker);
  if (location == nullptr) return;
  LivePart& live = location->record.live;
  ++live.stream;
  live.incarnation = random_();
  live.baseSeq = below(1000);
  live.baseCount = location->keys.size();
  live.baseDigest = digestOf(location->keys);
  live.hidden = chance(10);
  live.incomplete = chance(10);
  location->lastSeq = live.baseSeq;
  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{worker->owner, location->record});
  writeBatch(std::move(batch));
}

void StoreDriver::newGeneration() {
  LiveWorker* worker = nullptr;
  LiveLocation* location = anyLocation(worker);
  if (location == nullptr) return;
  const uint32_t old = location->record.live.generation;
  location->record.live = fresh(location->record.nextGeneration++, random_());
  location->lastSeq = 0;
  location->keys.clear();
  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{worker->owner, location->record});
  batch.steps.emplace_back(DropGeneration{worker->owner, location->record.id, old});
  writeBatch(std::move(batch));
}

void StoreDriver::dropLocation() {
  LiveWorker* worker = nullptr;
  LiveLocation* location = anyLocation(worker);
  if (location == nullptr) return;
  const uint16_t id = location->record.id;
  StoreBatch batch;
  batch.steps.emplace_back(DropLocation{worker->owner, id});
  worker->locations.erase(id);
  writeBatch(std::move(batch));
}

void StoreDriver::release() {
  LiveWorker* worker = anyWorker();
  if (worker == nullptr) return;
  const auto name = std::pair(worker->record.instance, worker->record.worker);
  StoreBatch batch;
  batch.steps.emplace_back(Release{worker->owner});
  if (chance(50)) {
    workers_.erase(name);
  } else {
    // As a worker that comes back with another model: the same name in another family.
    worker->owner = store_->claim();
    worker->record.run = nextRun_++;
    worker->locations.clear();
    batch.steps.emplace_back(PutWorker{worker->owner, worker->record});
  }
  writeBatch(std::move(batch));
}

void StoreDriver::requestFold() {
  LiveWorker* worker = nullptr;
  LiveLocation* location = anyLocation(worker);
  if (location == nullptr || location->folding) return;
  location->folding = true;
  FoldRequest request;
  request.id = nextFold_++;
  request.owner = worker->owner;
  request.location = location->record.id;
  request.live = location->record.live;
  request.newFold = request.live.fold + 1;
  folds_[request.id] = {{worker->record.instance, worker->record.worker},
                        request.location,
                        location->life,
                        request.live};
  store_->fold(request);
}

void StoreDriver::commitFold(const FoldResult& result) {
  const auto pending = folds_.find(result.id);
  if (pending == folds_.end()) {
    fail("an unknown fold");
    return;
  }
  const PendingFold fold = pending->second;
  folds_.erase(pending);
  const auto worker = workers_.find(fold.worker);
  if (worker == workers_.end()) return;
  const auto found = worker->second.locations.find(fold.location);
  if (found == worker->second.locations.end() || found->second.life != fold.life) return;
  LiveLocation& location = found->second;
  location.folding = false;
  LivePart& live = location.record.live;
  if (!result.ok && result.error.find("has been dropped") == std::string::npos &&
      result.error.find("was broken off") == std::string::npos &&
      result.error.find("IO error") == std::string::npos) {
    fail("a fold: " + result.error);
    return;
  }
  if (!result.ok || live.generation != fold.live.generation || live.fold != fold.live.fold) return;
  const OwnerId owner = worker->second.owner;
  StoreBatch batch;
  if (live.stream != fold.live.stream) {
    batch.steps.emplace_back(DropFold{owner, fold.location, live.generation, fold.live.fold + 1});
  } else {
    const uint32_t old = live.fold++;
    live.baseSeq = result.baseSeq;
    live.baseCount = result.baseCount;
    live.baseDigest = result.baseDigest;
    batch.steps.emplace_back(PutLocation{owner, location.record});
    batch.steps.emplace_back(
        DropJournal{owner, fold.location, live.generation, live.stream, live.baseSeq});
    batch.steps.emplace_back(DropFold{owner, fold.location, live.generation, old});
  }
  writeBatch(std::move(batch));
}

bool StoreDriver::poll() {
  store_->poll(*events_);
  while (foldsSeen_ < events_->folds.size()) commitFold(events_->folds[foldsSeen_++]);
  if (const std::string fatal = events_->fatalError(); !fatal.empty()) return fail(fatal);
  return error_.empty();
}

bool StoreDriver::step() {
  const uint64_t choice = below(100);
  if (choice < 30) {
    report();
  } else if (choice < 45) {
    sync();
  } else if (choice < 53) {
    addWorker();
  } else if (choice < 57) {
    touchWorker();
  } else if (choice < 60) {
    addInstance();
  } else if (choice < 66) {
    addLocation();
  } else if (choice < 69) {
    adopt();
  } else if (choice < 72) {
    newGeneration();
  } else if (choice < 73) {
    dropLocation();
  } else if (choice < 75) {
    release();
  } else if (choice < 79) {
    pin();
  } else if (choice < 84) {
    requestFold();
  } else if (choice < 89) {
    // A failing disk, for a while.
    if (files_->state() == FaultyFileSystem::State::kWell) {
      files_->setAfter(1 + below(8), chance(50) ? FaultyFileSystem::State::kFull
                                                : FaultyFileSystem::State::kBroken);
    } else {
      files_->set(FaultyFileSystem::State::kWell);
    }
  } else if (choice < 95) {
    return waitCommitted();
  } else if (choice < 98) {
    return restart();
  } else {
    event();
  }
  return poll();
}

bool StoreDriver::finish() {
  if (!error_.empty()) return false;
  if (!waitCommitted()) return false;
  if (const auto lost = store_->close()) return fail("close: " + lost->message);
  store_.reset();
  return open(history_.size() - 1);
}

}  // namespace holdfast
