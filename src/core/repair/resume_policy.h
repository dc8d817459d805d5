// (what we have, what the worker states) -> decision. Pure functions: the table of the repair
// protocol, see README.md. The caller carries the decision out.
#pragma once

#include <cstdint>
#include <optional>

#include "core/messages.h"
#include "core/types.h"

namespace holdfast {

// What the controller has of a location.
struct HeldState {
  uint64_t incarnation = 0;
  uint64_t seq = 0;
  uint64_t count = 0;
  KeyDigest digest;
  bool incomplete = false;  // see LivePart
};

// What a full sync has brought so far beside it.
struct BuildingState {
  uint64_t incarnation = 0;
  uint64_t syncId = 0;
  uint64_t seq = 0;
};

enum class ResumeAction : uint8_t {
  kInSync,         // all four are equal
  kCreateEmpty,    // take the location on, empty, in sync at the stated seq
  kCreateReplay,   // take it on and have everything sent, from seq 1
  kCreateUnknown,  // take it on at the stated seq without its content: needs a full sync
  kReplay,         // have the operations after ours sent
  kAdopt,          // same content under another incarnation: take its numbering over
  kForget,         // the worker is empty under another incarnation: begin a new generation
  kHide,           // another process with other content: ours leaves look-ups, needs a full sync
  kOutdated,       // the same process under another incarnation, with other content: ours is what
                   // it held before and stays in look-ups; needs a full sync
  kFullSync,       // same incarnation, not to be mended by a replay: needs a full sync
  kForgetLegacy,   // a client without incarnations: begin anew, needs a full sync
  kStayDiverged,   // equal to what is incomplete here: its gateway says when a full sync can be
  kIgnore,         // nothing to decide now (ours is ahead of a heartbeat's statement)
};

struct ResumeDecision {
  ResumeAction action = ResumeAction::kIgnore;
  Reason reason = Reason::kNone;
  friend bool operator==(const ResumeDecision&, const ResumeDecision&) = default;
};

// `held` is empty where the controller has nothing of the location. Only a registration can find
// that ours is ahead: a heartbeat speaks of a moment that may be past. `sameProcess`: what is held
// came from the process that states this.
ResumeDecision decideResume(const std::optional<HeldState>& held,
                            const LocationStatement& statement, bool atRegistration,
                            bool sameProcess);

// Whether the full sync that was under way goes on after a registration: the worker is at it, and
// what it reported since can be had. Otherwise it is abandoned, and decideResume decides anew.
bool fullSyncGoesOn(const BuildingState& building, const LocationStatement& statement);

// Incarnation of clients that have none.
inline constexpr uint64_t kLegacyIncarnation = 0;

}  // namespace holdfast
