// A small world around a real Registry: workers with caches of their own (the truth), a plain model
// of what the controller must hold (maps and sets), and random inputs. After every step the
// registry, the index and the look-ups are compared with the model.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/registry/registry.h"
#include "tests/core/random_sequences.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {

// A store that a world can drive, crash and reopen.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual RegistryStore& store() = 0;
  // Commits some of what is queued, or at least lets it be committed.
  virtual void release(Random& random) = 0;
  // Commits everything up to this ticket and makes sure that no crash loses it.
  virtual void releaseAll(Ticket upTo) = 0;
  // Makes the store refuse and accept writes; false if it cannot be made to.
  virtual bool setWritable(bool writable) = 0;
  // Kills the controller's process; a fresh store() stands on what was left. Returns the last
  // ticket that survived.
  virtual Ticket crash(Random& random, Ticket written) = 0;
};

class FakeClock : public Clock {
 public:
  uint64_t steadyMs() const override { return nowMs; }
  uint64_t wallMs() const override { return storeMs() + wallJumpMs; }
  uint64_t storeMs() const override { return 1'700'000'000'000 + nowMs; }
  uint64_t nowMs = 1'000'000;
  uint64_t wallJumpMs = 0;  // modulo 2^64
};

using Keys = std::set<ChunkHash>;

inline KeyDigest digestOf(const Keys& keys) {
  KeyDigest digest;
  for (const ChunkHash key : keys) digest.add(key);
  return digest;
}

class RegistryWorld {
 public:
  RegistryWorld(Random& random, StoreUnderTest& store);
  // One random input, then every comparison.
  void step();

 private:
  using WorkerId = std::pair<std::string, uint32_t>;

  static constexpr uint64_t kKeys = 16;
  static constexpr uint64_t kTimeoutMs = 1000;
  static constexpr uint64_t kGraceMs = 5000;
  // Plain keys from a small universe, `i` below kKeys; the extremes are ordinary keys.
  static ChunkHash keyOf(uint64_t i);

  // --- The truth: what a worker's process has ---
  struct Operation {
    ChunkHash key;
    bool evict;
  };
  struct Cache {
    uint64_t incarnation = 0;
    bool beganEmpty = true;
    Keys atStart;                // what the incarnation began with
    std::vector<Operation> log;  // operation i has seq i + 1
    uint64_t forgotten = 0;      // the first so many can not be replayed any more
    uint64_t sent = 0;           // last seq sent on this session
    Keys at(uint64_t seq) const;
  };
  struct Link : WorkerLink {
    void pause(const std::string&) override {}
    void resume() override {}
    void superseded(const std::string&) override {}
    void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
    void startFullSync(const std::string&, Reason, uint64_t) override {}
    void closed(const std::string&) override {}
    void operate(const WorkerOperation&) override {}
  };
  struct Process {
    WorkerId id;
    std::string model;
    uint64_t run = 0;
    uint64_t attempt = 0;
    bool onLaterConnection = false;  // it began after the newest registration
    SessionId session = kNoSession;
    std::map<std::string, Cache> caches;
    std::vector<std::unique_ptr<Link>> links;  // a registry may keep one until its session ended
  };

  // --- The model: what the controller must hold ---
  struct ModelLocation {
    uint64_t incarnation = 0;
    uint64_t seq = 0;
    Keys keys;
    bool hidden = false;
    std::map<uint64_t, std::vector<Operation>> held =
        {};  // behind a gap, by first seq; not persisted
    std::map<ChunkHash, PinRecord> pins = {};
  };
  struct ModelWorker {
    uint64_t run = 0;
    uint64_t attempt = 0;
    std::string model;
    WorkerState state = WorkerState::kActive;
    std::map<std::string, ModelLocation> locations;
    uint64_t lostMs = 0;
    // Not persisted:
    SessionId session = kNoSession;
    bool open = true;  // reports are taken
    uint64_t heardMs = 0;
  };
  using Model = std::map<WorkerId, ModelWorker>;

  void start();
  void operate();
  void registerProcess();
  void restartProcess();
  void report();
  void heartbeat();
  void pin();
  void deregister();
  void closeConnection();
  void passTime();
  void crash();
  void toggleHealth();
  void poll();

  Process& anyProcess();
  uint64_t drawId() { return (random_() | 1); }
  LocationStatement state(const std::string& name, const Cache& cache, uint64_t seq) const;
  // What the resume table says, applied to the model. Returns whether it is now in sync.
  bool decide(ModelWorker& worker, const LocationStatement& statement, const Keys& content,
              bool atRegistration, bool sameProcess);
  void modelTick();
  // Operations that go on where the location is. Whether a pin ends with one.
  static bool apply(ModelLocation& ours, uint64_t firstSeq,
                    const std::vector<Operation>& operations);
  // Lets the registry apply what a report made continuous; each held one is a write of its own.
  void drainHeld(ModelLocation& ours);
  void forgetHeld();
  void wrote(const Model& before);
  // Before a report is written, the pins that end with it.
  static Model withoutPins(Model before, const Model& after);

  void check();
  static void checkPins(const Location& location, const ModelLocation& ours);
  void checkIndex();
  void checkLookups();
  size_t prefixOf(const ModelWorker& worker, const std::vector<ChunkHash>& prompt) const;

  Random& random_;
  StoreUnderTest& store_;
  FakeClock clock_;
  IgnoredNotices notices_;
  std::unique_ptr<Registry> registry_;
  bool writable_ = true;
  bool tickUnwritten_ =
      false;  // a tick's writes are queued in an order that the model does not know
  std::vector<Process> processes_;
  std::vector<SessionId> deadSessions_;
  Model model_;
  std::map<Ticket, Model> history_;  // after each write; the first is what survived the last crash
  Ticket lastTicket_ = 0;
};

}  // namespace holdfast::test
