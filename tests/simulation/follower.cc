#include "tests/simulation/follower.h"

#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <type_traits>
#include <variant>

#include "format/contents.h"
#include "replication/apply.h"
#include "tests/support/recount.h"

namespace holdfast::test {

using namespace replication;

// Notes every write but those of folds, as the log would carry it, until it is committed.
class Follower::LeaderStore final : public MemoryStore {
 public:
  LeaderStore(Follower& follower, Disk disk) : MemoryStore(std::move(disk)), follower_(follower) {
    for (const auto& [owner, family] : this->disk()) {
      if (family.worker) names_[owner] = {family.worker->instance, family.worker->worker};
      if (family.instance) names_[owner] = {family.instance->instance, {}};
    }
  }

  Ticket append(const ReportRecord& report) override {
    const Ticket ticket = MemoryStore::append(report);
    std::vector<uint64_t> record(journalWords(report.operations));
    encodeJournal(report, record);
    note(ticket, {name(report.owner)},
         LoggedReport{.owner = 0,
                      .location = report.location,
                      .generation = report.generation,
                      .stream = report.stream,
                      .firstSeq = report.firstSeq,
                      .record = record});
    return ticket;
  }
  Ticket append(const BatchRecord& batch) override {
    const Ticket ticket = MemoryStore::append(batch);
    std::vector<uint64_t> record(batchWords(batch.keys.size()));
    encodeBatch(batch, record);
    note(ticket, {name(batch.owner)},
         LoggedSyncBatch{.owner = 0,
                         .location = batch.location,
                         .generation = batch.generation,
                         .number = batch.number,
                         .record = record});
    return ticket;
  }
  Ticket write(StoreBatch batch) override {
    const bool own = concernsOneStore(batch);
    StoreBatch logged = batch;
    const Ticket ticket = MemoryStore::write(std::move(batch));
    if (own) return ticket;
    std::vector<OwnerName> owners;
    for (StoreStep& step : logged.steps) {
      std::visit([&](auto& one) { rename(one, owners); }, step);
    }
    note(ticket, owners, std::move(logged));
    return ticket;
  }
  void poll(StoreListener& listener) override {
    follower_.catchUp();
    MemoryStore::poll(listener);
  }
  std::optional<std::vector<uint8_t>> next() {
    if (notes_.empty() || notes_.front().first > committed()) return std::nullopt;
    std::vector<uint8_t> body = std::move(notes_.front().second);
    notes_.pop_front();
    return body;
  }

 private:
  OwnerName name(OwnerId owner) const { return names_.at(owner); }
  void note(Ticket ticket, std::vector<OwnerName> owners, LoggedWrite write) {
    FrameBody body;
    body.owners = std::move(owners);
    body.writes.push_back(std::move(write));
    notes_.emplace_back(ticket, encodeBody(body));
  }
  template <typename Step>
  void rename(Step& step, std::vector<OwnerName>& owners) {
    if constexpr (requires { step.owner; }) {
      if constexpr (std::is_same_v<Step, PutInstance>) {
        names_[step.owner] = {step.record.instance, {}};
      } else if constexpr (std::is_same_v<Step, PutWorker>) {
        names_[step.owner] = {step.record.instance, step.record.worker};
      }
      owners.push_back(name(step.owner));
      step.owner = static_cast<OwnerId>(owners.size() - 1);
    }
  }

  Follower& follower_;
  std::map<OwnerId, OwnerName> names_;
  std::deque<std::pair<Ticket, std::vector<uint8_t>>> notes_;
};

Follower::Follower(Random& random) : random_(random) {
  options_.foldFloorOperations = 1 + below(random, 30);
  options_.index.tableBits = 2;
  start({});
}

Follower::~Follower() = default;

void Follower::start(MemoryStore::Disk disk) {
  registry_.reset();
  store_ = std::make_unique<MemoryStore>(std::move(disk));
  registry_ = std::make_unique<Registry>(options_, clock_, *store_, notices_);
  EXPECT_EQ(registry_->recover().quarantined, 0u);
  registry_->replica().recovered(registry_->takeRecoveredEvents());
}

std::unique_ptr<MemoryStore> Follower::makeStore(MemoryStore::Disk disk) {
  catchUp();
  auto store = std::make_unique<LeaderStore>(*this, std::move(disk));
  leader_ = store.get();
  return store;
}

void Follower::catchUp() {
  if (leader_ == nullptr) return;
  while (const auto body = leader_->next()) {
    apply(*body);
    if (::testing::Test::HasFailure()) return;
  }
  if (chance(random_, 1)) check();
}

void Follower::apply(const std::vector<uint8_t>& bytes) {
  std::vector<uint64_t> words(bytes.size() / sizeof(uint64_t));
  std::memcpy(words.data(), bytes.data(), bytes.size());
  const auto body = decodeBody(words);
  ASSERT_TRUE(body);
  const auto error = replication::apply(*body, registry_->replica());
  ASSERT_FALSE(error) << error->message;
  ++seen_.writes;
  if (chance(random_, 30)) work();
}

void Follower::work() {
  store_->complete(1 + below(random_, 6));
  store_->poll(*registry_);
  registry_->tickFollowing();
  registry_->work();
}

// Nothing is queued, nothing waits for a turn.
void Follower::settle() {
  do {
    registry_->tickFollowing();
    store_->complete();
    store_->poll(*registry_);
  } while (registry_->work() || store_->queued() > 0 || registry_->foldsRunning() > 0);
}

void Follower::check() {
  settle();
  compareWithRecovered(store_->afterCrash(), true);
  compareWithRecovered(leader_->afterCrash(), false);
  expectKeptAsCounted(*registry_);
  seen_.events += registry_->replica().events().size();
  seen_.pins += registry_->tree().pins();
  seen_.folds = std::max(seen_.folds, registry_->counters().foldsCommitted);
  // Sometimes it is started again, in the middle of everything.
  if (chance(random_, 30)) start(store_->afterCrash());
}

void Follower::compareWithRecovered(MemoryStore::Disk disk, bool ownStore) {
  SCOPED_TRACE(ownStore ? "its own store" : "its leader's store");
  MemoryStore store(std::move(disk));
  Registry recovered(options_, clock_, store, notices_);
  EXPECT_EQ(recovered.recover().quarantined, 0u);
  store.complete();
  store.poll(recovered);
  compare(*registry_, recovered, ownStore);
  compareLookups(*registry_, recovered);
  std::map<std::string, EventRecord> events;
  for (EventRecord& event : recovered.takeRecoveredEvents()) events[event.id] = std::move(event);
  EXPECT_EQ(registry_->replica().events(), events);
}

void Follower::compare(const Registry& ours, const Registry& theirs, bool sameStore) {
  EXPECT_EQ(ours.registryDigest().low, theirs.registryDigest().low);
  EXPECT_EQ(ours.registryDigest().high, theirs.registryDigest().high);
  EXPECT_EQ(ours.contentDigest().low, theirs.contentDigest().low);
  EXPECT_EQ(ours.tree().memberships(), theirs.tree().memberships());
  ASSERT_EQ(ours.tree().instances().size(), theirs.tree().instances().size());
  for (const auto& [name, instance] : ours.tree().instances()) {
    SCOPED_TRACE(name);
    const Instance* const other = theirs.tree().findInstance(name);
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(instance->record.worldSize, other->record.worldSize);
    EXPECT_EQ(instance->record.drained, other->record.drained);
    EXPECT_EQ(instance->record.createdWallMs, other->record.createdWallMs);
    ASSERT_EQ(instance->workers.size(), other->workers.size());
    for (const auto& [rank, worker] : instance->workers) {
      SCOPED_TRACE(rank);
      const Worker* const twin = theirs.tree().findWorker(name, rank);
      ASSERT_NE(twin, nullptr);
      EXPECT_EQ(worker->record.run, twin->record.run);
      EXPECT_EQ(worker->record.attempt, twin->record.attempt);
      EXPECT_EQ(worker->record.model, twin->record.model);
      EXPECT_EQ(worker->record.position, twin->record.position);
      EXPECT_EQ(worker->modelSalt, twin->modelSalt);
      EXPECT_EQ(worker->record.state == WorkerState::kLost,
                twin->record.state == WorkerState::kLost);
      ASSERT_EQ(worker->locations.size(), twin->locations.size());
      for (const auto& location : worker->locations) {
        const Location* const same = twin->find(location->record.name);
        ASSERT_NE(same, nullptr);
        compare(*location, *same, sameStore);
      }
    }
  }
}

void Follower::compare(const Location& ours, const Location& theirs, bool sameStore) {
  SCOPED_TRACE(ours.record.name);
  EXPECT_EQ(ours.record.id, theirs.record.id);
  EXPECT_EQ(ours.record.nextGeneration, theirs.record.nextGeneration);
  EXPECT_EQ(ours.lastSeq, theirs.lastSeq);
  EXPECT_EQ(ours.record.live.generation, theirs.record.live.generation);
  EXPECT_EQ(ours.record.live.stream, theirs.record.live.stream);
  EXPECT_EQ(ours.record.live.hidden, theirs.record.live.hidden);
  EXPECT_EQ(ours.record.live.incomplete, theirs.record.live.incomplete);
  EXPECT_EQ(ours.record.building, theirs.record.building);
  EXPECT_EQ(static_cast<int>(SyncState(ours.sync)), static_cast<int>(SyncState(theirs.sync)));
  EXPECT_EQ(ours.reason, theirs.reason);
  if (sameStore) {
    EXPECT_EQ(ours.record.live, theirs.record.live);
    EXPECT_EQ(ours.journalOperations, theirs.journalOperations);
  }
  ASSERT_EQ(ours.building == nullptr, theirs.building == nullptr);
  if (ours.building != nullptr) {
    EXPECT_EQ(ours.building->stored, theirs.building->stored);
    EXPECT_EQ(ours.building->cutCount, theirs.building->cutCount);
    EXPECT_EQ(ours.building->cutDigest, theirs.building->cutDigest);
    EXPECT_EQ(ours.building->lastSeq, theirs.building->lastSeq);
  }
  ASSERT_EQ(ours.pins == nullptr ? 0 : ours.pins->size(),
            theirs.pins == nullptr ? 0 : theirs.pins->size());
  if (ours.pins == nullptr || theirs.pins == nullptr) return;
  ours.pins->forPlaces(0, ours.pins->places(), [&](ChunkHash chunk, uint32_t group) {
    const PinRecord* const pinned = theirs.pins->find(chunk);
    ASSERT_NE(pinned, nullptr);
    EXPECT_EQ(*pinned, ours.pins->group(group).record);
  });
}

void Follower::compareLookups(Registry& ours, Registry& theirs) {
  for (uint64_t i = 0; i < 24; ++i) {
    const ChunkHash key = i == 0 ? 0 : i == 1 ? UINT64_MAX : splitmix64Finalise(i);
    for (const char* model : {"", "other"}) {
      const auto names = [&](Registry& registry) {
        std::map<std::string, uint32_t> found;
        const auto matches = registry.kv().lookup(model, std::span(&key, 1));
        EXPECT_TRUE(matches.ok());
        for (const LookupMatch& match : matches.value()) {
          found[std::string(match.instance)] = match.chunks;
        }
        return found;
      };
      EXPECT_EQ(names(ours), names(theirs)) << key;
    }
  }
}

}  // namespace holdfast::test
