// What a worker reports when: sessions, registrations, pauses, whose turn it is, and what the
// controller asks for. What is known of one location is in location_state.h. A deterministic state
// machine: time and randomness are arguments, and it does no I/O, so a simulation runs the very
// code that engines run.
//
// A full sync. Its cut is taken in the moment its start is sent: a copy of the key set, which is
// that of lastSeq. What was numbered but not sent is part of it, so the cursor jumps there; what
// comes later is reported as ever, after the start. The copy is kept until the sync ends; a lost
// connection does not end it, another incarnation does.
//
// A full queue. The location's numbering starts anew: a new incarnation is drawn, and whatever is
// queued, or comes before a registration states the incarnation, is applied to the key set as part
// of what it begins with at seq 0: piece by piece, two operations for each that comes, so that no
// call has much to do. Nothing is sent of that location before that registration. Memory stays
// bounded by the queue and by what the engine really holds.
//
// A clear. It makes everything before it moot, so it is no operation that travels with others but a
// new incarnation, whose operation 1 it is: stated by a heartbeat, empty, with seq 1. The repair
// table knows what to do with that (another incarnation, the worker is empty: what is held is
// forgotten, in one record), and so do controllers that never heard of clears; connections, crashes
// and restarts need nothing that registrations do not do anyway. What comes after it waits for an
// answer that confirms seq 1 of the incarnation. One that names another incarnation means that the
// controller did not take it (older ones do not while they repair the location): then the worker
// registers again, which they all take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/full_sync_state.h"
#include "client/location_state.h"
#include "client/outgoing_report.h"
#include "core/messages.h"
#include "core/result.h"
#include "core/types.h"

namespace holdfast {

class WorkerStateMachine {
 public:
  struct LocationSetup {
    std::string name;
    std::vector<ChunkHash> contents;  // at start
  };
  struct Options {
    std::vector<LocationSetup> locations;
    size_t batchOperations = 2'000;  // 1 to kOperationsPerReportMax; of one report
    uint32_t batchDelayMs = 5;       // how long an operation may wait for its report to fill
    size_t queueOperations = 1'000'000;
    size_t ringOperations = 65'536;  // at least 1
    size_t syncBatchKeys = 1'024;    // 1 to kKeysPerSyncBatchMax
  };
  // Uniform over all values.
  using Random = std::function<uint64_t()>;

  enum class Phase : uint8_t { kDisconnected, kRegistering, kRegistered, kStopped };

  struct RegistrationRequest {
    uint64_t run = 0;
    uint64_t attempt = 0;
    std::vector<LocationStatement> statements;
  };

  using OutgoingReport = holdfast::OutgoingReport;

  struct Counters {
    uint64_t accepted = 0;  // clears too
    uint64_t clears = 0;
    uint64_t moot = 0;  // operations that were queued when a clear came
    uint64_t sent = 0;
    uint64_t resent = 0;  // of `sent`: with a seq that the controller had named as its own
    uint64_t lost = 0;
    uint64_t losses = 0;
    uint64_t reports = 0;
    uint64_t pauses = 0;
    uint64_t registrations = 0;
    uint64_t registrationsInSync = 0;
    uint64_t decisionsInSync = 0;
    uint64_t decisionsReplay = 0;
    uint64_t decisionsDiverged = 0;
    uint64_t decisionsSyncing = 0;
    uint64_t decisionsByReason[kReasons] = {};
    uint64_t replays = 0;             // asked for
    uint64_t replaysRefused = 0;      // of those
    uint64_t replayedOperations = 0;  // of `sent`
    uint64_t fullSyncs = 0;           // cuts taken
    uint64_t fullSyncsCompleted = 0;
    uint64_t fullSyncBatches = 0;  // sent, again too
    uint64_t fullSyncKeys = 0;     // in those
  };

  // References stay valid as long as the state machine.
  using Location = LocationState;

  WorkerStateMachine(Options options, Random random);

  // --- engine ---
  // Operations of one location (an index into the options' list) in the order they happened.
  void enqueue(size_t location, std::span<const ChunkHash> keys, bool evict, uint64_t nowMs);
  // The location is empty: one operation, in order with the others.
  void clear(size_t location);

  // Applies up to so many of the operations that a full queue left to the key set. Returns whether
  // more are left.
  bool absorb(size_t operations);
  // Whether a queue was full and no registration has stated that yet.
  bool absorbing() const;

  // --- session ---
  // The statements of a registration, to be sent now. Nothing is reported until its answer. Absorbs
  // what is left: a caller that must not take long calls absorb() before.
  RegistrationRequest beginRegistration();
  // The answer to that attempt; one to an older attempt is ignored. What is wrong with it, if
  // anything: then its session is of no use.
  std::optional<Error> registered(uint64_t attempt, std::span<const LocationDecision> decisions);
  // The connection is gone; what was under way may be lost.
  void disconnected();
  // For good: superseded, refused or deregistered. Forgets what waits.
  void stop();
  // Hold back the reports of one location, or of all (empty), until the next registration.
  void pause(std::string_view location);
  void resume() { registrationWanted_ = true; }

  // --- repair ---
  struct ReplayAnswer {
    bool accepted = false;
    uint64_t replayableFrom = 0;  // of the present incarnation; 0: no such location
  };
  // The controller asks for the operations `from` to `to` again. Accepted: they are the next that
  // is reported of the location, each once; those that the present session has not sent at all come
  // in their turn. A registration drops what waits.
  ReplayAnswer replay(std::string_view location, uint64_t incarnation, uint64_t from, uint64_t to);
  // The controller asks for a full sync, or to go on with this one. Returns whether a cut will be
  // taken, by a later nextSync(). One that comes before the registration's answer waits for it;
  // one of a location that needs a registration first is ignored.
  bool startFullSync(std::string_view location, uint64_t continueSyncId);
  // The next message of a full sync that is due, if any; it counts as sent. To be sent in order
  // with the reports. A batch is valid until the state machine is used again.
  std::optional<FullSyncMessage> nextSync(uint64_t nowMs);
  // The answers. To a sync that is not under way, or not asked for: ignored.
  void fullSyncStarted(std::string_view location, uint64_t syncId,
                       const FullSyncStartOutcome& answer);
  // The answer to an end or to a question for the status. Returns whether the sync is complete:
  // then the next heartbeat has the location compared.
  bool fullSyncAnswered(std::string_view location, uint64_t syncId, const FullSyncStatus& answer,
                        uint64_t nowMs);
  // Whether a full sync of the location is under way or asked for.
  bool syncing(std::string_view location) const;

  // Registered, but something can be settled only by registering again.
  bool registrationWanted() const { return phase_ == Phase::kRegistered && registrationWanted_; }

  // The next report that is due, if any; it counts as sent. `flush`: nothing waits for company.
  bool nextReport(uint64_t nowMs, bool flush, OutgoingReport& report);
  // Whether reports wait for a heartbeat's answer, or will soon: so much is unconfirmed, or a clear
  // is to be told.
  bool confirmationWanted() const;
  // When a report, or a message of a full sync, becomes due that is not due yet. Nothing: not
  // before another call changes it.
  std::optional<uint64_t> nextDueMs() const;

  // To be called, and sent, in order with the reports; not while registrationWanted(). One after
  // the other: where the answer to an earlier one is still to come, a clear may lead to a
  // registration that was not needed.
  std::vector<LocationStatement> heartbeat();
  void heartbeatAnswered(std::span<const CommittedSeq> committed,
                         std::span<const LocationDecision> decisions);

  // --- flush ---
  // Marks everything accepted so far.
  std::vector<uint64_t> position() const;
  // Whether all that was accepted before `position` is committed, as far as answers told.
  bool committed(std::span<const uint64_t> position) const;
  // Whether all that is sent.
  bool sent(std::span<const uint64_t> position) const;

  Phase phase() const { return phase_; }
  bool paused() const;
  uint64_t run() const { return run_; }
  const std::vector<Location>& locations() const { return locations_; }
  const Counters& counters() const { return counters_; }

 private:
  uint64_t randomId(uint64_t other) const;
  void restartNumbering(Location& location);
  bool isOpen(const Location& location) const;
  bool mayReport(const Location& location) const;
  bool mayTell(const Location& location) const;
  void clearAnswered(Location& location, std::span<const CommittedSeq> committed);
  bool due(const Location& location, uint64_t nowMs, bool flush) const;
  void decide(Location& location, const LocationDecision& decision);
  void takeCut(Location& location);
  Location* find(std::string_view name);
  const Location* find(std::string_view name) const;
  Location* findSync(std::string_view name, uint64_t syncId);

  const Options options_;
  const Random random_;
  const uint64_t run_;
  uint64_t attempt_ = 0;
  Phase phase_ = Phase::kDisconnected;
  bool pausedAll_ = false;
  bool registrationWanted_ = false;
  size_t turn_ = 0;      // the location that is asked first for the next report
  size_t syncTurn_ = 0;  // and for the next message of a full sync
  std::vector<Location> locations_;
  Counters counters_;
};

}  // namespace holdfast
