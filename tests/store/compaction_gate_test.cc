// Compactions wait for recovery and for space on the disk; flushes do not.
#include "store/compaction_gate.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "faulty_file_system.h"

namespace holdfast {
namespace {

using Priority = rocksdb::Env::Priority;
using State = FaultyFileSystem::State;

class CompactionGateTest : public testing::Test {
 protected:
  CompactionGateTest() : files_(std::make_shared<FaultyFileSystem>()), gate_(files_, "/dev/shm") {
    gate_.SetBackgroundThreads(1, Priority::LOW);
    gate_.SetBackgroundThreads(1, Priority::HIGH);
  }
  void schedule(std::promise<void>& job, Priority priority) {
    gate_.Schedule([](void* done) { static_cast<std::promise<void>*>(done)->set_value(); }, &job,
                   priority, this, nullptr);
  }
  static bool runs(std::promise<void>& job) {
    return job.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready;
  }

  std::shared_ptr<FaultyFileSystem> files_;
  CompactionGate gate_;
};

TEST_F(CompactionGateTest, HeldUntilOpened) {
  std::promise<void> compaction;
  std::promise<void> flush;
  schedule(compaction, Priority::LOW);
  schedule(flush, Priority::HIGH);
  EXPECT_TRUE(runs(flush));
  gate_.letThrough();
  // Still here, so it can be taken back.
  EXPECT_EQ(gate_.UnSchedule(this, Priority::LOW), 1);
  schedule(compaction, Priority::LOW);
  gate_.open();
  EXPECT_TRUE(runs(compaction));
}

TEST_F(CompactionGateTest, HeldWhileTheDiskIsFull) {
  gate_.open();
  files_->set(State::kFull);
  std::promise<void> compaction;
  schedule(compaction, Priority::LOW);
  gate_.letThrough();
  EXPECT_EQ(gate_.UnSchedule(this, Priority::LOW), 1);
  schedule(compaction, Priority::LOW);
  files_->set(State::kWell);
  gate_.letThrough();
  EXPECT_TRUE(runs(compaction));
}

}  // namespace
}  // namespace holdfast
