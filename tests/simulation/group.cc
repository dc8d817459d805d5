#include "tests/simulation/group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/replica/replica.h"

namespace holdfast::test {

using namespace replication;

uint64_t ValidWrites::of(uint64_t epoch) {
  for (; read_ < log_.records.size(); ++read_) {
    const auto record = decoder_.decode(log_.records[read_]);
    if (!record || !rule_.take(headOf(*record))) continue;
    if (std::holds_alternative<TakeOver>(*record)) assembler_.drop();
    const auto* const frame = std::get_if<Frame>(&*record);
    if (frame == nullptr || assembler_.take(*frame) != BatchAssembler::Taken::kWhole) continue;
    const auto bytes = assembler_.batch().body;
    std::vector<uint64_t> words(bytes.size() / sizeof(uint64_t));
    std::memcpy(words.data(), bytes.data(), bytes.size());
    writes_[rule_.at().epoch] += decodeBody(words).value().writes.size();
  }
  return writes_[epoch];
}

struct Group::Node {
  std::string name;
  std::unique_ptr<MemoryLog> log;
  std::unique_ptr<MemoryStore> own;
  std::unique_ptr<LoggedStore> store;
  std::unique_ptr<Registry> registry;  // null: it leads, and the world has a registry on its store
  std::unique_ptr<Member> member;
};

// What the world writes through: notes which writes are the log's, and what was said to be
// committed.
class Group::Door final : public RegistryStore, private StoreListener {
 public:
  Door(LoggedStore& store, uint64_t ofEpoch) : epoch(ofEpoch), store_(store) {}

  OwnerId claim() override { return store_.claim(); }
  bool hasRoom(size_t bytes) const override { return store_.hasRoom(bytes); }
  Ticket append(const ReportRecord& report) override { return note(store_.append(report)); }
  Ticket append(const BatchRecord& batch) override { return note(store_.append(batch)); }
  Ticket write(StoreBatch batch) override {
    if (!concernsOneStore(batch)) return note(store_.write(std::move(batch)));
    return last = store_.write(std::move(batch));
  }
  void fold(const FoldRequest& request) override { store_.fold(request); }
  StoreHealth health() const override { return store_.health(); }
  void poll(StoreListener& listener) override {
    to_ = &listener;
    store_.poll(*this);
  }
  void recover(RecoverySink& sink) override { store_.recover(sink); }

  const uint64_t epoch;
  std::vector<Ticket> logged;
  Ticket last = 0;
  Ticket committed = 0;

 private:
  Ticket note(Ticket ticket) {
    logged.push_back(ticket);
    return last = ticket;
  }
  void onCommitted(Ticket upTo) override {
    committed = upTo;
    to_->onCommitted(upTo);
  }
  void onFolded(const FoldResult& result) override { to_->onFolded(result); }
  void onHealth(const StoreHealth& health) override { to_->onHealth(health); }

  LoggedStore& store_;
  StoreListener* to_ = nullptr;
};

Group::Group(Random& random) : random_(random), valid_(engine_) {
  options_.foldFloorOperations = 1 + below(random, 30);
  options_.index.tableBits = 2;
  const auto percent = [&](uint64_t most) { return static_cast<uint32_t>(below(random, most)); };
  faults_ = {.lost = percent(10),
             .repeated = percent(10),
             .overtaken = percent(40),
             .unheard = percent(15),
             .unknown = percent(100)};
  for (const char* name : {"a", "b", "c"}) {
    nodes_.push_back(std::make_unique<Node>());
    nodes_.back()->name = name;
    start(*nodes_.back(), {});
  }
  elect();
}

Group::~Group() = default;

RegistryStore& Group::store() {
  return *door_;
}

void Group::start(Node& node, MemoryStore::Disk disk) {
  node.member.reset();
  node.registry.reset();
  node.store.reset();
  if (disk.place && disk.place->writes != 0) ++seen_.resumed;
  const bool hasContent = !disk.empty() || !disk.events.empty();
  node.log = std::make_unique<MemoryLog>(engine_, random_);
  node.log->setFaults(faults_);
  node.log->setRecordsPerPoll(1 + below(random_, 20));
  node.own = std::make_unique<MemoryStore>(std::move(disk));
  LoggedStoreOptions options;
  options.blockBytes = 1 + below(random_, 4000);
  options.publisher = {.windowBytes = 1 + below(random_, 20'000),
                       .windowRecords = 1 + below(random_, 20),
                       .silenceMsMax = 500};
  node.store = std::make_unique<LoggedStore>(*node.own, clock_, options);
  node.registry = std::make_unique<Registry>(options_, clock_, *node.store, notices_);
  EXPECT_EQ(node.registry->recover().quarantined, 0u);
  Registry& registry = *node.registry;
  // Nobody leads by itself; see elect().
  node.member = std::make_unique<Member>(
      *node.log, *node.store, registry.replica(), clock_, [this] { return random_(); },
      MemberOptions{.node = node.name,
                    .address = node.name + ":1",
                    .silenceMsMax = 1'000'000,
                    .repeatMs = 1000,
                    .askLeader = {}});
  const auto wrong = node.member->start(hasContent);
  EXPECT_FALSE(wrong) << wrong->message;
}

void Group::restart(Node& node) {
  MemoryStore::Disk disk = node.own->afterCrash();
  dead_.push_back(std::move(node.log));
  dead_.back()->abandon();
  start(node, std::move(disk));
}

void Group::pump(Node& node) {
  for (uint64_t n = below(random_, 4); n > 0; --n) node.log->step();
  if (&node == leader_) {
    node.member->step();
    return;
  }
  if (!node.member->step() && node.member->ended()) {
    ADD_FAILURE() << node.name << ": " << node.member->ended()->message;
  }
  if (node.registry == nullptr) return;
  node.own->complete(below(random_, 6));
  node.store->poll(*node.registry);
  node.registry->tickFollowing();
  node.registry->work();
  if (chance(random_, 1)) restart(node);
}

void Group::pumpFollowers() {
  if (!dead_.empty() && chance(random_, 30)) dead_[below(random_, dead_.size())]->step();
  for (auto& node : nodes_) {
    if (node.get() != leader_) pump(*node);
  }
}

void Group::release(Random& random) {
  pump(*leader_);
  if (chance(random, 50)) pumpFollowers();
  leader_->own->complete(1 + below(random, 4));
}

void Group::releaseAll(Ticket upTo) {
  for (int rounds = 0; leader_->own->committed() < upTo; ++rounds) {
    ASSERT_LT(rounds, 2000);
    clock_.nowMs += 300;
    for (int i = 0; i < 20; ++i) leader_->log->step();
    leader_->member->step();
    leader_->member->tick();
    leader_->own->complete();
    pumpFollowers();
  }
}

bool Group::setWritable(bool writable) {
  leader_->own->setHealth({writable, writable ? "" : "no space on the device"});
  return true;
}

// Somebody leads, on a store that has all of what came before.
void Group::elect() {
  Node* const before = leader_;
  clock_.nowMs += 2'000'000;
  // The one that is to want it first: all of them, in the end.
  const size_t first = below(random_, nodes_.size());
  for (int rounds = 0; leader_ == before; ++rounds) {
    ASSERT_LT(rounds, 20'000);
    if (rounds % 40 == 39) clock_.nowMs += 1000;
    // Who had taken over may have been restarted since.
    if (rounds % 1000 == 999) clock_.nowMs += 2'000'000;
    for (auto& node : nodes_) {
      if (node.get() == before) continue;
      const bool turn = rounds > 2000 || node == nodes_[first] || chance(random_, 10);
      if (turn && node->registry != nullptr) node->member->tick();
      pump(*node);
      if (::testing::Test::HasFailure()) return;
      if (!node->member->leads()) continue;
      leader_ = node.get();
      break;
    }
  }
  leader_->own->setHealth({});
  leader_->own->complete();
  leader_->store->poll(*leader_->registry);
  while (leader_->registry->foldsRunning() > 0) {
    leader_->own->complete();
    leader_->store->poll(*leader_->registry);
  }
  leader_->own->complete();
  leader_->registry.reset();
  door_ = std::make_unique<Door>(*leader_->store, leader_->member->view().epoch);
}

// What of a leader came to count in the end: every write up to this one.
Ticket Group::survived(const Door& door, Ticket committed) {
  const uint64_t valid = valid_.of(door.epoch);
  EXPECT_LE(valid, door.logged.size());
  seen_.lost += door.logged.size() - valid;
  const Ticket survived = valid == door.logged.size() ? door.last : door.logged[valid] - 1;
  if (valid < door.logged.size()) {
    EXPECT_LE(committed, survived) << "what completed is not in the log";
  }
  return survived;
}

Ticket Group::crash(Random& random, Ticket) {
  Node& former = *leader_;
  for (uint64_t n = below(random, 10); n > 0; --n) former.log->step();
  const std::unique_ptr<Door> door = std::move(door_);
  const bool killed = chance(random, 60);
  Ticket committed = former.own->committed();
  if (killed) {
    ++seen_.killed;
    leader_ = nullptr;
    restart(former);
  }
  elect();
  if (::testing::Test::HasFailure()) return 0;
  if (leader_ != &former) ++seen_.takenOver;
  if (!killed) {
    sleepOn(former);
    committed = former.own->committed();
    restart(former);
  }
  return survived(*door, committed);
}

// A leader that has slept through its replacement, and goes on.
void Group::sleepOn(Node& former) {
  Node* const now = std::exchange(leader_, &former);
  for (int rounds = 0; !former.member->ended(); ++rounds) {
    ASSERT_LT(rounds, 20'000) << "it does not notice";
    clock_.nowMs += 100;
    former.log->step();
    former.member->step();
    former.member->tick();
    former.own->complete(below(random_, 3));
  }
  EXPECT_TRUE(former.member->deposed()) << former.member->ended()->message;
  ++seen_.deposed;
  leader_ = now;
}

void Group::settle() {
  faults_ = {};
  for (auto& node : nodes_) node->log->setFaults({});
  leader_->own->setHealth({});
  const auto done = [&] {
    return leader_->store->quiet() && std::all_of(nodes_.begin(), nodes_.end(), [&](auto& node) {
             return node.get() == leader_ ||
                    (node->own->queued() == 0 &&
                     node->member->view().index == leader_->member->view().index);
           });
  };
  for (int rounds = 0; !done(); ++rounds) {
    ASSERT_LT(rounds, 20'000);
    clock_.nowMs += 100;
    for (int i = 0; i < 20; ++i) leader_->log->step();
    leader_->member->step();
    leader_->member->tick();
    pumpFollowers();
  }
  leader_->own->complete();
  compareAll();
}

void Group::compareAll() {
  for (auto& node : nodes_) {
    MemoryStore store(node->own->afterCrash());
    Registry recovered(options_, clock_, store, notices_);
    EXPECT_EQ(recovered.recover().quarantined, 0u);
    MemoryStore leaders(leader_->own->afterCrash());
    Registry leader(options_, clock_, leaders, notices_);
    leader.recover();
    EXPECT_EQ(recovered.registryDigest().hex(), leader.registryDigest().hex()) << node->name;
    if (node->registry == nullptr) continue;
    EXPECT_EQ(node->registry->registryDigest().hex(), leader.registryDigest().hex()) << node->name;
  }
}

}  // namespace holdfast::test
