// A worker that diverged and is repaired, message by message.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/core/registry_fixture.h"

namespace holdfast::test {

inline constexpr uint64_t kIncarnation = 11;

class RepairTest : public RegistryTest {
 protected:
  // What a worker holds, stated as of a seq.
  static LocationStatement stating(uint64_t lastSeq, const std::vector<ChunkHash>& keys,
                                   uint64_t incarnation = kIncarnation) {
    LocationStatement statement{"cpu",       incarnation, false,       lastSeq,
                                keys.size(), {},          lastSeq + 1, 0};
    for (const ChunkHash key : keys) statement.digest.add(key);
    return statement;
  }
  SessionId registering(const LocationStatement& statement, uint64_t run = 1,
                        const std::string& instance = "a", uint32_t worker = 0) {
    Registration message = registration(instance, worker, run, ++attempt_);
    message.locations = {statement};
    const auto result = registry_->registration().registerWorker(message, link_);
    EXPECT_TRUE(result.ok()) << result.error().message;
    decision_ = result.value().decisions[0];
    settle();
    registry_->tick();
    return result.value().session;
  }
  // A worker with these keys that the controller must sync, and has asked to.
  SessionId diverged(const std::vector<ChunkHash>& keys, uint64_t lastSeq = 5) {
    const SessionId session = registering(stating(lastSeq, keys));
    EXPECT_EQ(decision_.kind, DecisionKind::kDiverged);
    EXPECT_EQ(link_.syncs.size(), 1u);
    return session;
  }
  static FullSyncStart cut(uint64_t syncId, const std::vector<ChunkHash>& keys, uint32_t batches,
                           uint64_t baseSeq = 5, uint64_t incarnation = kIncarnation) {
    FullSyncStart start{"cpu", incarnation, syncId, keys.size(), batches, baseSeq, {}, baseSeq};
    for (const ChunkHash key : keys) start.digest.add(key);
    return start;
  }
  FullSyncStartOutcome start(SessionId session, const FullSyncStart& message) {
    const auto result = registry_->kv().handleFullSyncStart(session, message);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? result.value() : FullSyncStartOutcome{};
  }
  bool batch(SessionId session, uint64_t syncId, uint32_t number, std::vector<ChunkHash> keys,
             uint64_t incarnation = kIncarnation) {
    const auto result =
        registry_->kv().handleFullSyncBatch(session, {"cpu", incarnation, syncId, number, keys});
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() && result.value();
  }
  FullSyncStatus end(SessionId session, uint64_t syncId, uint64_t keys,
                     uint64_t incarnation = kIncarnation) {
    const auto result =
        registry_->kv().handleFullSyncEnd(session, {"cpu", incarnation, syncId, keys});
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? result.value() : FullSyncStatus{};
  }
  FullSyncStatus status(SessionId session, uint64_t syncId, uint64_t incarnation = kIncarnation) {
    return registry_->kv().handleFullSyncStatus(session, "cpu", incarnation, syncId).value();
  }
  SyncState heartbeat(SessionId session, const LocationStatement& statement) {
    const auto result = registry_->registration().heartbeat(session, {statement});
    EXPECT_TRUE(result.ok()) << result.error().message;
    if (result.ok()) outcome_ = result.value();
    return location().sync;
  }
  // A report that is well-formed.
  ReportOutcome send(SessionId session, uint64_t firstSeq, std::vector<ChunkHash> keys,
                     uint64_t incarnation = kIncarnation) {
    return report(session, firstSeq, std::move(keys), incarnation).value();
  }
  void work() {
    while (registry_->work()) {
    }
  }
  Location& location(uint32_t worker = 0) {
    return *registry_->tree().findWorker("a", worker)->locations[0];
  }
  bool found(ChunkHash key) { return !registry_->kv().lookup("", {&key, 1}).value().empty(); }

  uint64_t attempt_ = 1;
  LocationDecision decision_;
  HeartbeatOutcome outcome_;
};

}  // namespace holdfast::test
