#include "rpc/connection.h"

#include <capnp/rpc.capnp.h>
#include <capnp/serialize-async.h>
#include <kj/time.h>

#include <algorithm>
#include <utility>

#include "core/ids.h"
#include "rpc/bootstrap.h"
#include "rpc/open_calls.h"
#include "wire/decoded.h"
#include "wire/errors.h"
#include "wire/operations.h"
#include "wire/reader_options.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// What an answer to an operation costs in terms of ReadBudget: more than its few bytes.
constexpr size_t kAnswerCostBytes = 1 << 10;
// Of a message of somebody who has not authenticated: a token and little more.
constexpr size_t kStrangersMessageBytesMax = 64 << 10;
// A peer that asks without reading the answers is cut off above this.
constexpr size_t kUnreadAnswersBytesMax = kMessageBytesMax;

// An answer that cannot be read is told from other errors.
std::unique_ptr<OperationOutcome> readOutcome(schema::WorkerOutcomeMsg::Reader from) {
  auto outcome = decoded<OperationOutcome>([&]() { return read(from); });
  if (outcome.ok()) return std::make_unique<OperationOutcome>(std::move(outcome.value()));
  return std::make_unique<OperationOutcome>(OperationOutcome{
      .errorCode = kHealthUnreadable, .error = "the worker's answer cannot be read"});
}

void swallow(kj::Promise<void> call) {
  call.detach([](kj::Exception&&) {});
}

}  // namespace

class Connection::Messages final : public capnp::MessageStream {
 public:
  // `stream` reads from `socket`, or is it itself.
  Messages(kj::AsyncIoStream& stream, BufferedStream& socket, LookupTimer& timer,
           std::shared_ptr<HeldBytes::Share> share, std::shared_ptr<ConnectionHandle> handle)
      : socket_(socket),
        timer_(timer),
        share_(share),
        handle_(std::move(handle)),
        open_(std::move(share)),
        inner_(stream) {}
  // Answers wait there.
  void setNetwork(capnp::TwoPartyVatNetwork& network) { network_ = &network; }

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fds, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratch) override {
    if (handle_->caller) return readMessage(fds, options, scratch);
    // What it said last may be its authentication: the next message may be large then.
    return allAnswered().then([this, fds, options, scratch]() mutable {
      if (!handle_->caller) {
        options.traversalLimitInWords = kStrangersMessageBytesMax / sizeof(capnp::word);
      }
      return readMessage(fds, options, scratch);
    });
  }
  kj::Promise<void> writeMessage(
      kj::ArrayPtr<const int> fds,
      kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override {
    writing(segments);
    return written(inner_.writeMessage(fds, segments));
  }
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override {
    for (const auto& segments : messages) writing(segments);
    return written(inner_.writeMessages(messages));
  }
  kj::Maybe<int> getSendBufferSize() override { return inner_.getSendBufferSize(); }
  kj::Promise<void> end() override { return inner_.end(); }

  bool peerLeft() const { return peerLeft_; }
  // Whether calls are not answered yet.
  bool isBusy() const { return open_.hasUnanswered(); }
  // Whether a message came since the last call.
  bool takeHeard() { return std::exchange(heard_, false); }
  // As a sentence; empty: none.
  const std::string& error() const { return error_; }

 private:
  // A message that is counted for as long as it exists: a call goes on when its peer has finished
  // with it.
  static constexpr size_t kLargeMessageBytes = 64 << 10;
  struct Held {
    Held(std::shared_ptr<HeldBytes::Share> of, size_t size) : share(std::move(of)), bytes(size) {
      share->hold(bytes);
    }
    ~Held() { share->release(bytes); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    const std::shared_ptr<HeldBytes::Share> share;
    const size_t bytes;
  };

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> readMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fds, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratch) {
    return inner_.tryReadMessage(fds, options, scratch)
        .then(
            [this](kj::Maybe<capnp::MessageReaderAndFds>&& message) {
              KJ_IF_MAYBE (came, message) {
                heard_ = true;
                cameIn(*came);
              } else {
                peerLeft_ = true;
              }
              return kj::mv(message);
            },
            [this](kj::Exception&& e) -> kj::Maybe<capnp::MessageReaderAndFds> {
              // A connection cut in the middle of a message is the network's doing, not the peer's.
              if (e.getType() == kj::Exception::Type::DISCONNECTED) {
                peerLeft_ = true;
              } else {
                error_ = std::string("malformed message: ") + e.getDescription().cStr();
                if (!handle_->caller && error_.find("too large") != std::string::npos) {
                  error_ = "it sent a message of more than 64 KiB before it authenticated";
                }
              }
              kj::throwFatalException(kj::mv(e));
            });
  }
  kj::Promise<void> allAnswered() {
    if (!open_.hasUnanswered()) return kj::READY_NOW;
    auto paf = kj::newPromiseAndFulfiller<void>();
    lastAnswer_ = kj::mv(paf.fulfiller);
    return kj::mv(paf.promise);
  }

  void cameIn(capnp::MessageReaderAndFds& came) {
    const size_t bytes = share_->completed(socket_.buffered().size());
    const bool large = bytes >= kLargeMessageBytes;
    if (large) came.reader = came.reader.attach(kj::heap<Held>(share_, bytes));
    const auto message = came.reader->getRoot<capnp::rpc::Message>();
    if (message.isCall()) {
      timer_.received(message.getCall(), socket_.lastByteNotBefore());
      open_.came(message.getCall().getQuestionId(), large ? 0 : bytes);
    } else if (message.isBootstrap()) {
      open_.came(message.getBootstrap().getQuestionId(), bytes);
    } else if (message.isFinish()) {
      open_.finished(message.getFinish().getQuestionId());
    } else if (message.isAbort()) {
      aborted(message.getAbort());
    }
    share_->setAnswers(network_->getCurrentQueueSize());
  }
  void writing(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
    if (!open_.hasUnanswered()) return;
    capnp::SegmentArrayMessageReader reader(segments);
    const auto message = reader.getRoot<capnp::rpc::Message>();
    if (!message.isReturn()) return;
    size_t words = 0;
    for (const auto& segment : segments) words += segment.size();
    open_.answered(message.getReturn().getAnswerId(), words * sizeof(capnp::word));
    timer_.writing(message.getReturn());
    if (lastAnswer_.get() != nullptr && !open_.hasUnanswered()) lastAnswer_->fulfill();
  }

  // A library's client says that it is about to leave with a message of the same kind as one that
  // does not like what it got.
  void aborted(capnp::rpc::Exception::Reader abort) {
    peerLeft_ = true;
    if (abort.getType() == capnp::rpc::Exception::Type::DISCONNECTED) return;
    error_ = "the peer gave up: " + quotedForPeople(viewOf(abort.getReason()));
  }
  // Whoever leaves may be noticed by a write before its end is read.
  kj::Promise<void> written(kj::Promise<void> write) {
    return write.catch_([this](kj::Exception&& e) {
      if (e.getType() == kj::Exception::Type::DISCONNECTED) peerLeft_ = true;
      kj::throwFatalException(kj::mv(e));
    });
  }

  BufferedStream& socket_;
  LookupTimer& timer_;
  const std::shared_ptr<HeldBytes::Share> share_;
  const std::shared_ptr<ConnectionHandle> handle_;
  capnp::TwoPartyVatNetwork* network_ = nullptr;
  OpenCalls open_;
  kj::Own<kj::PromiseFulfiller<void>> lastAnswer_;  // null: nobody waits for it
  capnp::AsyncIoMessageStream inner_;
  bool peerLeft_ = false;
  bool heard_ = false;
  std::string error_;
};

struct Connection::Protocol {
  Protocol(kj::AsyncIoStream& stream, BufferedStream& socket, Services& services,
           std::shared_ptr<HeldBytes::Share> share, std::shared_ptr<ConnectionHandle> handle)
      : lookupTimer(services.lookups, services.lookupWindow),
        messages(stream, socket, lookupTimer, std::move(share), handle),
        network(messages, capnp::rpc::twoparty::Side::SERVER, readerOptions()),
        rpc(capnp::makeRpcServer(network, newBootstrap(services, std::move(handle)))) {
    messages.setNetwork(network);
    // Nothing more is read while calls with as many bytes are unanswered.
    rpc.setFlowLimit(kMessageBytesMax / sizeof(capnp::word));
  }

  LookupTimer lookupTimer;
  Messages messages;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

Connection::Connection(Services& services, const DoorSockets& door, AcceptedSocket socket)
    : services_(services),
      door_(door),
      handle_(std::make_shared<ConnectionHandle>(this, services.longCallBytes)),
      newestSessionAtOpening_(services.registry.tree().newestSession()),
      socket_(socket.fd.get()),
      opened_(door.port.getTimer().now()),
      heardMs_(services.registry.nowMs()),
      address_(socket.address),
      trust_(socket.trust),
      isUnix_(socket.isUnix),
      ended_(nullptr),
      share_(std::make_shared<HeldBytes::Share>(
          services.held, [this](ConnectionEnd end, size_t bytes) { holdsTooMuch(end, bytes); })),
      stream_(kj::mv(socket.fd), socket.notBefore, door.port, door.turns, door.budget) {
  auto paf = kj::newPromiseAndFulfiller<void>();
  end_ = kj::mv(paf.fulfiller);
  ended_ = kj::mv(paf.promise);
  ++services_.connections;
}

Connection::~Connection() {
  handle_->connection = nullptr;
  share_->forgetOwner();
  services_.addresses.leave(address_);
  services_.ends.count(end());
  for (const auto& [session, link] : sessions_) {
    services_.controller.take(input::ConnectionClosed{session});
  }
  --services_.connections;
}

kj::Promise<void> Connection::begin(ReadyStream ready, std::string peer) {
  peer_ = std::move(peer);
  certificate_ = std::move(ready.certificate);
  ready_ = kj::mv(ready.stream);
  heardMs_ = services_.registry.nowMs();
  stream_.setShare(share_.get());
  share_->received(stream_.buffered().size());
  protocol_ = kj::heap<Protocol>(*ready_, stream_, services_, share_, handle_);
  stream_.onSending(
      [this]() { protocol_->lookupTimer.sending(kj::systemPreciseMonotonicClock().now()); });
  return protocol_->network.onDisconnect();
}

void Connection::check() {
  if (!isSilent()) {
    const size_t unread = protocol_->network.getCurrentQueueSize() + stream_.unsent();
    share_->setAnswers(unread);
    if (unread > kUnreadAnswersBytesMax) {
      return endSoon(ConnectionEnd::kUnread,
                     "it does not read its answers, " + std::to_string(unread) + " bytes wait");
    }
    if (protocol_->messages.takeHeard()) heardMs_ = services_.registry.nowMs();
  }
  checkSilence(silentMs());
}

void Connection::checkSilence(uint64_t silentMs) {
  if (!isSilent() && silentMs >= services_.options.heartbeatTimeoutMs && isDeserted()) {
    return endSoon(ConnectionEnd::kDeserted, "nothing received for " + std::to_string(silentMs) +
                                                 " ms, its workers are LOST");
  }
  // Who waits for an answer has a reason to be silent. That the others are closed is usual, and
  // they come back when they have something to ask.
  if (silentMs < kSilentConnectionMs || hasSessionInForce()) return;
  if (isSilent() || !protocol_->messages.isBusy()) endSoon(ConnectionEnd::kSilent, {});
}

bool Connection::hasSessionInForce() const {
  return std::any_of(sessions_.begin(), sessions_.end(), [this](const auto& one) {
    return services_.registry.tree().bySession(one.first) != nullptr;
  });
}

bool Connection::isDeserted() const {
  return !hasSessionInForce() &&
         std::any_of(sessions_.begin(), sessions_.end(),
                     [](const auto& one) { return one.second->isGivenUp(); });
}

void Connection::holdsTooMuch(ConnectionEnd end, size_t bytes) {
  endSoon(end, (end == ConnectionEnd::kHeldMost ? "all peers together hold too much, and it holds "
                                                  "most: "
                                                : "it holds too much: ") +
                   std::to_string(bytes) +
                   " bytes of messages that came in part, calls and answers "
                   "that it has not finished with");
}

void Connection::noteEnd(ConnectionEnd end, std::string reason) {
  if (endedBy_) return;
  endedBy_ = end;
  ending_ = std::move(reason);
}

void Connection::endSoon(ConnectionEnd end, std::string reason) {
  endsSoon_ = true;
  noteEnd(end, std::move(reason));
  stream_.stop();
  end_->fulfill();
}

std::string Connection::endReason() const {
  if (endedBy_ || isSilent()) return ending_;
  if (!protocol_->messages.error().empty()) return protocol_->messages.error();
  if (!protocol_->messages.peerLeft()) return "the peer broke the RPC protocol";
  return {};
}

ConnectionEnd Connection::end() const {
  if (endedBy_) return *endedBy_;
  if (isSilent() || endReason().empty()) return ConnectionEnd::kPeerLeft;
  return ConnectionEnd::kMalformed;
}

std::unique_ptr<WorkerCapabilityLink> Connection::link(schema::Worker::Client worker) {
  return std::make_unique<WorkerCapabilityLink>(handle_, services_.controller, services_.budget,
                                                kj::mv(worker));
}

void Connection::grant(Caller caller) {
  handle_->caller = std::move(caller);
  const Principal& principal = handle_->caller->principal;
  for (const auto& [session, link] : sessions_) {
    const Worker* worker = services_.registry.tree().bySession(session);
    if (worker == nullptr) continue;
    if (principal.may(Permission::kReport) && principal.mayBe(worker->record.instance)) continue;
    services_.controller.take(input::SessionFailed{
        session, "its connection authenticated anew, with a token that does not include it"});
  }
}

void Connection::add(SessionId session, std::unique_ptr<WorkerCapabilityLink> link) {
  // Ends of sessions are not reported one by one; core lets go of their links.
  std::erase_if(sessions_, [this](const auto& one) {
    return services_.registry.tree().bySession(one.first) == nullptr;
  });
  stream_.setBudgeted();
  link->setSession(session);
  sessions_.emplace(session, std::move(link));
}

void WorkerCapabilityLink::pause(const std::string& reason) {
  auto request = worker_.pauseRequest();
  request.setReason(textOf(reason));
  swallow(request.send().ignoreResult());
}

void WorkerCapabilityLink::resume() {
  swallow(worker_.resumeRequest().send().ignoreResult());
}

void WorkerCapabilityLink::superseded(const std::string& reason) {
  auto request = worker_.supersededRequest();
  request.setReason(textOf(reason));
  swallow(request.send().ignoreResult());
}

void WorkerCapabilityLink::replay(const std::string& location, uint64_t incarnation, uint64_t from,
                                  uint64_t to) {
  auto request = worker_.replayRequest();
  request.setLocation(textOf(location));
  request.setIncarnation(incarnation);
  request.setFromSeq(from);
  request.setToSeq(to);
  swallow(request.send().then([handle = handle_, &controller = controller_, session = session_,
                               location, incarnation](auto&& answer) {
    if (handle->connection == nullptr || answer.getAccepted()) return;
    controller.take(input::ReplayRefused{session, location, incarnation});
  }));
}

void WorkerCapabilityLink::startFullSync(const std::string& location, Reason reason,
                                         uint64_t continueSyncId) {
  auto request = worker_.startFullSyncRequest();
  request.setLocation(textOf(location));
  request.setReason(textOf(reasonName(reason)));
  request.setContinueSyncId(continueSyncId);
  swallow(request.send().ignoreResult());
}

void WorkerCapabilityLink::operate(const WorkerOperation& operation) {
  if (operation.ask == WorkerOperation::Ask::kBegin) {
    auto request = worker_.operateRequest();
    write(operation, request.initOperation());
    return deliver(operation.number, request.send().then([](auto&& answer) {
      return readOutcome(answer.getOutcome());
    }));
  }
  auto request = worker_.checkFinishRequest();
  request.setWorkerEventId(operation.number);
  request.setWait(operation.ask == WorkerOperation::Ask::kAwait);
  deliver(operation.number,
          request.send().then([](auto&& answer) { return readOutcome(answer.getOutcome()); }));
}

void WorkerCapabilityLink::deliver(uint64_t number,
                                   kj::Promise<std::unique_ptr<OperationOutcome>> outcome) {
  struct Way {
    std::shared_ptr<ConnectionHandle> handle;
    Controller& controller;
    ReadBudget& budget;
    SessionId session;
    uint64_t number;
    void take(const OperationOutcome& arrived) const {
      budget.spent(kAnswerCostBytes);
      if (handle->connection == nullptr) return;
      controller.take(input::Answered{session, number, arrived});
    }
  };
  const Way way{handle_, controller_, budget_, session_, number};
  // Outcomes go behind a pointer: g++ 12 takes those inside kj::Maybe for uninitialised.
  swallow(outcome.then([way](std::unique_ptr<OperationOutcome>&& arrived) { way.take(*arrived); },
                       [way](kj::Exception&& e) {
                         // With the connection the session ends, which says all.
                         if (e.getType() != kj::Exception::Type::DISCONNECTED)
                           way.take(outcomeOf(e));
                       }));
}

// Whoever shares the connection goes on.
void WorkerCapabilityLink::closed(const std::string&) {
  givenUp_ = true;
  resume();
}

}  // namespace holdfast
