// Longer than most: one sentence for each kind of notice, side by side.
#include "notices/sentences.h"

#include <variant>

#include "core/ids.h"
#include "core/notice.h"
#include "notices/hashing_sentences.h"
#include "notices/process_sentences.h"

namespace holdfast {
namespace {

std::string name(const WorkerName& one) {
  return "instance '" + one.instance + "' worker " + std::to_string(one.worker);
}

std::string name(const LocationName& one) {
  return name(one.worker) + " location '" + one.location + "'";
}

std::string quotedInstance(const std::string& instance) {
  return "instance " + quotedForPeople(instance);
}

// --- Workers and instances ---

std::string registered(const std::string& address, const std::string& model, uint64_t locations,
                       uint64_t inSync) {
  return " at " + address + ", model " + quotedForPeople(model) + "; " + std::to_string(inSync) +
         " of " + std::to_string(locations) + " locations in sync";
}

std::string sentence(const notice::WorkerRegistered& n) {
  return name(n.worker) + " has registered (" + std::string(nameOf(n.known)) + ")" +
         registered(n.address, n.model, n.locations, n.inSync);
}

std::string sentence(const notice::WorkerReturned& n) {
  return name(n.worker) + " is back, LOST for " + std::to_string(n.lostMs) + " ms" +
         registered(n.address, n.model, n.locations, n.inSync);
}

std::string sentence(const notice::RegistrationRefused& n) {
  return quotedInstance(n.worker.instance) + " worker " + std::to_string(n.worker.worker) +
         " may not register: " + n.reason;
}

std::string sentence(const notice::WorkerSuperseded& n) {
  return name(n.worker) + ": superseded, another process registers in its place";
}

std::string sentence(const notice::WorkerDeregistered& n) {
  return name(n.worker) + " has deregistered: its " + std::to_string(n.chunks) +
         " chunks are dropped";
}

std::string sentence(const notice::WorkerPaused& n) {
  return name(n.worker) + " is told to wait: " + n.reason;
}

std::string sentence(const notice::WorkerResumed& n) {
  return name(n.worker) + " is told to go on, and registers again";
}

std::string sentence(const notice::WorkerLost& n) {
  const std::string lost = name(n.worker) + " is LOST: ";
  switch (n.cause) {
    case notice::LostCause::kConnectionGone:
      return lost + "its connection is gone";
    case notice::LostCause::kNotBack:
      return lost + "it did not register again after the restart";
    case notice::LostCause::kSilent:
      return lost + "nothing received for " + std::to_string(n.silentMs) + " ms";
    case notice::LostCause::kBrokeProtocol:
      return lost + n.detail;
  }
  return lost;
}

std::string sentence(const notice::WorkerExpired& n) {
  return name(n.worker) + " is EXPIRED: LOST for " + std::to_string(n.lostGraceMs) +
         " ms; its state is dropped";
}

std::string sentence(const notice::WorkerForgotten& n) {
  return name(n.worker) + ": an operator has it forgotten";
}

std::string madeRoom(const WorkerName& worker, uint64_t chunks, uint64_t workersMax) {
  return name(worker) + ", LOST and holding " + std::to_string(chunks) +
         " chunks, is forgotten to make room for another worker: this controller takes " +
         std::to_string(workersMax) + "; raise --workers-max to keep it";
}

std::string sentence(const notice::EmptyWorkerMadeRoom& n) {
  return madeRoom(n.worker, 0, n.workersMax);
}

std::string sentence(const notice::WorkerMadeRoom& n) {
  return madeRoom(n.worker, n.chunks, n.workersMax);
}

std::string sentence(const notice::WorkerContested& n) {
  return name(n.worker) +
         ": superseded twice within a minute; two processes seem to claim this rank";
}

std::string sentence(const notice::RunRepeated& n) {
  return name(n.worker) +
         ": another process registers with the run id of the former one; draw run ids from the "
         "operating system, not from a seeded generator";
}

std::string sentence(const notice::ModelChanged& n) {
  return name(n.worker) + " has another model now, " + quotedForPeople(n.model) +
         ": what it held is forgotten";
}

std::string sentence(const notice::WorkerQuarantined& n) {
  return name(n.worker) + " is QUARANTINED: " + n.damage +
         "; it gets a clean slate when it registers";
}

std::string sentence(const notice::InstanceDamaged& n) {
  return "the record of instance '" + n.instance + "' cannot be read (" + n.damage +
         "); it is written anew";
}

std::string sentence(const notice::RanksContradict& n) {
  return quotedInstance(n.instance) + ": its ranks contradict each other: " + n.statements +
         "; cache operations on it are refused until they agree";
}

std::string sentence(const notice::RanksAgree& n) {
  return quotedInstance(n.instance) + ": its ranks agree again";
}

std::string sentence(const notice::InstanceDrained& n) {
  return quotedInstance(n.instance) + " is drained: look-ups do not name it";
}

std::string sentence(const notice::InstanceUndrained& n) {
  return quotedInstance(n.instance) + " is in look-ups again";
}

// --- Reports and repairs ---

std::string sentence(const notice::ReplayExpected& n) {
  return name(n.location) + ": the worker sends seq " + std::to_string(n.fromSeq) + " to " +
         std::to_string(n.toSeq) + " again (" + std::string(reasonName(n.reason)) + ")";
}

std::string sentence(const notice::FullSyncKept& n) {
  return name(n.location) + ": the full sync under way goes on, " +
         std::to_string(n.batchesStored) + " of " + std::to_string(n.batches) +
         " batches are stored";
}

std::string sentence(const notice::LocationInSync& n) {
  return name(n.location) + " is in sync again: " + std::to_string(n.chunks) + " chunks at seq " +
         std::to_string(n.seq);
}

std::string sentence(const notice::LocationForgotten& n) {
  return name(n.location) + ": " + std::to_string(n.chunks) + " chunks are dropped (" +
         std::string(reasonName(n.reason)) + ")";
}

std::string sentence(const notice::ReportsDropped& n) {
  return "reports were dropped: " + std::to_string(n.locationNotStated) +
         " for locations that were not stated, " + std::to_string(n.incarnationNotStated) +
         " of incarnations that were not stated, " + std::to_string(n.sessionOver) +
         " of sessions that are over";
}

std::string sentence(const notice::LocationNotStated& n) {
  return name(n.worker) + " reports for location " + quotedForPeople(n.location) +
         ", which it did not state when it registered (it stated " + n.stated +
         "): these reports are dropped";
}

std::string sentence(const notice::IncarnationNotStated& n) {
  return name(n.location.worker) + " reports for location " + quotedForPeople(n.location.location) +
         " in incarnation " + std::to_string(n.incarnation) + ", but it stated " +
         std::to_string(n.stated) + ": these reports are dropped";
}

// What mends a source of which something was lost.
constexpr const char* kUntilEmpty =
    "DIVERGED until the engine's cache has been empty once: restart it, or reset its prefix cache";

std::string sentence(const notice::ReportsLost& n) {
  if (n.source) {
    return name(n.location) + ": messages of its engine are lost (seq " +
           std::to_string(n.fromSeq) + ", it goes on with " + std::to_string(n.nextSeq) + "); " +
           kUntilEmpty;
  }
  const std::string next = std::to_string(n.nextSeq);
  const std::string lost = n.fromSeq == n.nextSeq
                               ? "it goes on with seq " + next + ", and what it holds is not known"
                               : "the reports from seq " + std::to_string(n.fromSeq) +
                                     " on are lost, it goes on with " + next;
  return name(n.location) + ": " + lost + "; " +
         (n.hidden ? "out of look-ups" : "it stays in look-ups") + ", DIVERGED until " +
         (n.fullSync ? "a full sync, which it is asked for" : "it registers again");
}

std::string sentence(const notice::GapFound& n) {
  return name(n.location) + ": expected seq " + std::to_string(n.expectedSeq) + ", got " +
         std::to_string(n.seq) + "; asked for what is missing";
}

std::string didNotCome(uint64_t replayTimeoutMs) {
  return "what was missing did not come within " + std::to_string(replayTimeoutMs) + " ms";
}

constexpr const char* kCannotReplay = "the worker cannot replay what is missing";

std::string sentence(const notice::GapNotFilled& n) {
  const auto why = [&]() -> std::string {
    switch (n.reason) {
      case Reason::kGapTooOld:
        return kCannotReplay;
      case Reason::kReplayTimedOut:
        return didNotCome(n.replayTimeoutMs);
      case Reason::kHeldOverflow:
        return "more operations than can be held";
      default:
        return std::string(reasonName(n.reason));
    }
  };
  return name(n.location) + ": " + why() + "; needs a full sync";
}

std::string content(const notice::LocationDiverged::Content& one) {
  return "seq " + std::to_string(one.seq) + ", " + std::to_string(one.count) +
         " chunks of digest " + notice::hexOf(one.digest);
}

std::string sentence(const notice::LocationDiverged& n) {
  return name(n.location) + ": DIVERGED (" + std::string(reasonName(n.reason)) +
         "); ours: " + content(n.ours) + "; the worker's: " + content(n.theirs) +
         "; needs a full sync";
}

std::string sentence(const notice::FullSyncBegun& n) {
  return name(n.location) + ": full sync " + (n.goesOn ? "goes on" : "begins") + ": " +
         std::to_string(n.missing) + " of " + std::to_string(n.batches) + " batches to come, " +
         std::to_string(n.keys) + " keys";
}

std::string sentence(const notice::FullSyncDone& n) {
  return name(n.location) + ": full sync done, " + std::to_string(n.chunks) + " chunks at seq " +
         std::to_string(n.seq);
}

std::string why(const notice::FullSyncFailed& n) {
  switch (n.cause) {
    case notice::SyncFailure::kReplayRefused:
      return kCannotReplay;
    case notice::SyncFailure::kReplayTimedOut:
      return didNotCome(n.replayTimeoutMs);
    case notice::SyncFailure::kGapOverflow:
      return "more operations behind a gap than can be held";
    case notice::SyncFailure::kPendingOverflow:
      return "more operations than can be held until the batches are there";
    case notice::SyncFailure::kOtherContent:
      return std::to_string(n.keys) + " keys came, " + std::to_string(n.distinct) +
             " of them distinct, where the worker stated " + std::to_string(n.stated) +
             (n.distinct == n.stated ? " of another digest" : "");
    case notice::SyncFailure::kNotStarted:
      return "the worker did not start it in time";
    case notice::SyncFailure::kInactive:
      return "nothing came for too long";
  }
  return {};
}

std::string sentence(const notice::FullSyncFailed& n) {
  const std::string next = n.backsOff
                               ? "it failed " + std::to_string(n.failures) +
                                     " times in a row and is tried again later: look at that worker"
                               : "it is tried again";
  return name(n.location) + ": full sync failed: " + why(n) + "; " + next;
}

// --- Cache operations ---

std::string operation(OperationKind kind, const std::string& instance, const std::string& event) {
  return std::string(operationName(kind)) + " of " + quotedInstance(instance) + ", event " +
         quotedForPeople(event);
}

std::string sentence(const notice::OperationBegun& n) {
  return operation(n.kind, n.instance, n.event) + ": begun for " + std::to_string(n.ranks) +
         " ranks";
}

std::string sentence(const notice::OperationDone& n) {
  return operation(n.kind, n.instance, n.event) + ": done by " + std::to_string(n.ranks) +
         " ranks, " + std::to_string(n.tokens) + " tokens, after " + std::to_string(n.durationMs) +
         " ms";
}

std::string sentence(const notice::OperationFailed& n) {
  return operation(n.kind, n.instance, n.event) + ": failed after " + std::to_string(n.durationMs) +
         " ms: " + n.error;
}

// --- The store ---

std::string sentence(const notice::ReadOnly& n) {
  return "read-only: " + n.reason;
}

std::string sentence(const notice::Writable&) {
  return "the store takes writes again";
}

std::string sentence(const notice::FoldFailed& n) {
  return name(n.location) + ": its fold failed: " + n.error;
}

std::string sentence(const notice::WorkersBehind& n) {
  return std::to_string(n.workers) +
         " workers are behind what had been confirmed to them, because the store has lost "
         "writes; each sends what is missing when it registers";
}

std::string sentence(const notice::WorkersQuarantined& n) {
  return std::to_string(n.workers) +
         " workers are quarantined: their records are damaged; holdfast-ctl workers says how";
}

std::string sentence(const notice::BackupMade& n) {
  return "backup in " + n.path + ": " + std::to_string(n.bytes) + " bytes, as of write " +
         std::to_string(n.sequence);
}

std::string sentence(const notice::BackupFailed& n) {
  return "no backup was made: " + n.error;
}

std::string sentence(const notice::CopyGiven& n) {
  return "a copy of the store for " + n.caller + ": " + std::to_string(n.files) + " files, " +
         std::to_string(n.bytes) + " bytes, as of write " + std::to_string(n.sequence);
}

std::string sentence(const notice::CopyEnded& n) {
  return "the copy of the store for " + n.caller + " has ended after " + std::to_string(n.ms) +
         " ms: " + std::to_string(n.bytesRead) + " of " + std::to_string(n.bytes) +
         " bytes were read" + (n.idle ? ", and nothing was asked of it any more" : "");
}

std::string sentence(const notice::CopyFailed& n) {
  return "no copy of the store for " + n.caller + ": " + n.error;
}

// --- Who comes in ---

std::string sentence(const notice::OperatorCall& n) {
  const std::string who = n.who.empty() ? "without a token" : "by '" + n.who + "'";
  return "audit: " + n.call + (n.about.empty() ? "" : " " + n.about) + ", " + who + " (" + n.peer +
         "): " + (n.error.empty() ? "done" : n.error);
}

std::string sentence(const notice::TokensRead& n) {
  return "the token file is read: " + std::to_string(n.tokens) + " tokens; " +
         std::to_string(n.ended) + " connections of tokens that are gone or changed are ended";
}

std::string sentence(const notice::TokensNotRead& n) {
  return "the token file is not taken, the former tokens stay in force: " + n.error;
}

std::string sentence(const notice::AccessRefused& n) {
  return "access refused to " + (n.who.empty() ? n.peer : "'" + n.who + "' (" + n.peer + ")") +
         ": " + n.reason;
}

// --- Connections ---

std::string sentence(const notice::AcceptFailed& n) {
  return "cannot accept a connection on " + n.listener + ": " + n.error + "; " +
         std::to_string(n.connections) +
         " connections are open; raise the limit of open files (ulimit -n, LimitNOFILE) or lower "
         "--connections-max";
}

std::string sentence(const notice::ConnectionsFull& n) {
  return std::string(n.refused ? "refusing connections"
                               : "closing connections that never said anything") +
         ": " + std::to_string(n.connections) + " are open, the limit is " + std::to_string(n.max) +
         " (--connections-max)";
}

std::string sentence(const notice::ConnectionClosed& n) {
  return "closing the connection of " + n.peer + ": " + n.reason;
}

std::string sentence(const notice::GatewayRefused& n) {
  return "the " + n.gateway + " gateway refuses what came: " + n.reason;
}

std::string leftOut(size_t kind) {
  if (kind == kNoticeKind<notice::AcceptFailed>) return "connections could not be accepted";
  if (kind == kNoticeKind<notice::ConnectionsFull>) {
    return "connections were refused or closed to make room";
  }
  if (kind == kNoticeKind<notice::AccessRefused>) return "requests for access were refused";
  if (kind == kNoticeKind<notice::GatewayRefused>) return "things were refused by gateways";
  return "connections were closed for what they sent";
}

std::string sentence(const notice::ConnectionNoticesLeftOut& n) {
  return std::to_string(n.count) + " more " + leftOut(n.kind) + " in the last minute";
}

std::string sentence(const notice::EngineUnreachable& n) {
  return name(n.worker) + ": its engine cannot be subscribed to: " + n.why;
}

std::string sentence(const notice::EngineRestarted& n) {
  return name(n.worker) +
         ": another process of its engine, with an empty cache; what was held is " + "forgotten";
}

std::string sentence(const notice::EngineMessagesLost& n) {
  return name(n.worker) + ": messages " + std::to_string(n.from) + " to " + std::to_string(n.to) +
         " of its engine are lost; " +
         (n.forgotten ? "what was held is forgotten and what it announces from now on is held, "
                      : "what was held is kept and may be wrong, ") +
         kUntilEmpty;
}

std::string sentence(const notice::EngineMessageUnreadable& n) {
  return name(n.worker) + ": message " + std::to_string(n.seq) +
         " of its engine cannot be read: " + n.why;
}

std::string sentence(const notice::EngineResetAsked& n) {
  return name(n.worker) + ": its engine at " + n.address +
         " empties its prefix cache, as it was asked to";
}

std::string sentence(const notice::EngineResetFailed& n) {
  return name(n.worker) + ": its engine" + (n.address.empty() ? "" : " at " + n.address) +
         " could not be asked to empty its prefix cache: " + n.why;
}

}  // namespace

std::string sentenceOf(const Notice& notice) {
  return std::visit([](const auto& one) { return sentence(one); }, notice);
}

}  // namespace holdfast
