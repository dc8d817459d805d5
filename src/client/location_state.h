// What a worker knows of its own reporting of one location: the distinct keys, the numbering, what
// waits to be sent and what was sent lately.
//
// Numbers are given at sending, and to a clear at once. Key set, count, digest and seq therefore
// always describe one cut: exactly the operations 1..lastSeq, applied to what the incarnation began
// with.
//
//   engine ---> queue ---> numbered: key set, ring ---> report
//                                                  ^--- again, from the seq that a registration's
//                                                       answer names (the cursor goes back), or a
//                                                       range that the controller asks for
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "client/full_sync_state.h"
#include "client/operation_buffer.h"
#include "client/outgoing_report.h"
#include "client/replay_ranges.h"
#include "core/index/key_set.h"
#include "core/messages.h"
#include "core/types.h"

namespace holdfast {

struct LocationState {
  LocationState(std::string theName, std::span<const ChunkHash> contents, uint64_t theIncarnation);

  std::string name;
  KeySet keys;
  uint64_t incarnation = 0;
  bool beganEmpty = true;
  uint64_t lastSeq = 0;
  KeyDigest digest;      // of keys
  OperationBuffer ring;  // seqs lastSeq - size + 1 .. lastSeq
  OperationBuffer queue;
  uint64_t oldestQueuedMs = 0;  // meaningful where the queue is not empty

  // As of the last report sent on this session: what a heartbeat states. Behind lastSeq while parts
  // of the ring are being sent again.
  struct Cut {
    uint64_t seq = 0;
    uint64_t count = 0;
    KeyDigest digest;
  } cursor;

  // The controller knows this incarnation: by the last registration, or by a heartbeat since, see
  // clear(). Nothing of another one is sent.
  bool stated = false;
  // The incarnation that a heartbeat of this session told where it was not stated.
  uint64_t told = 0;
  // Since a full queue, until a registration: operations become part of what it states.
  bool absorbing = false;
  bool paused = false;
  uint64_t named = 0;      // highest seq that the controller ever named as what it serves
  uint64_t committed = 0;  // highest seq that it confirmed
  uint64_t accepted = 0;   // operations ever accepted
  uint64_t origin = 0;     // how many of them came before seq 1 of this incarnation

  bool decided = false;
  DecisionKind decision = DecisionKind::kInSync;
  Reason reason = Reason::kNone;
  bool diverged = false;  // or syncing; as of the last answer of any kind

  ReplayRanges replays;                 // asked for and not sent; within the ring and the cursor
  std::optional<FullSyncState> sync;    // under way
  std::optional<uint64_t> syncCommand;  // not begun yet: the id to go on with; 0: a new one
  std::string syncRefusal;              // why the last start was refused; empty: it was not

  uint64_t ringFirst() const { return lastSeq - ring.size() + 1; }

  // What a registration states: everything numbered.
  LocationStatement statement() const;
  // What a heartbeat states: as of the cursor.
  LocationStatement statementOfCursor() const;

  // Numbers from 1 again, under this incarnation, from what the key set has now. What is queued is
  // to be absorbed.
  void restartNumbering(uint64_t newIncarnation);
  // Empty from now on, under this incarnation, of which that is operation 1. Returns how many
  // operations were queued: nobody need hear of them any more.
  size_t clear(uint64_t newIncarnation);
  // Empty, and as far as answers told the controller has that already.
  bool knownEmpty() const;
  // Applies up to so many queued operations to what the incarnation begins with. Returns how many.
  size_t absorb(size_t operations);

  // How many operations may be sent for the first time now, with a ring of so many. What the
  // controller has not confirmed must stay in the ring, so that its crash never costs more than
  // sending that again.
  uint64_t window(size_t ringOperations) const;
  // The cursor goes to where the controller wants to go on.
  void moveCursor(const LocationDecision& answer);

  // Fill an empty report with up to so many operations: of a range that was asked for, of the ring
  // behind the cursor, or of the queue, which gives them numbers and puts them into the ring.
  void takeReplay(size_t operations, OutgoingReport& report);
  void takeFromRing(size_t operations, OutgoingReport& report);
  void takeFromQueue(size_t operations, size_t ringOperations, OutgoingReport& report);

  // What the controller asked for on a session is over with it, and what it has of a full sync must
  // be learned anew.
  void endSession();
  // Forgets what waits, for good.
  void stop();

 private:
  void cursorToEnd() { cursor = {lastSeq, keys.size(), digest}; }
};

}  // namespace holdfast
