// Nodes that lead one after another, or believe that they do, over a log that loses, repeats and
// reorders; nodes are paused and killed. A checker, which reads the log by an implementation of the
// rule of its own, holds every confirmation against it.
//
//   HOLDFAST_SEQUENCES=n runs so many (3,000), HOLDFAST_SEED=n that one alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "replication/publisher.h"
#include "replication/records.h"
#include "tests/support/memory_log.h"
#include "tests/support/repetitions.h"

namespace holdfast::replication {
namespace {

using test::MemoryLog;
using test::MemoryLogFaults;
using test::MemoryLogRecords;

// Reads the log again from its beginning, once.
class Checker {
 public:
  struct Valid {
    LogPoint at;
    std::string bytes;
  };
  explicit Checker(const MemoryLogRecords& log) : log_(log) {}

  // The valid frame that stands there now; null: none does.
  const Valid* frame(LogSequence sequence) {
    readOn();
    const auto found = frames_.find(sequence);
    return found == frames_.end() ? nullptr : &found->second;
  }
  // Whether the record is a valid frame, wherever it stands.
  bool counts(uint64_t index, const std::string& bytes) {
    readOn();
    const auto found = places_.find(index);
    return found != places_.end() && frames_.at(found->second).bytes == bytes;
  }

 private:
  void readOn() {
    for (; read_ < log_.records.size(); ++read_) {
      const auto record = decoder_.decode(log_.records[read_]);
      if (!record) continue;
      if (const auto* takeOver = std::get_if<TakeOver>(&*record)) {
        if (takeOver->base.epoch == epoch_ && takeOver->base.index == index_) ++epoch_;
      } else if (const auto* frame = std::get_if<Frame>(&*record)) {
        if (frame->at.epoch != epoch_ || frame->at.index != index_ + 1) continue;
        ++index_;
        frames_[log_.first + read_] = {frame->at, log_.records[read_]};
        places_[index_] = log_.first + read_;
      }
    }
  }

  const MemoryLogRecords& log_;
  RecordDecoder decoder_;
  size_t read_ = 0;
  uint64_t epoch_ = 0;
  uint64_t index_ = 0;
  std::map<LogSequence, Valid> frames_;
  std::map<uint64_t, LogSequence> places_;  // by index
};

struct Tally {
  uint64_t confirmed = 0;
  uint64_t deposed = 0;
  uint64_t violations = 0;
};

class World;

class Node final : public LogListener {
 public:
  Node(World& world, std::string name);

  void step();
  void publish();
  void beat();
  void retire();
  void takeOver();
  void tick();
  bool leads() const { return publisher_ != nullptr && !publisher_->deposed(); }
  bool settled() const { return publisher_ == nullptr || publisher_->underWay() == 0; }
  MemoryLog& log() { return *log_; }
  std::unique_ptr<MemoryLog> kill();

  bool paused = false;

 private:
  void onAppended(AppendId id, LogSequence sequence) override;
  void onAppendUnknown(AppendId id, const Error& why) override;
  void onFetched(LogSequence sequence, std::string_view bytes) override;
  void onRecord(LogSequence sequence, std::string_view bytes) override;
  void onLogLost(const Error& why) override { ADD_FAILURE() << why.message; }
  void lead();
  void follow(LogPosition from);

  World& world_;
  const std::string name_;
  std::unique_ptr<MemoryLog> log_;
  LogPosition read_;  // of a follower
  LogRule rule_;
  RecordDecoder decoder_;
  std::optional<uint64_t> nonce_;  // of its take-over that is under way
  std::unique_ptr<Publisher> publisher_;
  std::map<uint64_t, std::string> published_;  // index -> record, of this epoch
};

class World {
 public:
  World(uint64_t seed, bool trustsAcknowledgements)
      : random(seed), checker(engine), trusts(trustsAcknowledgements) {
    for (const char* name : {"a", "b", "c"}) nodes_.push_back(std::make_unique<Node>(*this, name));
    faults_ = {.lost = below(15),
               .repeated = below(15),
               .overtaken = below(60),
               .unheard = below(20),
               .unknown = below(100)};
    setFaults(faults_);
  }

  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random() % n); }

  void run(size_t steps) {
    for (size_t i = 0; i < steps; ++i) step();
  }

  // No more faults: whoever leads is through with what it has, if need be after a take-over.
  bool settles() {
    setFaults({});
    for (auto& node : nodes_) node->paused = false;
    for (int round = 0; round < 2000; ++round) {
      nowMs += 100;
      bool idle = true;
      for (int i = 0; i < 20; ++i) idle = deliver() == 0 && idle;
      for (auto& node : nodes_) {
        node->step();
        node->tick();
        idle = idle && node->settled() && node->log().idle();
      }
      const auto leaders = static_cast<size_t>(
          std::count_if(nodes_.begin(), nodes_.end(), [](auto& node) { return node->leads(); }));
      if (leaders == 0 && round % 50 == 0) nodes_.front()->takeOver();
      // A deposed one that has nothing to say learns of it by its next beat.
      if (leaders > 1) {
        for (auto& node : nodes_) node->beat();
      }
      if (idle && leaders == 1) return true;
    }
    return false;
  }

  std::mt19937_64 random;
  MemoryLogRecords engine;
  Checker checker;
  const bool trusts;
  uint64_t nowMs = 1;
  Tally tally;

 private:
  void step() {
    Node& node = *nodes_[below(3)];
    switch (below(16)) {
      case 0:
        if (below(6) == 0) node.paused = !node.paused;
        break;
      case 1:
        if (below(8) == 0) node.takeOver();
        break;
      case 2:
        if (below(4) == 0) node.beat();
        break;
      case 3:
        if (below(30) == 0) node.retire();
        break;
      case 4:
        if (below(20) == 0) restart(node);
        break;
      case 5:
        nowMs += below(400);
        node.tick();
        break;
      case 6:
      case 7:
      case 8:
        for (uint32_t i = below(6); i > 0; --i) node.publish();
        break;
      case 9:
      case 10:
      case 11:
        node.step();
        break;
      default:
        for (uint32_t i = below(4); i > 0; --i) deliver();
    }
  }

  // Of each connection one thing. How many had one.
  size_t deliver() {
    size_t count = 0;
    for (auto& node : nodes_) count += node->log().step() ? 1 : 0;
    for (auto& log : dead_) count += log->step() ? 1 : 0;
    return count;
  }

  void restart(Node& node) {
    dead_.push_back(node.kill());
    dead_.back()->abandon();
    node.log().setFaults(faults_);
  }

  void setFaults(const MemoryLogFaults& faults) {
    for (auto& node : nodes_) node->log().setFaults(faults);
    for (auto& log : dead_) log->setFaults(faults);
  }

  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<MemoryLog>> dead_;
  MemoryLogFaults faults_;
};

Node::Node(World& world, std::string name) : world_(world), name_(std::move(name)) {
  kill();
}

// Starts anew. What the former life had appended is on its way.
std::unique_ptr<MemoryLog> Node::kill() {
  auto former = std::move(log_);
  log_ = std::make_unique<MemoryLog>(world_.engine, world_.random);
  publisher_.reset();
  follow({});
  return former;
}

void Node::follow(LogPosition from) {
  publisher_.reset();
  published_.clear();
  nonce_.reset();
  read_ = from;
  rule_ = LogRule(from.at);
  log_->follow(from.sequence + 1);
  log_->setRecordsPerPoll(4 + world_.below(50));
}

void Node::step() {
  if (paused) return;
  log_->poll(*this);
  if (!publisher_) return;
  for (const LogPosition& confirmed : publisher_->takeConfirmed()) {
    ++world_.tally.confirmed;
    const Checker::Valid* const valid = world_.checker.frame(confirmed.sequence);
    if (valid == nullptr || valid->at != confirmed.at ||
        valid->bytes != published_.at(confirmed.at.index)) {
      ++world_.tally.violations;
    }
    published_.erase(confirmed.at.index);
  }
  ASSERT_FALSE(publisher_->failure()) << publisher_->failure()->message;
  if (publisher_->deposed()) {
    ++world_.tally.deposed;
    follow(publisher_->read());
  }
}

void Node::publish() {
  if (paused || !leads() || !publisher_->hasRoom(100)) return;
  const uint64_t content = world_.random();
  const std::span<const uint8_t> body(reinterpret_cast<const uint8_t*>(&content), sizeof(content));
  const LogPoint at = publisher_->next();
  auto frames = encodeFrames(body, at, world_.nowMs);
  published_[at.index] = frames.front();
  publisher_->publish(std::move(frames), world_.nowMs);
}

void Node::beat() {
  if (!paused && leads()) {
    publisher_->announce(encodeRecord(Beat{publisher_->next().epoch, world_.nowMs}));
  }
}

void Node::retire() {
  if (paused || !leads() || publisher_->underWay() > 0) return;
  publisher_->announce(encodeRecord(Retire{publisher_->next().epoch, world_.nowMs}));
  follow(publisher_->read());
}

void Node::takeOver() {
  if (paused || publisher_) return;
  nonce_ = world_.random();
  log_->append(encodeRecord(TakeOver{.base = rule_.at(), .node = name_, .nonce = *nonce_}));
}

void Node::tick() {
  if (!paused && publisher_) publisher_->tick(world_.nowMs);
}

void Node::onAppended(AppendId id, LogSequence sequence) {
  if (!publisher_) return;
  if (world_.trusts) {
    // What a leader would confirm that takes an acknowledgement for more than it is.
    const std::string& bytes = world_.engine.at(sequence);
    const auto record = decoder_.decode(bytes);
    const auto* const frame = std::get_if<Frame>(&*record);
    if (frame != nullptr && !world_.checker.counts(frame->at.index, bytes)) {
      ++world_.tally.violations;
    }
  }
  publisher_->onAppended(id, sequence, world_.nowMs);
}

void Node::onAppendUnknown(AppendId id, const Error& why) {
  if (publisher_) publisher_->onAppendUnknown(id, why, world_.nowMs);
}

void Node::onFetched(LogSequence sequence, std::string_view bytes) {
  if (publisher_) publisher_->onFetched(sequence, bytes, world_.nowMs);
}

void Node::onRecord(LogSequence sequence, std::string_view bytes) {
  if (publisher_) return;
  EXPECT_EQ(sequence, read_.sequence + 1);
  read_.sequence = sequence;
  const auto record = decoder_.decode(bytes);
  if (!record || !rule_.take(headOf(*record))) return;
  read_.at = rule_.at();
  const auto* const takeOver = std::get_if<TakeOver>(&*record);
  if (takeOver == nullptr) return;
  if (nonce_ && takeOver->nonce == *nonce_) {
    lead();
  } else {
    nonce_.reset();
  }
}

void Node::lead() {
  nonce_.reset();
  log_->follow(0);
  publisher_ = std::make_unique<Publisher>(
      *log_, read_,
      PublisherOptions{
          .windowBytes = 8192, .windowRecords = 2 + world_.below(30), .silenceMsMax = 500});
}

Tally runWorld(uint64_t seed, bool trustsAcknowledgements) {
  World world(seed, trustsAcknowledgements);
  world.run(2000);
  EXPECT_TRUE(world.settles()) << "HOLDFAST_SEED=" << seed;
  return world.tally;
}

TEST(PublisherModelTest, WhatIsConfirmedIsValidWhateverTheEngineAndTheNodesDo) {
  const uint64_t runs = test::repetitions("HOLDFAST_SEQUENCES", 3000);
  const uint64_t first = test::fromEnvironment("HOLDFAST_SEED", 1);
  const bool one = std::getenv("HOLDFAST_SEED") != nullptr;
  Tally all;
  for (uint64_t seed = first; seed < first + (one ? 1 : runs); ++seed) {
    const Tally tally = runWorld(seed, false);
    ASSERT_EQ(tally.violations, 0u) << "HOLDFAST_SEED=" << seed;
    if (testing::Test::HasFailure()) return;
    all.confirmed += tally.confirmed;
    all.deposed += tally.deposed;
  }
  RecordProperty("confirmed", std::to_string(all.confirmed));
  if (one) return;
  // It was about something.
  EXPECT_GT(all.confirmed, runs * 10);
  EXPECT_GT(all.deposed, runs / 4);
}

// The same worlds catch a leader that takes an acknowledgement for a confirmation.
TEST(PublisherModelTest, TrustingAcknowledgementsWouldConfirmWhatIsVoid) {
  const uint64_t runs = test::repetitions("HOLDFAST_SEQUENCES", 300);
  uint64_t caught = 0;
  for (uint64_t seed = 1; seed <= runs; ++seed) caught += runWorld(seed, true).violations > 0;
  EXPECT_GT(caught, runs * 9 / 10);
}

}  // namespace
}  // namespace holdfast::replication
