// What the registry keeps of all its locations equals what is counted from scratch, whatever
// happens to how many of them.
#include <gtest/gtest.h>

#include <map>

#include "tests/core/random_sequences.h"
#include "tests/core/registry_fixture.h"
#include "tests/support/recount.h"

namespace holdfast::test {
namespace {

class KeptCountsTest : public RegistryTest {
 protected:
  static constexpr uint32_t kWorkers = 200;
  static constexpr uint32_t kInstances = 5;

  struct Known {
    SessionId session = kNoSession;
    uint64_t run = 0;
    uint64_t seq = 0;
  };

  KeptCountsTest() {
    options_.lifeCycle.workersMax = kWorkers;
    open({});
  }

  static std::string instanceOf(uint32_t worker) { return std::to_string(worker % kInstances); }

  void registerAnew(Random& random, uint32_t worker) {
    Known& known = known_[worker];
    known.run = ++runs_;
    known.seq = 0;
    Registration message = registration(instanceOf(worker), worker, known.run);
    message.locations[0].incarnation = known.run;
    message.locations.push_back(message.locations[0]);
    message.locations[1].location = "disk";
    // What was held before is unknown: a full sync is wanted, or the content hidden.
    if (chance(random, 30)) {
      message.locations[1].beganEmpty = false;
      message.locations[1].lastSeq = below(random, 5);
      message.locations[1].replayableFrom = message.locations[1].lastSeq + 1;
    }
    if (chance(random, 20))
      message.worldSize = worker + 1 + static_cast<uint32_t>(below(random, 3));
    known.session = registered(message);
  }

  void step(Random& random) {
    const auto worker = static_cast<uint32_t>(below(random, kWorkers));
    Known& known = known_[worker];
    const uint64_t what = below(random, 100);
    if (known.session == kNoSession || what < 10) {
      registerAnew(random, worker);
    } else if (what < 14) {
      ASSERT_TRUE(registry_->registration().deregister(known.session).ok());
      known = {};
    } else if (what < 20) {
      registry_->registration().connectionClosed(known.session);
      known.session = kNoSession;
    } else if (what < 21) {
      ASSERT_TRUE(registry_->operators().forceSync(instanceOf(worker), worker, "").ok());
    } else if (what < 22) {
      ASSERT_TRUE(registry_->operators().drain(instanceOf(worker), chance(random, 50)).ok());
    } else {
      const auto reported =
          report(known.session, known.seq + 1, {below(random, 40), below(random, 40)}, known.run);
      ASSERT_TRUE(reported.ok()) << reported.error().message;
      known.seq += 2;
    }
    settle();
  }

  std::map<uint32_t, Known> known_;
  uint64_t runs_ = 0;
};

TEST_F(KeptCountsTest, AgreeAfterAnything) {
  forRandomSequences(6, [this](Random& random) {
    open({});
    known_.clear();
    for (uint32_t worker = 0; worker < kWorkers; ++worker) registerAnew(random, worker);
    // More are marked than may be before anybody asks.
    static_assert(size_t{2} * kWorkers > KeptDigests::kMarkedMax);
    expectKeptAsCounted(*registry_);
    for (int i = 0; i < 3'000 && !HasFailure(); ++i) {
      step(random);
      if (below(random, 200) == 0) expectKeptAsCounted(*registry_);
    }
    settle();
    restart();
    expectKeptAsCounted(*registry_);
    registry_->restart("a log begins");
    expectKeptAsCounted(*registry_);
  });
}

}  // namespace
}  // namespace holdfast::test
