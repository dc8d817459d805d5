// What engine threads and the client's thread share.
#include "client/inbox.h"

#include <gtest/gtest.h>

#include <future>

#include "client/client.h"
#include "fake_controller.h"
#include "keys.h"

namespace holdfast {
namespace {

WorkerStateMachine machineOf(std::vector<std::string> locations) {
  WorkerStateMachine::Options options;
  for (std::string& name : locations) options.locations.push_back({std::move(name), {}});
  options.queueOperations = 100'000'000;
  return {std::move(options), [next = uint64_t{1}]() mutable { return next++; }};
}

TEST(Inbox, OperationsComeOutInTheirOrder) {
  WorkerStateMachine machine = machineOf({"gpu", "cpu"});
  Inbox inbox(2);
  std::vector<std::pair<ChunkHash, bool>> gpu;
  const auto push = [&](std::vector<ChunkHash> keys, bool evict) {
    for (const ChunkHash key : keys) gpu.emplace_back(key, evict);
    inbox.push(0, keys, evict, true);
  };
  for (ChunkHash key = 0; key < 6'000; key += 7) {
    push(range(key, key + 7), false);
    inbox.push(1, range(0, 2), false, true);
    push(range(key, key + 3), true);
  }
  push(range(0, 50'000), true);  // copied before the lock is taken
  push(range(1, 2), false);
  EXPECT_EQ(inbox.position()[0], gpu.size());
  EXPECT_TRUE(inbox.drainTo(machine, 1)) << "piece by piece";
  EXPECT_LT(machine.locations()[0].queue.size(), gpu.size());
  while (inbox.drainTo(machine, 10'000)) {
  }
  EXPECT_EQ(inbox.waiting().operations, 0u);
  const OperationBuffer& queue = machine.locations()[0].queue;
  ASSERT_EQ(queue.size(), gpu.size());
  for (size_t i = 0; i < gpu.size(); ++i) {
    ASSERT_EQ(std::pair(queue.key(i), (queue.flags(i) & OperationBuffer::kEvict) != 0), gpu[i]);
  }
  EXPECT_EQ(machine.position(), inbox.position());
}

TEST(Inbox, AClearKeepsItsPlace) {
  WorkerStateMachine machine = machineOf({"gpu", "cpu"});
  Inbox inbox(2);
  inbox.push(0, range(0, 10), false, true);
  inbox.push(1, range(0, 5), false, true);
  const Inbox::Level level = inbox.clear(0);
  EXPECT_EQ(level.after, level.before + 1);
  inbox.push(0, range(20, 23), false, true);
  EXPECT_FALSE(inbox.drainTo(machine, 100));
  EXPECT_EQ(machine.locations()[0].queue.size(), 3u);
  EXPECT_EQ(machine.locations()[0].queue.key(0), 20u);
  EXPECT_EQ(machine.locations()[1].queue.size(), 5u) << "of its location only";
  EXPECT_EQ(machine.counters().clears, 1u);
  EXPECT_EQ(machine.position(), inbox.position());
}

TEST(Inbox, AClearWaitsForNoRoom) {
  Inbox inbox(1);
  inbox.push(0, std::vector<ChunkHash>(Inbox::kFull), false, true);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(inbox.clear(0).before, Inbox::kFull);
  EXPECT_LT(std::chrono::steady_clock::now() - began, Inbox::kWaitMax);
}

TEST(Inbox, AFullOneHasCallersWaitUntilThereIsRoom) {
  WorkerStateMachine machine = machineOf({"gpu"});
  Inbox inbox(1);
  inbox.push(0, std::vector<ChunkHash>(Inbox::kFull), false, true);
  EXPECT_EQ(inbox.push(0, range(0, 1), false, false).before, Inbox::kFull) << "may not wait";
  auto waiting =
      std::async(std::launch::async, [&] { return inbox.push(0, range(0, 1), false, true); });
  inbox.drainTo(machine, 10);
  EXPECT_LT(waiting.get().before, Inbox::kFull);
  // Nobody makes room: taken all the same, for nothing is lost.
  inbox.push(0, std::vector<ChunkHash>(10'000), false, true);
  EXPECT_GE(inbox.push(0, range(0, 1), false, true).before, Inbox::kFull);
  inbox.drop();
  EXPECT_EQ(inbox.waiting().operations, 0u);
}

// Whatever the client's thread is busy with, admit only leaves its keys.
TEST(Inbox, AdmitDoesNothingOfTheClientsWork) {
  FakeController controller;
  controller.stop();
  ClientThread thread;
  ClientOptions options;
  options.controller = controller.address();
  options.instance = "a";
  options.locations = {{"gpu", {}}};
  options.queueOperations = 1'000;
  std::promise<void> busy;
  std::promise<void> go;
  Client client(thread, options,
                [&, first = true, gone = go.get_future().share()](auto, const auto&) mutable {
                  if (std::exchange(first, false)) busy.set_value();
                  gone.wait();
                });
  busy.get_future().wait();
  for (ChunkHash key = 0; key < 300'000; key += 1'000) {
    client.admit(LocationHandle{0}, range(key, key + 1'000));
  }
  EXPECT_EQ(client.counters().operationsAccepted, 300'000u);
  EXPECT_EQ(client.counters().losses, 0u);
  EXPECT_EQ(client.locations()[0].count, 0u);
  go.set_value();
  EXPECT_TRUE(eventually([&] { return client.counters().losses == 1; }));
  controller.start();
  EXPECT_TRUE(client.flush(20'000));
  EXPECT_EQ(client.locations()[0].count, 300'000u);
  // However much came while the controller was away; one more if it comes back before the client's
  // thread has got through all of it.
  EXPECT_LE(client.counters().losses, 2u);
}

}  // namespace
}  // namespace holdfast
