// Built with fold.patch: a fold leaves its last segment out.
#include <chrono>
#include <thread>

#include "store/rocks_store.h"
#include "tests/replay/captured_core.h"
#include "tests/support/message_of.h"

namespace holdfast::test {
namespace {

// Until everything is committed, and a fold was.
void settle(CapturedCore& core, RegistryStore& store) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const Registry& registry = core.controller().registry();
  while (registry.counters().foldsCommitted == 0 || !registry.ledger().allCommitted()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no fold";
    store.poll(core.controller());
    core.controller().take(input::Tick{});
    std::this_thread::yield();
  }
}

TEST_F(BugTest, ASegmentThatAFoldDropsIsMissingInAReplayToo) {
  StoreOptions options;
  options.dataDir = directory + "/data";
  options.create = true;
  auto store = RocksStore::open(options);
  ASSERT_TRUE(store.ok());
  ControllerOptions core;
  core.registry.foldFloorOperations = 100;
  std::string truth;
  {
    CapturedCore captured(*store.value(), log(), core);
    captured.admit(captured.registerWorker("llama"), 1, 300);
    // Its own evicts make a fold worth while.
    const std::vector<ChunkHash> keys = CapturedCore::keysOf(1, 200);
    const std::vector<uint8_t> evicts(25, 0xFF);
    captured.report(1, {"gpu", CapturedCore::kIncarnation, 301, {keys, {evicts.data(), 0}}});
    settle(captured, *store.value());
    captured.end();
    truth = captured.digest();
    ASSERT_EQ(messageOf(store.value()->close()), "");
  }
  ASSERT_EQ(run(HOLDFAST_INSPECT " verify " + options.dataDir).exitCode, 1)
      << "the bug does not show";

  // The core is right, whoever replays it: the store is not.
  const std::string check = " " + log() + " --check-digest " + truth + " --into store:" + directory;
  const Command again = run(HOLDFAST_REPLAY_WITH_BUG + check + "/again");
  EXPECT_EQ(again.exitCode, 0) << again.output;
  EXPECT_EQ(run(HOLDFAST_INSPECT " verify " + directory + "/again").exitCode, 1);
  const Command healthy = run(HOLDFAST_REPLAY + check + "/healthy");
  EXPECT_EQ(healthy.exitCode, 0) << healthy.output;
  EXPECT_EQ(run(HOLDFAST_INSPECT " verify " + directory + "/healthy").exitCode, 0);
}

}  // namespace
}  // namespace holdfast::test
