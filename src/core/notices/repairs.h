// Notices of reports, of what is missing, and of full syncs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/decisions.h"
#include "core/notices/subjects.h"
#include "core/types.h"

namespace holdfast::notice {

// Operations are missing, and the worker is to send them again.
struct ReplayExpected {
  static constexpr std::string_view kName = "replay_expected";
  static constexpr NoticeLevel kLevel = kInfo;
  LocationName location;
  Reason reason = Reason::kNone;
  uint64_t fromSeq = 0;
  uint64_t toSeq = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("reason", reasonName(reason));
    visit("from_seq", fromSeq);
    visit("to_seq", toSeq);
  }
};

// A worker registers with a full sync under way, and that goes on.
struct FullSyncKept {
  static constexpr std::string_view kName = "full_sync_kept";
  static constexpr NoticeLevel kLevel = kInfo;
  LocationName location;
  uint64_t batchesStored = 0;
  uint64_t batches = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("batches_stored", batchesStored);
    visit("batches", batches);
  }
};

// What was repaired has been compared, and is equal. WorkerRegistered counts those that are in sync
// when the worker registers.
struct LocationInSync {
  static constexpr std::string_view kName = "location_in_sync";
  static constexpr NoticeLevel kLevel = kInfo;
  LocationName location;
  uint64_t seq = 0;
  uint64_t chunks = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("seq", seq);
    visit("chunks", chunks);
  }
};

// What it held is dropped: the worker states that it is empty, or does not state it any more.
struct LocationForgotten {
  static constexpr std::string_view kName = "location_forgotten";
  static constexpr NoticeLevel kLevel = kInfo;
  LocationName location;
  Reason reason = Reason::kNone;
  uint64_t chunks = 0;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("reason", reasonName(reason));
    visit("chunks", chunks);
  }
};

// Reports that were dropped since the last such notice; at most one a minute.
struct ReportsDropped {
  static constexpr std::string_view kName = "reports_dropped";
  static constexpr NoticeLevel kLevel = kInfo;
  uint64_t locationNotStated = 0;
  uint64_t incarnationNotStated = 0;
  uint64_t sessionOver = 0;  // were on their way when it ended

  void fields(auto& visit) const {
    visit("location_not_stated", locationNotStated);
    visit("incarnation_not_stated", incarnationNotStated);
    visit("session_over", sessionOver);
  }
};

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

// Operations are missing for good: the worker keeps nothing to send again.
struct ReportsLost {
  static constexpr std::string_view kName = "reports_lost";
  static constexpr NoticeLevel kLevel = kWarning;
  LocationName location;
  uint64_t fromSeq = 0;
  uint64_t nextSeq = 0;   // that it goes on from
  bool hidden = false;    // what it holds is out of look-ups
  bool fullSync = false;  // the worker can be asked for one
  bool source = false;    // it is an engine's stream: EngineMessagesLost tells people

  NoticeLevel level() const { return source ? NoticeLevel::kDebug : kLevel; }

  void fields(auto& visit) const {
    location.fields(visit);
    visit("from_seq", fromSeq);
    visit("next_seq", nextSeq);
    visit("hidden", hidden);
    visit("full_sync", fullSync);
    visit("source", source);
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

}  // namespace holdfast::notice
