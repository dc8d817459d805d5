// Everything that can happen to the controller, as values: one struct for each kind, which names
// the outcome it yields. Whoever must know every kind makes what it needs of AllInputs.
//
// Inputs are views: what they refer to belongs to whoever makes them, and lives until
// Controller::take returns. To add one: its struct and its place in AllInputs here, what it does in
// controller.{h,cc}, its entry in capture/entries.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/cache_operations.h"
#include "core/load.h"
#include "core/lookups.h"
#include "core/messages.h"
#include "core/registry_store.h"
#include "core/result.h"

namespace holdfast {

struct Event;
struct OperationRequest;
class PromptLookup;

// What comes of an input that nobody waits for.
struct Done {};

namespace input {

// --- Messages of workers. `session`: that a registration began; one that is over is no error of
// the caller's. An error changes nothing. ---

// RegistrationController::registerWorker. `link` is valid until the session has ended.
struct Register {
  using Outcome = Result<RegisterOutcome>;
  const Registration& message;
  WorkerLink& link;
};

// RegistrationController::heartbeat.
struct Heartbeat {
  using Outcome = Result<HeartbeatOutcome>;
  SessionId session;
  const std::vector<LocationStatement>& statements;
  Load load = kLoadUnknown;  // how busy the worker is from now on
};

// KvController::handleBatchedKvOperations.
struct Report {
  using Outcome = Result<ReportOutcome>;
  SessionId session;
  const holdfast::Report& message;
};

// KvController::handleFullSyncStart, and so on.
struct FullSyncStart {
  using Outcome = Result<FullSyncStartOutcome>;
  SessionId session;
  const holdfast::FullSyncStart& message;
};

struct FullSyncBatch {
  using Outcome = Result<bool>;  // false: the store cannot take it
  SessionId session;
  const holdfast::FullSyncBatch& message;
};

struct FullSyncEnd {
  using Outcome = Result<holdfast::FullSyncStatus>;
  SessionId session;
  const holdfast::FullSyncEnd& message;
};

struct FullSyncStatus {
  using Outcome = Result<holdfast::FullSyncStatus>;
  SessionId session;
  std::string_view location;
  uint64_t incarnation;
  uint64_t syncId;
};

// The worker cannot send again what WorkerLink::replay asked for.
struct ReplayRefused {
  using Outcome = Done;
  SessionId session;
  std::string_view location;
  uint64_t incarnation;
};

// KvController::operationsLost: reports of a worker that keeps nothing to send again got lost.
struct OperationsLost {
  using Outcome = Done;
  SessionId session;
  const holdfast::OperationsLost& message;
};

// KvController::clear: a location holds nothing any more.
struct Clear {
  using Outcome = Result<ReportOutcome>;
  SessionId session;
  const holdfast::Clear& message;
};

// A look-up of the session's worker for peers is over (Controller::advance said so): its answer,
// valid until the next change; as of LookedUp, only the end is an input. An error if the session
// is not in force any more.
struct PeersFound {
  using Outcome = Result<std::span<const PeerMatch>>;
  SessionId session;
  PromptLookup& lookup;
};

// RegistrationController::deregister.
struct Deregister {
  using Outcome = Result<Ticket>;  // answer when it is committed
  SessionId session;
};

// What the worker answered to WorkerLink::operate, by the operation's number.
struct Answered {
  using Outcome = Done;
  SessionId session;
  uint64_t number;
  const OperationOutcome& outcome;
};

// The transport is gone.
struct ConnectionClosed {
  using Outcome = Done;
  SessionId session;
};

// The worker broke the protocol; `why` says how ("it sent ...").
struct SessionFailed {
  using Outcome = Done;
  SessionId session;
  const std::string& why;
};

// --- Of routers and operators. An error changes nothing. ---

// A look-up is over (Controller::advance said so): its answer, valid until the next change.
// `tokens`: that the hashes are of; empty where they were not given. Look-ups only read core, piece
// by piece, and the input is their end. Who repeats the inputs makes the whole look-up there, so
// what it finds for one that took several turns may be a little newer than the answer was;
// `countedAs` is what that was counted as, kUnsaid where the look-up is not repeated.
struct LookedUp {
  using Outcome = std::span<const LookupMatch>;
  PromptLookup& lookup;
  std::span<const uint32_t> tokens;
  MissReason countedAs = MissReason::kUnsaid;
};

// Executor::start. The request's chunks may be moved out of it.
struct Operation {
  using Outcome = Result<const Event*>;  // valid until the next input
  OperationRequest& request;
};

// OperatorCommands::forceSync.
struct ForceSync {
  using Outcome = Result<uint32_t>;  // full syncs that there will be
  std::string_view instance;
  uint32_t worker;
  std::string_view location;  // empty: all of the worker's
};

// OperatorCommands::forget.
struct Forget {
  using Outcome = Result<Ticket>;  // answer when it is committed
  std::string_view instance;
  uint32_t worker;
};

// OperatorCommands::drain.
struct Drain {
  using Outcome = Result<Ticket>;  // answer when it is committed
  std::string_view instance;
  bool drained;
};

// --- Of the event loop and the store ---

// Every 100 ms or so, behind a poll of the sockets: time-outs, retention, folds.
struct Tick {
  using Outcome = Done;
};

// One bounded piece of background work.
struct Work {
  using Outcome = bool;  // false: there is none left
};

// RegistryStore::poll has returned: operations go on.
struct StorePolled {
  using Outcome = Done;
};

// The store's completions, see StoreListener.
struct Committed {
  using Outcome = Done;
  Ticket upTo;
};

struct Folded {
  using Outcome = Done;
  const FoldResult& result;
};

struct Health {
  using Outcome = Done;
  const StoreHealth& health;
};

}  // namespace input

// An input that was taken, and what came of it. Refers to both; valid for the call it is passed to.
template <typename Input>
struct Taken {
  const Input& input;
  const typename Input::Outcome& outcome;
};

template <typename... Input>
struct InputList {
  static constexpr size_t kSize = sizeof...(Input);
  template <typename T>
  static constexpr bool kContains = (std::is_same_v<T, Input> || ...);
  using Any = std::variant<Input...>;
  using AnyTaken = std::variant<Taken<Input>...>;
};

// The one list.
using AllInputs =
    InputList<input::Register, input::Heartbeat, input::Report, input::FullSyncStart,
              input::FullSyncBatch, input::FullSyncEnd, input::FullSyncStatus, input::ReplayRefused,
              input::OperationsLost, input::Clear, input::PeersFound, input::Deregister,
              input::Answered, input::ConnectionClosed, input::SessionFailed, input::LookedUp,
              input::Operation, input::ForceSync, input::Forget, input::Drain, input::Tick,
              input::Work, input::StorePolled, input::Committed, input::Folded, input::Health>;
using AnyInput = AllInputs::Any;
using TakenInput = AllInputs::AnyTaken;

// Sees every input, in order.
class InputObserver {
 public:
  virtual ~InputObserver() = default;
  // Right after the controller took it; must not give it another one.
  virtual void taken(const TakenInput& taken) = 0;
};

}  // namespace holdfast
