// The position of a source: step by step, and against an engine that loses messages, restarts and
// answers replays badly, while we restart as well.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gateways/engine_events/source.h"
#include "tests/core/random_sequences.h"

namespace holdfast::engines {
namespace {

class ToldSink : public Source::Sink {
 public:
  bool apply(uint64_t seq, std::string_view payload, bool replayed) override {
    if (payload.starts_with('?')) return false;
    told.push_back((replayed ? "r" : "") + std::to_string(seq));
    return true;
  }
  void restarted() override { told.emplace_back("restarted"); }
  void lost(uint64_t from, uint64_t to) override {
    told.push_back("lost " + std::to_string(from) + "-" + std::to_string(to));
  }
  void askReplay(uint64_t from) override { told.push_back("ask " + std::to_string(from)); }

  std::vector<std::string> take() { return std::exchange(told, {}); }
  std::vector<std::string> told;
};

using Told = std::vector<std::string>;

class engineSource : public testing::Test {
 protected:
  void begin(std::optional<SourcePosition> position = {}, bool canReplay = true) {
    source_.emplace(Source::Options{.canReplay = canReplay}, sink_, held_, position);
    source_->connected(0);
  }
  void live(uint64_t seq, const std::string& payload = "x") { source_->live(seq, payload, 0); }
  void replayed(uint64_t seq, const std::string& payload = "x") {
    source_->replayed(seq, payload, 0);
  }
  void replayed(uint64_t from, uint64_t to) {
    for (uint64_t seq = from; seq <= to; ++seq) replayed(seq);
    source_->replayEnded(0);
  }
  // One that has applied "x" up to `seq`, over a connection that is known to be to that process.
  void beginAt(uint64_t seq) {
    begin();
    replayed(0, seq);
    sink_.take();
  }

  ToldSink sink_;
  HeldMessages held_;
  std::optional<Source> source_;
};

TEST_F(engineSource, ANewOneAsksForEverythingAndAppliesWhatCameMeanwhile) {
  begin();
  live(3);
  live(4);
  replayed(0, 3);
  EXPECT_EQ(sink_.take(), (Told{"ask 0", "r0", "r1", "r2", "r3", "4"}));
  EXPECT_TRUE(source_->caughtUp());
  live(5);
  EXPECT_EQ(sink_.take(), Told{"5"});
}

TEST_F(engineSource, WhatTheEngineNoLongerHasIsLost) {
  begin();
  replayed(7, 8);
  EXPECT_EQ(sink_.take(), (Told{"ask 0", "lost 0-6", "r7", "r8"}));
}

TEST_F(engineSource, AGapIsAskedForFromTheLastMessageOnAndNothingIsAppliedTwice) {
  beginAt(2);
  live(5);
  live(6);
  EXPECT_EQ(sink_.take(), Told{"ask 2"});
  replayed(2, 6);
  EXPECT_EQ(sink_.take(), (Told{"r3", "r4", "r5", "r6"}));
  live(7);
  EXPECT_EQ(sink_.take(), Told{"7"});
  EXPECT_EQ(held_.bytes, 0u);
}

TEST_F(engineSource, OurRestartGoesOnBehindThePositionOfTheSameProcess) {
  beginAt(4);
  const auto position = source_->position();
  begin(position);
  replayed(4, 6);
  EXPECT_EQ(sink_.take(), (Told{"ask 4", "r5", "r6"}));
}

TEST_F(engineSource, AnotherMessageOfThatNumberIsOfAnotherProcess) {
  beginAt(4);
  const auto position = source_->position();
  begin(position);
  replayed(4, "y");
  EXPECT_EQ(sink_.take(), (Told{"ask 4", "restarted", "ask 0"}));
  replayed(0, 5);
  EXPECT_EQ(sink_.take(), (Told{"r0", "r1", "r2", "r3", "r4", "r5"}));
}

TEST_F(engineSource, WhoHasNotComeAsFarIsAnotherProcess) {
  beginAt(4);
  source_->disconnected();
  source_->connected(0);
  source_->replayEnded(0);
  EXPECT_EQ(sink_.take(), (Told{"ask 4", "restarted", "ask 0"}));
  replayed(0, 1);
  EXPECT_EQ(sink_.take(), (Told{"r0", "r1"}));
}

TEST_F(engineSource, WhoNoLongerHasWhatWeKnowItByIsTakenForAnotherProcess) {
  beginAt(4);
  source_->disconnected();
  source_->connected(0);
  replayed(9, 9);
  EXPECT_EQ(sink_.take(), (Told{"ask 4", "restarted", "lost 0-8", "r9"}));
}

TEST_F(engineSource, NumbersThatBeginAgainAreOfAnotherProcess) {
  beginAt(4);
  live(5);
  live(0);
  EXPECT_EQ(sink_.take(), (Told{"5", "restarted", "0"}));
  live(1);
  live(1);
  EXPECT_EQ(sink_.take(), (Told{"1", "restarted", "ask 0"}));
}

TEST_F(engineSource, AReplayWithoutItsEndIsAskedForAgainAndAHoleIsLostInTheEnd) {
  beginAt(2);
  live(6);
  replayed(2);
  replayed(3);
  source_->tick(3'000);
  EXPECT_EQ(sink_.take(), (Told{"ask 2", "r3", "ask 3"}));
  for (int i = 0; i < 3; ++i) {
    source_->replayed(3, "x", 3'000);
    source_->replayed(5, "x", 3'000);
    source_->replayed(6, "x", 3'000);
    source_->replayEnded(3'000);
  }
  EXPECT_EQ(sink_.take(), (Told{"ask 3", "ask 3", "lost 4-4", "5", "6"}));
  EXPECT_TRUE(source_->caughtUp());
}

TEST_F(engineSource, WithoutReplaysGapsAreLostAtOnceAndNumbersTell) {
  begin({}, false);
  live(3);
  live(4);
  live(7);
  EXPECT_EQ(sink_.take(), (Told{"lost 0-2", "3", "4", "lost 5-6", "7"}));
  source_->disconnected();
  source_->connected(0);
  live(8);
  source_->disconnected();
  source_->connected(0);
  live(2);
  EXPECT_EQ(sink_.take(), (Told{"8", "restarted", "lost 0-1", "2"}));
}

TEST_F(engineSource, AnEngineThatAnswersNoReplayIsNotWaitedForForEver) {
  beginAt(4);
  source_->disconnected();
  source_->connected(0);
  source_->live(7, "x", 0);
  for (uint64_t now = 3'000; now <= 9'000; now += 3'000) source_->tick(now);
  EXPECT_EQ(sink_.take(), (Told{"ask 4", "ask 4", "ask 4", "lost 5-6", "7"}));
  EXPECT_TRUE(source_->caughtUp());
}

TEST_F(engineSource, TheLastMessageBeforeASilenceIsNotMissedForEver) {
  beginAt(2);
  live(3);
  source_->tick(4'999);
  EXPECT_EQ(sink_.take(), Told{"3"});
  source_->tick(5'000);
  EXPECT_EQ(sink_.take(), Told{"ask 3"});
  source_->replayed(3, "x", 5'000);
  source_->replayed(4, "x", 5'000);
  source_->replayEnded(5'000);
  EXPECT_EQ(sink_.take(), Told{"r4"});
  EXPECT_EQ(source_->counts().lost, 0u);
  EXPECT_EQ(source_->counts().gaps, 1u);
}

TEST_F(engineSource, AnIdleEngineIsAskedLessAndLess) {
  beginAt(2);
  std::vector<uint64_t> asked;
  for (uint64_t now = 0; now <= 300'000; now += 1'000) {
    source_->tick(now);
    if (sink_.take().empty()) continue;
    asked.push_back(now);
    source_->replayed(2, "x", now);
    source_->replayEnded(now);
  }
  EXPECT_EQ(asked,
            (std::vector<uint64_t>{5'000, 15'000, 35'000, 75'000, 135'000, 195'000, 255'000}));
  source_->live(3, "x", 300'000);
  source_->tick(305'000);
  EXPECT_EQ(sink_.take(), (Told{"3", "ask 3"}));
}

TEST_F(engineSource, WhoAnswersNothingAfterASilenceKeepsWhatItHas) {
  beginAt(2);
  source_->tick(5'000);
  source_->replayEnded(5'000);
  for (uint64_t now = 15'000; now <= 30'000; now += 3'000) source_->tick(now);
  const Told told = sink_.take();
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()), std::set<std::string>{"ask 2"});
  EXPECT_TRUE(source_->caughtUp());
}

TEST_F(engineSource, WhatCannotBeReadIsLostAndEndsNothing) {
  beginAt(2);
  live(3, "?");
  live(4);
  EXPECT_EQ(sink_.take(), (Told{"lost 3-3", "4"}));
  EXPECT_EQ(source_->counts().unreadable, 1u);
}

TEST_F(engineSource, HeldMessagesAreBoundedAndComeWithTheNextReplay) {
  beginAt(0);
  const std::string large(size_t{1} << 20, 'x');
  for (uint64_t seq = 2; seq < 40; ++seq) live(seq, large);
  EXPECT_LE(held_.bytes, HeldMessages::kOfOneMax);
  EXPECT_GT(source_->counts().heldOver, 0u);
  replayed(0);
  replayed(1);
  source_->replayEnded(0);
  const Told told = sink_.take();
  EXPECT_EQ(told.back(), "ask " + std::to_string(source_->position()->seq));
  for (uint64_t seq = source_->position()->seq; seq < 40; ++seq) replayed(seq, large);
  source_->replayEnded(0);
  EXPECT_EQ(source_->position()->seq, 39u);
  EXPECT_EQ(source_->counts().lost, 0u);
}

// --- against a plain model ---

// An engine with a cache of numbers, whose messages are what it did: "3 +5-7" or "3 C".
class ModelEngine {
 public:
  explicit ModelEngine(std::mt19937_64& random) : random_(random) {}

  // The message, if there is one: some numbers are used up without.
  std::optional<std::pair<uint64_t, std::string>> step() {
    const uint64_t seq = next_++;
    std::string payload = std::to_string(random_() % 1'000'000);
    if (random_() % 40 == 0) {
      cache.clear();
      payload += " C";
    } else {
      for (uint64_t i = random_() % 4; i != 0; --i) {
        const int key = static_cast<int>(random_() % 40);
        const bool evict = random_() % 2 == 0;
        if (evict) {
          cache.erase(key);
        } else {
          cache.insert(key);
        }
        payload += std::string(evict ? " -" : " +") + std::to_string(key);
      }
    }
    if (payload.find(' ') == std::string::npos && random_() % 3 == 0) return std::nullopt;
    buffer_.emplace_back(seq, payload);
    if (buffer_.size() > 30) buffer_.pop_front();
    return buffer_.back();
  }
  std::deque<std::pair<uint64_t, std::string>> from(uint64_t seq) const {
    auto kept = buffer_;
    while (!kept.empty() && kept.front().first < seq) kept.pop_front();
    return kept;
  }
  std::optional<uint64_t> newest() const {
    return buffer_.empty() ? std::nullopt : std::optional(buffer_.back().first);
  }

  std::set<int> cache;

 private:
  std::mt19937_64& random_;
  uint64_t next_ = 0;
  std::deque<std::pair<uint64_t, std::string>> buffer_;
};

// What is kept of it on our side.
struct ModelRegistry final : Source::Sink {
  bool apply(uint64_t, std::string_view payload, bool) override {
    for (size_t at = payload.find(' '); at != std::string_view::npos; at = payload.find(' ', at)) {
      const char what = payload[++at];
      if (what == 'C') {
        held.clear();
        lossy = false;
        continue;
      }
      const int key = std::atoi(std::string(payload.substr(at + 1)).c_str());
      if (what == '+') {
        held.insert(key);
      } else {
        held.erase(key);
      }
    }
    return true;
  }
  void restarted() override {
    held.clear();
    lossy = false;
    anew = true;
  }
  void lost(uint64_t, uint64_t) override {
    held.clear();
    lossy = true;
  }
  void askReplay(uint64_t from) override { asked = from; }

  std::set<int> held;
  bool lossy = false;
  bool anew = false;  // an older position is of another process
  std::optional<uint64_t> asked;
};

class ModelWorld {
 public:
  explicit ModelWorld(std::mt19937_64& random) : random_(random) { source(std::nullopt); }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step(false);
    settle();
  }

 private:
  bool chance(uint64_t percent) { return random_() % 100 < percent; }

  void source(std::optional<SourcePosition> position) {
    // As the registry has it: what cannot be placed in the stream is forgotten.
    if (!position) registry_.restarted();
    source_ = std::make_unique<Source>(Source::Options{}, registry_, heldBytes_, position);
    connected_ = false;
    live_.clear();
    replay_.clear();
    registry_.asked.reset();
  }

  void step(bool quiet) {
    now_ += random_() % 400;
    const uint64_t what = random_() % 100;
    if (what < 40) {
      if (const auto message = engine_->step()) {
        if (connected_ && (quiet || !chance(15))) live_.push_back(*message);
      }
    } else if (what < 60) {
      if (!live_.empty()) {
        source_->live(live_.front().first, live_.front().second, now_);
        live_.pop_front();
      }
    } else if (what < 85) {
      if (!replay_.empty()) {
        const auto [seq, payload] = replay_.front();
        replay_.pop_front();
        if (seq == UINT64_MAX) {
          source_->replayEnded(now_);
        } else {
          source_->replayed(seq, payload, now_);
        }
      }
    } else if (what < 90) {
      source_->tick(now_);
    } else if (!connected_) {
      connected_ = true;
      source_->connected(now_);
    } else if (!quiet && what < 92) {
      // The engine's process ends, and another one is there.
      if (chance(70)) engine_ = std::make_unique<ModelEngine>(random_);
      live_.clear();
      replay_.clear();
      connected_ = false;
      source_->disconnected();
    } else if (!quiet && what < 94) {
      // Ours ends: the position may be that of an earlier message than what is held.
      source(chance(50) || registry_.anew ? source_->position() : older_);
    } else {
      older_ = source_->position();
      registry_.anew = false;
    }
    answer(quiet);
  }

  void answer(bool quiet) {
    if (!registry_.asked) return;
    replay_ = engine_->from(*registry_.asked);
    registry_.asked.reset();
    if (!quiet && chance(20) && replay_.size() > 2) {
      replay_.erase(replay_.begin() + static_cast<long>(random_() % replay_.size()));
    }
    if (quiet || !chance(10)) replay_.emplace_back(UINT64_MAX, "");
  }

  // With a network that loses nothing any more, what is held comes to be what is there.
  void settle() {
    for (int i = 0; i < 400; ++i) step(true);
    for (int i = 0; i < 50; ++i) engine_->step();
    std::optional<std::pair<uint64_t, std::string>> last;
    while (!last) last = engine_->step();
    if (!connected_) source_->connected(now_);
    connected_ = true;
    // It may be lost as well: then the silence behind it tells.
    if (chance(50)) {
      live_.push_back(*last);
    } else {
      now_ += 60'000;
      source_->tick(now_);
    }
    while (!live_.empty() || !replay_.empty() || !source_->caughtUp() || registry_.asked) {
      ASSERT_LT(now_, uint64_t{1} << 40);
      now_ += 100;
      answer(true);
      if (!replay_.empty()) {
        const auto [seq, payload] = replay_.front();
        replay_.pop_front();
        if (seq == UINT64_MAX) {
          source_->replayEnded(now_);
        } else {
          source_->replayed(seq, payload, now_);
        }
      } else if (!live_.empty()) {
        source_->live(live_.front().first, live_.front().second, now_);
        live_.pop_front();
      }
      source_->tick(now_);
    }
    ASSERT_EQ(source_->position()->seq, *engine_->newest());
    EXPECT_TRUE(std::includes(engine_->cache.begin(), engine_->cache.end(), registry_.held.begin(),
                              registry_.held.end()));
    if (!registry_.lossy) {
      EXPECT_EQ(registry_.held, engine_->cache);
    }
    EXPECT_EQ(heldBytes_.bytes, 0u);
  }

  std::mt19937_64& random_;
  std::unique_ptr<ModelEngine> engine_ = std::make_unique<ModelEngine>(random_);
  ModelRegistry registry_;
  HeldMessages heldBytes_;
  std::unique_ptr<Source> source_;
  std::optional<SourcePosition> older_;
  bool connected_ = false;
  std::deque<std::pair<uint64_t, std::string>> live_;
  std::deque<std::pair<uint64_t, std::string>> replay_;
  uint64_t now_ = 0;
};

TEST(engineSourceModel, NothingIsHeldThatIsNotThereWhateverIsLostAndWhoeverRestarts) {
  test::forRandomSequences(2'000, [](test::Random& random) {
    ModelWorld world(random);
    world.run(static_cast<int>(50 + random() % 500));
  });
}

}  // namespace
}  // namespace holdfast::engines
