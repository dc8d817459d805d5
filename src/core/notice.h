// What the log tells people of the life of the controller, as values. Sentences are made of them at
// the edge: notices/sentences.h.
//
// A new kind is a struct in the file of core/notices that fits it, with its level, its name and its
// fields, and its place in the list of Notice below; nothing compiles before it has a sentence.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/notices/access.h"
#include "core/notices/connections.h"
#include "core/notices/engines.h"
#include "core/notices/hashing.h"
#include "core/notices/instances.h"
#include "core/notices/operations.h"
#include "core/notices/process.h"
#include "core/notices/repairs.h"
#include "core/notices/store.h"
#include "core/notices/subjects.h"
#include "core/notices/workers.h"

namespace holdfast {

using Notice = std::variant<
    // workers.h
    notice::WorkerRegistered, notice::WorkerReturned, notice::RegistrationRefused,
    notice::WorkerSuperseded, notice::WorkerDeregistered, notice::WorkerPaused,
    notice::WorkerResumed, notice::WorkerLost, notice::WorkerExpired, notice::WorkerForgotten,
    notice::EmptyWorkerMadeRoom, notice::WorkerMadeRoom, notice::WorkerContested,
    notice::RunRepeated, notice::ModelChanged, notice::WorkerQuarantined,
    // instances.h
    notice::InstanceDamaged, notice::RanksContradict, notice::RanksAgree, notice::InstanceDrained,
    notice::InstanceUndrained,
    // repairs.h
    notice::ReplayExpected, notice::FullSyncKept, notice::LocationInSync, notice::LocationForgotten,
    notice::ReportsDropped, notice::LocationNotStated, notice::IncarnationNotStated,
    notice::ReportsLost, notice::GapFound, notice::GapNotFilled, notice::LocationDiverged,
    notice::FullSyncBegun, notice::FullSyncDone, notice::FullSyncFailed,
    // operations.h
    notice::OperationBegun, notice::OperationDone, notice::OperationFailed,
    // store.h
    notice::ReadOnly, notice::Writable, notice::FoldFailed, notice::WorkersBehind,
    notice::WorkersQuarantined, notice::BackupMade, notice::BackupFailed, notice::CopyGiven,
    notice::CopyEnded, notice::CopyFailed,
    // process.h
    notice::Starting, notice::Recovering, notice::Migrating, notice::Joining, notice::Joined,
    notice::JoinFailed, notice::Ready, notice::NoticesLeftOut, notice::Reloaded,
    notice::ReloadRefused, notice::RestartNeeded, notice::LogLevelChanged, notice::LimitNear,
    notice::CaptureEnded, notice::InternalError,
    // access.h
    notice::OperatorCall, notice::TokensRead, notice::TokensNotRead,
    // connections.h
    notice::AccessRefused, notice::AcceptFailed, notice::ConnectionsFull, notice::ConnectionClosed,
    notice::GatewayRefused, notice::ConnectionNoticesLeftOut,
    // hashing.h
    notice::HashingLearned, notice::HashingDiffers, notice::HashingUnknown, notice::HashingMixed,
    notice::HashingAgrees,
    // engines.h
    notice::EngineUnreachable, notice::EngineRestarted, notice::EngineMessagesLost,
    notice::EngineMessageUnreadable, notice::EngineResetAsked, notice::EngineResetFailed>;
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
