#include "capture/entries.h"

#include <limits>
#include <optional>
#include <utility>

#include "capture/values.h"

namespace holdfast {

// How an input lies in a log: its kind, that kind's name for people, and the way there and back.
// Sessions are dealt with below. Every input has one, or this file does not compile.
template <typename Input>
struct EntryOf;

namespace {

using Kind = schema::CaptureEntry;
using EntryReader = schema::CaptureEntry::Reader;
using EntryBuilder = schema::CaptureEntry::Builder;

void writePosition(const std::optional<SourcePosition>& position, EntryBuilder to) {
  if (!position) return;
  to.setSourceSeq(position->seq + 1);
  to.setSourceDigest(position->digest);
}

std::optional<SourcePosition> positionOf(EntryReader from) {
  if (from.getSourceSeq() == 0) return std::nullopt;
  return SourcePosition{from.getSourceSeq() - 1, from.getSourceDigest()};
}

Error notAnInput(std::string why) {
  return {ErrorCode::kInvalid, std::move(why)};
}

}  // namespace

// --- messages of workers ---

template <>
struct EntryOf<input::Register> {
  static constexpr auto kKind = Kind::REGISTER;
  static constexpr std::string_view kName = "register";
  static void write(const input::Register& from, EntryBuilder to) {
    holdfast::write(from.message, to.initRegister());
    to.setOnLaterConnection(from.message.onLaterConnection);
    to.setTakesTokens(from.message.takesTokens);
    to.setPinSecondsMax(from.message.pinSecondsMax);
    to.setResumes(from.message.resumes);
    if (from.message.source) holdfast::write(*from.message.source, to.initSource());
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    Registration& message = with.keep(holdfast::read(from.getRegister()));
    message.onLaterConnection = from.getOnLaterConnection();
    message.takesTokens = from.getTakesTokens();
    message.pinSecondsMax = from.getPinSecondsMax();
    message.resumes = from.getResumes();
    if (from.hasSource()) {
      message.source = holdfast::read(from.getSource(), message);
    }
    return AnyInput(input::Register{message, with.link_});
  }
};

template <>
struct EntryOf<input::Heartbeat> {
  static constexpr auto kKind = Kind::HEARTBEAT;
  static constexpr std::string_view kName = "heartbeat";
  static void write(const input::Heartbeat& from, EntryBuilder to) {
    auto message = to.initHeartbeat();
    message.setLoad(from.load);
    holdfast::write(from.statements, message.initLocations(listSize(from.statements.size())));
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getHeartbeat();
    return AnyInput(input::Heartbeat{
        with.session_, with.keep(holdfast::read(message.getLocations())), message.getLoad()});
  }
};

template <>
struct EntryOf<input::Report> {
  static constexpr auto kKind = Kind::REPORT;
  static constexpr std::string_view kName = "report";
  static void write(const input::Report& from, EntryBuilder to) {
    holdfast::write(from.message, to.initReport());
    writePosition(from.message.position, to);
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    Result<Report> message = holdfast::read(from.getReport(), with.numbers_);
    if (!message.ok()) return message.error();
    message.value().position = positionOf(from);
    return AnyInput(input::Report{with.session_, with.keep(message.value())});
  }
};

template <>
struct EntryOf<input::FullSyncStart> {
  static constexpr auto kKind = Kind::FULL_SYNC_START;
  static constexpr std::string_view kName = "full-sync-start";
  static void write(const input::FullSyncStart& from, EntryBuilder to) {
    holdfast::write(from.message, to.initFullSyncStart());
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    return AnyInput(
        input::FullSyncStart{with.session_, with.keep(holdfast::read(from.getFullSyncStart()))});
  }
};

template <>
struct EntryOf<input::FullSyncBatch> {
  static constexpr auto kKind = Kind::FULL_SYNC_BATCH;
  static constexpr std::string_view kName = "full-sync-batch";
  static void write(const input::FullSyncBatch& from, EntryBuilder to) {
    holdfast::write(from.message, to.initFullSyncBatch());
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    return AnyInput(input::FullSyncBatch{
        with.session_, with.keep(holdfast::read(from.getFullSyncBatch(), with.numbers_))});
  }
};

template <>
struct EntryOf<input::FullSyncEnd> {
  static constexpr auto kKind = Kind::FULL_SYNC_END;
  static constexpr std::string_view kName = "full-sync-end";
  static void write(const input::FullSyncEnd& from, EntryBuilder to) {
    holdfast::write(from.message, to.initFullSyncEnd());
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    return AnyInput(
        input::FullSyncEnd{with.session_, with.keep(holdfast::read(from.getFullSyncEnd()))});
  }
};

template <>
struct EntryOf<input::FullSyncStatus> {
  static constexpr auto kKind = Kind::FULL_SYNC_STATUS;
  static constexpr std::string_view kName = "full-sync-status";
  static void write(const input::FullSyncStatus& from, EntryBuilder to) {
    auto message = to.initFullSyncStatus();
    message.setLocation(textOf(from.location));
    message.setIncarnation(from.incarnation);
    message.setSyncId(from.syncId);
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getFullSyncStatus();
    return AnyInput(input::FullSyncStatus{with.session_, viewOf(message.getLocation()),
                                          message.getIncarnation(), message.getSyncId()});
  }
};

template <>
struct EntryOf<input::ReplayRefused> {
  static constexpr auto kKind = Kind::REPLAY_REFUSED;
  static constexpr std::string_view kName = "replay-refused";
  static void write(const input::ReplayRefused& from, EntryBuilder to) {
    auto message = to.initReplayRefused();
    message.setLocation(textOf(from.location));
    message.setIncarnation(from.incarnation);
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getReplayRefused();
    return AnyInput(input::ReplayRefused{with.session_, viewOf(message.getLocation()),
                                         message.getIncarnation()});
  }
};

template <>
struct EntryOf<input::OperationsLost> {
  static constexpr auto kKind = Kind::OPERATIONS_LOST;
  static constexpr std::string_view kName = "operations-lost";
  static void write(const input::OperationsLost& from, EntryBuilder to) {
    auto message = to.initOperationsLost();
    message.setLocation(textOf(from.message.location));
    message.setIncarnation(from.message.incarnation);
    message.setNextSeq(from.message.nextSeq);
    message.setNewIncarnation(from.message.newIncarnation);
    message.setHide(from.message.hide);
    message.setFullSync(from.message.fullSync);
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getOperationsLost();
    return AnyInput(input::OperationsLost{
        with.session_,
        with.keep(OperationsLost{viewOf(message.getLocation()), message.getIncarnation(),
                                 message.getNextSeq(), message.getNewIncarnation(),
                                 message.getHide(), message.getFullSync()})});
  }
};

template <>
struct EntryOf<input::Clear> {
  static constexpr auto kKind = Kind::CLEAR;
  static constexpr std::string_view kName = "clear";
  static void write(const input::Clear& from, EntryBuilder to) {
    auto message = to.initClear();
    message.setLocation(textOf(from.message.location));
    message.setIncarnation(from.message.incarnation);
    message.setSeq(from.message.seq);
    writePosition(from.message.position, to);
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getClear();
    return AnyInput(input::Clear{
        with.session_, with.keep(Clear{viewOf(message.getLocation()), message.getIncarnation(),
                                       message.getSeq(), positionOf(from)})});
  }
};

template <>
struct EntryOf<input::PeersFound> {
  static constexpr auto kKind = Kind::P2P_LOOKUP;
  static constexpr std::string_view kName = "p2p-lookup";
  static void write(const input::PeersFound& from, EntryBuilder to) {
    const auto hashes = from.lookup.hashes();
    copyNumbers<uint64_t>(hashes, to.initP2pLookup().initHashes(listSize(hashes.size())));
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto hashes = numbersOf<uint64_t>(from.getP2pLookup().getHashes(), with.numbers_);
    if (auto error = with.lookup_.beginPeers(with.session_, hashes)) {
      if (error->code == ErrorCode::kInvalid) return *error;
      // The session is over: so says the input, without the look-up.
    } else {
      with.lookup_.advance(std::numeric_limits<size_t>::max());
    }
    return AnyInput(input::PeersFound{with.session_, with.lookup_});
  }
};

template <>
struct EntryOf<input::Deregister> {
  static constexpr auto kKind = Kind::DEREGISTER;
  static constexpr std::string_view kName = "deregister";
  static void write(const input::Deregister&, EntryBuilder to) { to.setDeregister(); }
  static Result<AnyInput> read(EntryReader, EntryReading& with) {
    return AnyInput(input::Deregister{with.session_});
  }
};

template <>
struct EntryOf<input::Answered> {
  static constexpr auto kKind = Kind::ANSWERED;
  static constexpr std::string_view kName = "answer";
  static void write(const input::Answered& from, EntryBuilder to) {
    auto message = to.initAnswered();
    message.setNumber(from.number);
    holdfast::write(from.outcome, message.initOutcome());
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getAnswered();
    return AnyInput(input::Answered{with.session_, message.getNumber(),
                                    with.keep(holdfast::read(message.getOutcome()))});
  }
};

template <>
struct EntryOf<input::ConnectionClosed> {
  static constexpr auto kKind = Kind::CONNECTION_CLOSED;
  static constexpr std::string_view kName = "connection-closed";
  static void write(const input::ConnectionClosed&, EntryBuilder to) { to.setConnectionClosed(); }
  static Result<AnyInput> read(EntryReader, EntryReading& with) {
    return AnyInput(input::ConnectionClosed{with.session_});
  }
};

template <>
struct EntryOf<input::SessionFailed> {
  static constexpr auto kKind = Kind::SESSION_FAILED;
  static constexpr std::string_view kName = "session-failed";
  static void write(const input::SessionFailed& from, EntryBuilder to) {
    to.setSessionFailed(textOf(from.why));
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    return AnyInput(input::SessionFailed{with.session_,
                                         with.keep(std::string(viewOf(from.getSessionFailed())))});
  }
};

// --- of routers and operators ---

template <>
struct EntryOf<input::LookedUp> {
  static constexpr auto kKind = Kind::LOOKUP;
  static constexpr std::string_view kName = "lookup";
  static void write(const input::LookedUp& from, EntryBuilder to) {
    const auto hashes = from.lookup.hashes();
    auto message = to.initLookup();
    message.setModel(textOf(from.lookup.model()));
    message.setWithPins(from.lookup.wishes().withPins);
    message.setSpread(from.lookup.wishes().spread);
    message.setMissReason(static_cast<uint8_t>(reasonOf(from.lookup.miss())));
    copyNumbers<uint64_t>(hashes, message.initHashes(listSize(hashes.size())));
    if (from.tokens.empty()) return;
    copyNumbers<uint32_t>(from.tokens, message.initTokens(listSize(from.tokens.size())));
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getLookup();
    const auto hashes = numbersOf<uint64_t>(message.getHashes(), with.numbers_);
    const PromptLookup::Wishes wishes{.withPins = message.getWithPins(),
                                      .spread = message.getSpread()};
    if (auto error = with.lookup_.begin(viewOf(message.getModel()), hashes, wishes)) return *error;
    with.lookup_.advance(std::numeric_limits<size_t>::max());
    // One that is not known, of a newer version, counts as what it is here.
    const size_t reason = message.getMissReason();
    return AnyInput(input::LookedUp{
        with.lookup_, numbersOf<uint32_t>(message.getTokens(), with.tokens_),
        reason < kMissReasons ? static_cast<MissReason>(reason) : MissReason::kUnsaid});
  }
};

template <>
struct EntryOf<input::Operation> {
  static constexpr auto kKind = Kind::OPERATION;
  static constexpr std::string_view kName = "operation";
  static void write(const input::Operation& from, EntryBuilder to) {
    holdfast::write(from.request, to.initOperation());
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    OperationRequest& request = with.keep(holdfast::read(from.getOperation()));
    if (static_cast<size_t>(request.kind) >= kOperationKinds) {
      return notAnInput("an unknown operation");
    }
    if (from.getOperation().getTokens() > kTokensPerLookupMax) {
      return notAnInput("an operation on more tokens than there may be");
    }
    return AnyInput(input::Operation{request});
  }
};

template <>
struct EntryOf<input::ForceSync> {
  static constexpr auto kKind = Kind::FORCE_SYNC;
  static constexpr std::string_view kName = "force-sync";
  static void write(const input::ForceSync& from, EntryBuilder to) {
    auto message = to.initForceSync();
    message.setInstanceId(textOf(from.instance));
    message.setWorkerId(from.worker);
    message.setLocation(textOf(from.location));
  }
  static Result<AnyInput> read(EntryReader from, EntryReading&) {
    const auto message = from.getForceSync();
    return AnyInput(input::ForceSync{viewOf(message.getInstanceId()), message.getWorkerId(),
                                     viewOf(message.getLocation())});
  }
};

template <>
struct EntryOf<input::Forget> {
  static constexpr auto kKind = Kind::FORGET;
  static constexpr std::string_view kName = "forget";
  static void write(const input::Forget& from, EntryBuilder to) {
    auto message = to.initForget();
    message.setInstanceId(textOf(from.instance));
    message.setWorkerId(from.worker);
  }
  static Result<AnyInput> read(EntryReader from, EntryReading&) {
    const auto message = from.getForget();
    return AnyInput(input::Forget{viewOf(message.getInstanceId()), message.getWorkerId()});
  }
};

template <>
struct EntryOf<input::Drain> {
  static constexpr auto kKind = Kind::DRAIN;
  static constexpr std::string_view kName = "drain";
  static void write(const input::Drain& from, EntryBuilder to) {
    auto message = to.initDrain();
    message.setInstanceId(textOf(from.instance));
    message.setUndo(!from.drained);
  }
  static Result<AnyInput> read(EntryReader from, EntryReading&) {
    const auto message = from.getDrain();
    return AnyInput(input::Drain{viewOf(message.getInstanceId()), !message.getUndo()});
  }
};

// --- of the event loop and the store ---

template <>
struct EntryOf<input::Tick> {
  static constexpr auto kKind = Kind::TICK;
  static constexpr std::string_view kName = "tick";
  static void write(const input::Tick&, EntryBuilder to) { to.setTick(); }
  static Result<AnyInput> read(EntryReader, EntryReading&) { return AnyInput(input::Tick{}); }
};

template <>
struct EntryOf<input::Work> {
  static constexpr auto kKind = Kind::WORK;
  static constexpr std::string_view kName = "work";
  static void write(const input::Work&, EntryBuilder to) { to.setWork(); }
  static Result<AnyInput> read(EntryReader, EntryReading&) { return AnyInput(input::Work{}); }
};

template <>
struct EntryOf<input::StorePolled> {
  static constexpr auto kKind = Kind::STORE_POLLED;
  static constexpr std::string_view kName = "store-polled";
  static void write(const input::StorePolled&, EntryBuilder to) { to.setStorePolled(); }
  static Result<AnyInput> read(EntryReader, EntryReading&) {
    return AnyInput(input::StorePolled{});
  }
};

template <>
struct EntryOf<input::Committed> {
  static constexpr auto kKind = Kind::COMMITTED;
  static constexpr std::string_view kName = "committed";
  static void write(const input::Committed& from, EntryBuilder to) { to.setCommitted(from.upTo); }
  static Result<AnyInput> read(EntryReader from, EntryReading&) {
    return AnyInput(input::Committed{from.getCommitted()});
  }
};

template <>
struct EntryOf<input::Folded> {
  static constexpr auto kKind = Kind::FOLDED;
  static constexpr std::string_view kName = "folded";
  static void write(const input::Folded& from, EntryBuilder to) {
    holdfast::write(from.result, to.initFolded());
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    return AnyInput(input::Folded{with.keep(holdfast::read(from.getFolded()))});
  }
};

template <>
struct EntryOf<input::Health> {
  static constexpr auto kKind = Kind::HEALTH;
  static constexpr std::string_view kName = "health";
  static void write(const input::Health& from, EntryBuilder to) {
    auto message = to.initHealth();
    message.setWritable(from.health.writable);
    message.setReason(textOf(from.health.reason));
  }
  static Result<AnyInput> read(EntryReader from, EntryReading& with) {
    const auto message = from.getHealth();
    return AnyInput(input::Health{with.keep(StoreHealth{
        .writable = message.getWritable(), .reason = std::string(viewOf(message.getReason()))})});
  }
};

// --- all of them ---

namespace {

constexpr std::string_view kLogEntryNames[kLogEntryKinds] = {"file", "start", "end"};

template <typename... Input>
std::string_view nameOf(schema::CaptureEntry::Which kind, InputList<Input...>) {
  std::string_view name = "unknown";
  (void)((kind == EntryOf<Input>::kKind && (name = EntryOf<Input>::kName, true)) || ...);
  return name;
}

template <typename... Input>
Result<AnyInput> readAny(EntryReader from, EntryReading& with, InputList<Input...>) {
  std::optional<Result<AnyInput>> read;
  (void)((from.which() == EntryOf<Input>::kKind &&
          (read.emplace(EntryOf<Input>::read(from, with)), true)) ||
         ...);
  if (read) return std::move(*read);
  return notAnInput("an entry of an unknown kind: the log is of a newer version");
}

template <typename... Input>
constexpr uint64_t kindsOf(InputList<Input...>) {
  return ((uint64_t{1} << static_cast<unsigned>(EntryOf<Input>::kKind)) | ...);
}
// No two inputs are of one kind, and no kind is left out.
static_assert(kindsOf(AllInputs()) ==
              (uint64_t{1} << kEntryKinds) - (uint64_t{1} << kLogEntryKinds));

}  // namespace

std::string_view entryName(schema::CaptureEntry::Which kind) {
  const auto number = static_cast<size_t>(kind);
  return number < kLogEntryKinds ? kLogEntryNames[number] : nameOf(kind, AllInputs());
}

void write(const TakenInput& taken, schema::CaptureEntry::Builder to) {
  std::visit(
      [to]<typename Input>(const Taken<Input>& one) mutable {
        if constexpr (std::is_same_v<Input, input::Register>) {
          if (one.outcome.ok()) to.setSession(one.outcome.value().session);
        } else if constexpr (requires { one.input.session; }) {
          to.setSession(one.input.session);
        }
        EntryOf<Input>::write(one.input, to);
      },
      taken);
}

Result<AnyInput> EntryReading::read(schema::CaptureEntry::Reader from, SessionId session) {
  session_ = session;
  return readAny(from, *this, AllInputs());
}

}  // namespace holdfast
