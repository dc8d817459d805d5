// What the log tells people of the life of the controller, as values. Sentences are made of them at
// the edge: notices/sentences.h.
//
// A new kind is a struct here, with its level, its name and its fields, and its place in the list
// of Notice below; nothing compiles before it has a sentence. Long because it is that list.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/limits.h"
#include "core/messages.h"
#include "core/types.h"

namespace holdfast {

enum class NoticeLevel : uint8_t { kInfo, kWarning };

// Whom a notice is about. fields() calls visit(name, value) with each field, in order; a value is a
// std::string_view, a uint64_t or a bool.
struct WorkerName {
  std::string instance;
  uint32_t worker = 0;

  void fields(auto& visit) const {
    visit("instance", std::string_view(instance));
    visit("worker", uint64_t{worker});
  }
};

struct LocationName {
  WorkerName worker;
  std::string location;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("location", std::string_view(location));
  }
};

// Name of a kind, for programs: "worker_lost". kind < kNoticeKinds
std::string_view noticeName(size_t kind);

namespace notice {

inline constexpr NoticeLevel kInfo = NoticeLevel::kInfo;
inline constexpr NoticeLevel kWarning = NoticeLevel::kWarning;

// --- Workers and instances ---

enum class LostCause : uint8_t {
  kConnectionGone,
  kNotBack,        // it did not register again after a start of the controller
  kSilent,         // for silentMs
  kBrokeProtocol,  // `detail` says how: "it sent ..."
};
std::string_view nameOf(LostCause cause);  // "silent"

struct WorkerLost {
  static constexpr std::string_view kName = "worker_lost";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker = {};
  LostCause cause = LostCause::kConnectionGone;
  uint64_t silentMs = 0;
  std::string detail = {};

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("cause", nameOf(cause));
    visit("silent_ms", silentMs);
    visit("detail", std::string_view(detail));
  }
};

// It was LOST for so long that its state is dropped.
struct WorkerExpired {
  static constexpr std::string_view kName = "worker_expired";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  uint64_t lostGraceMs = 0;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("lost_grace_ms", lostGraceMs);
  }
};

// An operator has it forgotten.
struct WorkerForgotten {
  static constexpr std::string_view kName = "worker_forgotten";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// A LOST worker that held nothing is forgotten for another one.
struct EmptyWorkerMadeRoom {
  static constexpr std::string_view kName = "empty_worker_made_room";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;
  uint64_t workersMax = 0;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("workers_max", workersMax);
  }
};

// A LOST worker is forgotten for another one, and what it held with it.
struct WorkerMadeRoom {
  static constexpr std::string_view kName = "worker_made_room";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  uint64_t chunks = 0;
  uint64_t workersMax = 0;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("chunks", chunks);
    visit("workers_max", workersMax);
  }
};

// Superseded twice within a minute.
struct WorkerContested {
  static constexpr std::string_view kName = "worker_contested";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// Another process registers with the run id of the former one.
struct RunRepeated {
  static constexpr std::string_view kName = "run_repeated";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// What the worker held is forgotten for that.
struct ModelChanged {
  static constexpr std::string_view kName = "model_changed";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string model;  // its new one

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("model", std::string_view(model));
  }
};

// Its stored records are damaged: it gets a clean slate when it registers.
struct WorkerQuarantined {
  static constexpr std::string_view kName = "worker_quarantined";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string damage;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("damage", std::string_view(damage));
  }
};

// The stored record of an instance cannot be read, and is written anew.
struct InstanceDamaged {
  static constexpr std::string_view kName = "instance_damaged";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string instance;
  std::string damage;

  void fields(auto& visit) const {
    visit("instance", std::string_view(instance));
    visit("damage", std::string_view(damage));
  }
};

struct RanksContradict {
  static constexpr std::string_view kName = "ranks_contradict";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string instance;
  std::string statements;  // who states what: contradictionOf()

  void fields(auto& visit) const {
    visit("instance", std::string_view(instance));
    visit("statements", std::string_view(statements));
  }
};

struct RanksAgree {
  static constexpr std::string_view kName = "ranks_agree";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string instance;

  void fields(auto& visit) const { visit("instance", std::string_view(instance)); }
};

struct InstanceDrained {
  static constexpr std::string_view kName = "instance_drained";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string instance;

  void fields(auto& visit) const { visit("instance", std::string_view(instance)); }
};

struct InstanceUndrained {
  static constexpr std::string_view kName = "instance_undrained";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string instance;

  void fields(auto& visit) const { visit("instance", std::string_view(instance)); }
};

// --- Reports and repairs ---

// Reports for a location that the worker did not state are dropped. Once a session and location.
struct LocationNotStated {
  static constexpr std::string_view kName = "location_not_stated";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string location;  // as it came: any bytes
  std::string stated;    // the locations that it did state, each in quotes

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("location", std::string_view(location));
    visit("stated", std::string_view(stated));
  }
};

// The same of an incarnation.
struct IncarnationNotStated {
  static constexpr std::string_view kName = "incarnation_not_stated";
  static constexpr NoticeLevel kLevel = kWarning;
  LocationName location;
  uint64_t incarnation = 0;
  uint64_t stated = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("incarnation", incarnation);
    visit("stated", stated);
  }
};

// Operations are missing; the worker is asked for them.
struct GapFound {
  static constexpr std::string_view kName = "gap_found";
  static constexpr NoticeLevel kLevel = kInfo;
  LocationName location;
  uint64_t expectedSeq = 0;
  uint64_t seq = 0;  // that came

  void fields(auto& visit) const {
    location.fields(visit);
    visit("expected_seq", expectedSeq);
    visit("seq", seq);
  }
};

// What was missing cannot be had: the location needs a full sync.
struct GapNotFilled {
  static constexpr std::string_view kName = "gap_not_filled";
  static constexpr NoticeLevel kLevel = kWarning;
  LocationName location;
  Reason reason = Reason::kNone;  // kGapTooOld, kReplayTimedOut or kHeldOverflow
  uint64_t replayTimeoutMs = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("reason", reasonName(reason));
    visit("replay_timeout_ms", replayTimeoutMs);
  }
};

// 32 hexadecimal digits.
std::string hexOf(const KeyDigest& digest);

// A worker states other content than the registry has, and no replay mends that.
struct LocationDiverged {
  static constexpr std::string_view kName = "location_diverged";
  static constexpr NoticeLevel kLevel = kWarning;
  struct Content {
    uint64_t seq = 0;
    uint64_t count = 0;
    KeyDigest digest;
  };
  LocationName location;
  Reason reason = Reason::kNone;
  Content ours;
  Content theirs;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("reason", reasonName(reason));
    visit("our_seq", ours.seq);
    visit("our_count", ours.count);
    visit("our_digest", std::string_view(hexOf(ours.digest)));
    visit("their_seq", theirs.seq);
    visit("their_count", theirs.count);
    visit("their_digest", std::string_view(hexOf(theirs.digest)));
  }
};

struct FullSyncBegun {
  static constexpr std::string_view kName = "full_sync_begun";
  static constexpr NoticeLevel kLevel = kInfo;
  LocationName location;
  bool goesOn = false;   // an earlier start's
  uint64_t missing = 0;  // batches to come
  uint64_t batches = 0;
  uint64_t keys = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("goes_on", goesOn);
    visit("missing", missing);
    visit("batches", batches);
    visit("keys", keys);
  }
};

struct FullSyncDone {
  static constexpr std::string_view kName = "full_sync_done";
  static constexpr NoticeLevel kLevel = kInfo;
  LocationName location;
  uint64_t chunks = 0;
  uint64_t seq = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("chunks", chunks);
    visit("seq", seq);
  }
};

enum class SyncFailure : uint8_t {
  kReplayRefused,    // the worker cannot send again what is missing
  kReplayTimedOut,   // what is missing did not come within replayTimeoutMs
  kGapOverflow,      // more operations behind a gap than can be held
  kPendingOverflow,  // more operations than can be held until the batches are there
  kOtherContent,     // the keys are not those that the worker stated
  kNotStarted,       // the worker did not start it in time
  kInactive,         // nothing came for too long
};
std::string_view nameOf(SyncFailure cause);  // "inactive"

// What it brought is dropped (kNotStarted: kept), and it is tried again.
struct FullSyncFailed {
  static constexpr std::string_view kName = "full_sync_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  LocationName location = {};
  SyncFailure cause = SyncFailure::kInactive;
  uint64_t replayTimeoutMs = 0;
  // Of kOtherContent; where `distinct` is `stated`, the digest differs.
  uint64_t keys = 0;
  uint64_t distinct = 0;
  uint64_t stated = 0;
  uint64_t failures = 0;  // in a row
  bool backsOff = false;  // it is tried again later, not as soon as there is a slot

  void fields(auto& visit) const {
    location.fields(visit);
    visit("cause", nameOf(cause));
    visit("replay_timeout_ms", replayTimeoutMs);
    visit("keys", keys);
    visit("distinct", distinct);
    visit("stated", stated);
    visit("failures", failures);
    visit("backs_off", backsOff);
  }
};

// --- The store ---

struct ReadOnly {
  static constexpr std::string_view kName = "read_only";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string reason;

  void fields(auto& visit) const { visit("reason", std::string_view(reason)); }
};

struct Writable {
  static constexpr std::string_view kName = "writable";
  static constexpr NoticeLevel kLevel = kInfo;

  void fields(auto&) const {}
};

struct FoldFailed {
  static constexpr std::string_view kName = "fold_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  LocationName location;
  std::string error;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("error", std::string_view(error));
  }
};

// At the start: workers of which the store has lost something that was confirmed.
struct WorkersBehind {
  static constexpr std::string_view kName = "workers_behind";
  static constexpr NoticeLevel kLevel = kWarning;
  uint64_t workers = 0;

  void fields(auto& visit) const { visit("workers", workers); }
};

// At the start: workers whose stored records are damaged.
struct WorkersQuarantined {
  static constexpr std::string_view kName = "workers_quarantined";
  static constexpr NoticeLevel kLevel = kWarning;
  uint64_t workers = 0;

  void fields(auto& visit) const { visit("workers", workers); }
};

struct BackupMade {
  static constexpr std::string_view kName = "backup_made";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string path;
  uint64_t bytes = 0;
  uint64_t sequence = 0;  // the last write that it holds

  void fields(auto& visit) const {
    visit("path", std::string_view(path));
    visit("bytes", bytes);
    visit("sequence", sequence);
  }
};

struct BackupFailed {
  static constexpr std::string_view kName = "backup_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string error;

  void fields(auto& visit) const { visit("error", std::string_view(error)); }
};

// --- The controller itself ---

struct LimitNear {
  static constexpr std::string_view kName = "limit_near";
  static constexpr NoticeLevel kLevel = kWarning;
  Limit limit = Limit::kWorkers;
  uint64_t used = 0;
  uint64_t max = 0;

  void fields(auto& visit) const {
    visit("limit", limitName(limit));
    visit("used", used);
    visit("max", max);
  }
};

// The capture log cannot go on.
struct CaptureEnded {
  static constexpr std::string_view kName = "capture_ended";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string folder;
  std::string reason;

  void fields(auto& visit) const {
    visit("folder", std::string_view(folder));
    visit("reason", std::string_view(reason));
  }
};

struct InternalError {
  static constexpr std::string_view kName = "internal_error";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string error;

  void fields(auto& visit) const { visit("error", std::string_view(error)); }
};

// --- Who comes in ---

// An operator's call has ended, of those that change something or work on caches.
struct OperatorCall {
  static constexpr std::string_view kName = "operator_call";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string who;   // name of the token; empty: none was needed
  std::string peer;  // where the call came from
  std::string call;  // "Operator.forget"
  std::string about = {};
  std::string error = {};  // why it failed; empty: it did not

  void fields(auto& visit) const {
    visit("who", std::string_view(who));
    visit("peer", std::string_view(peer));
    visit("call", std::string_view(call));
    visit("about", std::string_view(about));
    visit("error", std::string_view(error));
  }
};

// The token file was read anew.
struct TokensRead {
  static constexpr std::string_view kName = "tokens_read";
  static constexpr NoticeLevel kLevel = kInfo;
  uint64_t tokens = 0;
  uint64_t ended = 0;  // connections, of tokens that are gone or changed

  void fields(auto& visit) const {
    visit("tokens", tokens);
    visit("ended", ended);
  }
};

// It could not be; the former tokens stay in force.
struct TokensNotRead {
  static constexpr std::string_view kName = "tokens_not_read";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string error;

  void fields(auto& visit) const { visit("error", std::string_view(error)); }
};

// --- Connections. Peers can cause these as often as they like: see net/limited_warnings.h. ---

struct AcceptFailed {
  static constexpr std::string_view kName = "accept_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string listener;  // its address
  std::string error;
  uint64_t connections = 0;  // that are open

  void fields(auto& visit) const {
    visit("listener", std::string_view(listener));
    visit("error", std::string_view(error));
    visit("connections", connections);
  }
};

struct ConnectionsFull {
  static constexpr std::string_view kName = "connections_full";
  static constexpr NoticeLevel kLevel = kWarning;
  bool refused = false;  // the new one; else one that never said anything is closed for it
  uint64_t connections = 0;
  uint64_t max = 0;

  void fields(auto& visit) const {
    visit("refused", refused);
    visit("connections", connections);
    visit("max", max);
  }
};

// The controller closes it.
struct ConnectionClosed {
  static constexpr std::string_view kName = "connection_closed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string peer;
  std::string reason;

  void fields(auto& visit) const {
    visit("peer", std::string_view(peer));
    visit("reason", std::string_view(reason));
  }
};

// Somebody was not let in, or may not do what they asked for.
struct AccessRefused {
  static constexpr std::string_view kName = "access_refused";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string who;  // name of the token; empty: none is known
  std::string peer;
  std::string cause;  // "unknown_token"; access/access_control.h has all of them
  std::string reason;

  void fields(auto& visit) const {
    visit("who", std::string_view(who));
    visit("peer", std::string_view(peer));
    visit("cause", std::string_view(cause));
    visit("reason", std::string_view(reason));
  }
};

// More of one kind of these than the log takes in a minute.
struct ConnectionNoticesLeftOut {
  static constexpr std::string_view kName = "connection_notices_left_out";
  static constexpr NoticeLevel kLevel = kWarning;
  size_t kind = 0;  // of those four: kNoticeKind
  uint64_t count = 0;

  void fields(auto& visit) const {
    visit("of", noticeName(kind));
    visit("count", count);
  }
};

}  // namespace notice

using Notice = std::variant<
    notice::WorkerLost, notice::WorkerExpired, notice::WorkerForgotten, notice::EmptyWorkerMadeRoom,
    notice::WorkerMadeRoom, notice::WorkerContested, notice::RunRepeated, notice::ModelChanged,
    notice::WorkerQuarantined, notice::InstanceDamaged, notice::RanksContradict, notice::RanksAgree,
    notice::InstanceDrained, notice::InstanceUndrained, notice::LocationNotStated,
    notice::IncarnationNotStated, notice::GapFound, notice::GapNotFilled, notice::LocationDiverged,
    notice::FullSyncBegun, notice::FullSyncDone, notice::FullSyncFailed, notice::ReadOnly,
    notice::Writable, notice::FoldFailed, notice::WorkersBehind, notice::WorkersQuarantined,
    notice::BackupMade, notice::BackupFailed, notice::LimitNear, notice::CaptureEnded,
    notice::InternalError, notice::OperatorCall, notice::TokensRead, notice::TokensNotRead,
    notice::AccessRefused, notice::AcceptFailed, notice::ConnectionsFull, notice::ConnectionClosed,
    notice::ConnectionNoticesLeftOut>;
// A kind is a place in this list: Notice::index().
inline constexpr size_t kNoticeKinds = std::variant_size_v<Notice>;
template <typename Kind>
inline constexpr size_t kNoticeKind = []<typename... Kinds>(std::variant<Kinds...>*) {
  size_t place = 0;
  static_cast<void>(((std::is_same_v<Kind, Kinds> || (++place, false)) || ...));
  return place;
}(static_cast<Notice*>(nullptr));

NoticeLevel levelOf(const Notice& notice);

// Calls visit(name, value) with each field; names are for programs: "lost_grace_ms".
template <typename Visit>
void forEachField(const Notice& notice, Visit&& visit) {
  std::visit([&](const auto& one) { one.fields(visit); }, notice);
}

// How many there were of each kind.
class NoticeCounts {
 public:
  void count(const Notice& notice) { ++counts_[notice.index()]; }
  uint64_t of(size_t kind) const { return counts_[kind]; }

 private:
  std::array<uint64_t, kNoticeKinds> counts_{};
};

// Who takes them: the log, or a test. Calls come on the loop's thread and must not call back.
class NoticeSink {
 public:
  virtual ~NoticeSink() = default;
  virtual void notice(const Notice& notice) = 0;
};

}  // namespace holdfast
