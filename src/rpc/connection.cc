#include "rpc/connection.h"

#include <capnp/rpc.capnp.h>
#include <capnp/serialize-async.h>
#include <kj/time.h>

#include <utility>

#include "core/ids.h"
#include "rpc/bootstrap.h"
#include "wire/decoded.h"
#include "wire/errors.h"
#include "wire/operations.h"
#include "wire/text.h"

namespace holdfast {
namespace {

capnp::ReaderOptions readerOptions() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMessageBytesMax / sizeof(capnp::word);
  return options;
}

// What an answer to an operation costs in terms of ReadBudget: more than its few bytes.
constexpr size_t kAnswerCostBytes = 1 << 10;
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
  Messages(BufferedStream& stream, LookupTimer& timer)
      : stream_(stream), timer_(timer), inner_(stream) {}

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fds, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratch) override {
    return inner_.tryReadMessage(fds, options, scratch)
        .then(
            [this](kj::Maybe<capnp::MessageReaderAndFds>&& message) {
              KJ_IF_MAYBE (came, message) {
                heard_ = true;
                timer_.received(*came->reader, stream_.lastByteNotBefore());
                lookForAbort(*came->reader);
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
              }
              kj::throwFatalException(kj::mv(e));
            });
  }
  kj::Promise<void> writeMessage(
      kj::ArrayPtr<const int> fds,
      kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override {
    timer_.writing(segments);
    return written(inner_.writeMessage(fds, segments));
  }
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override {
    for (const auto& segments : messages) timer_.writing(segments);
    return written(inner_.writeMessages(messages));
  }
  kj::Maybe<int> getSendBufferSize() override { return inner_.getSendBufferSize(); }
  kj::Promise<void> end() override { return inner_.end(); }

  bool peerLeft() const { return peerLeft_; }
  // Whether a message came since the last call.
  bool takeHeard() { return std::exchange(heard_, false); }
  // As a sentence; empty: none.
  const std::string& error() const { return error_; }

 private:
  // A library's client says that it is about to leave with a message of the same kind as one that
  // does not like what it got.
  void lookForAbort(capnp::MessageReader& message) {
    const auto root = message.getRoot<capnp::rpc::Message>();
    if (!root.isAbort()) return;
    peerLeft_ = true;
    if (root.getAbort().getType() == capnp::rpc::Exception::Type::DISCONNECTED) return;
    error_ = "the peer gave up: " + quotedForPeople(viewOf(root.getAbort().getReason()));
  }
  // Whoever leaves may be noticed by a write before its end is read.
  kj::Promise<void> written(kj::Promise<void> write) {
    return write.catch_([this](kj::Exception&& e) {
      if (e.getType() == kj::Exception::Type::DISCONNECTED) peerLeft_ = true;
      kj::throwFatalException(kj::mv(e));
    });
  }

  BufferedStream& stream_;
  LookupTimer& timer_;
  capnp::AsyncIoMessageStream inner_;
  bool peerLeft_ = false;
  bool heard_ = false;
  std::string error_;
};

struct Connection::Protocol {
  Protocol(BufferedStream& stream, Services& services, std::shared_ptr<ConnectionHandle> handle)
      : lookupTimer(services.lookups, services.lookupWindow),
        messages(stream, lookupTimer),
        network(messages, capnp::rpc::twoparty::Side::SERVER, readerOptions()),
        rpc(capnp::makeRpcServer(network, newBootstrap(services, std::move(handle)))) {
    // Nothing more is read while calls with as many bytes are unanswered.
    rpc.setFlowLimit(kMessageBytesMax / sizeof(capnp::word));
  }

  LookupTimer lookupTimer;
  Messages messages;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

Connection::Connection(Services& services, kj::UnixEventPort& port, AcceptedSocket socket)
    : services_(services),
      handle_(std::make_shared<ConnectionHandle>(this, services.longCallBytes)),
      newestSessionAtOpening_(services.registry.tree().newestSession()),
      socket_(socket.fd.get()),
      trust_(socket.trust),
      opened_(port.getTimer().now()),
      heardMs_(services.registry.nowMs()),
      ended_(nullptr),
      stream_(kj::mv(socket.fd), socket.notBefore, port, services.turns, services.budget) {
  auto paf = kj::newPromiseAndFulfiller<void>();
  end_ = kj::mv(paf.fulfiller);
  ended_ = kj::mv(paf.promise);
  ++services_.connections;
}

Connection::~Connection() {
  handle_->connection = nullptr;
  for (const auto& [session, link] : sessions_) {
    services_.controller.take(input::ConnectionClosed{session});
  }
  --services_.connections;
}

kj::Promise<void> Connection::begin(std::string peer) {
  peer_ = std::move(peer);
  protocol_ = kj::heap<Protocol>(stream_, services_, handle_);
  stream_.onSending(
      [this]() { protocol_->lookupTimer.sending(kj::systemPreciseMonotonicClock().now()); });
  return protocol_->network.onDisconnect();
}

void Connection::check() {
  if (isSilent()) return;
  const size_t unread = protocol_->network.getCurrentQueueSize();
  if (unread > kUnreadAnswersBytesMax) {
    return endSoon("it does not read its answers, " + std::to_string(unread) + " bytes wait");
  }
  const uint64_t now = services_.registry.nowMs();
  if (protocol_->messages.takeHeard()) heardMs_ = now;
  const uint64_t silentMs = now - heardMs_;
  if (silentMs >= services_.options.heartbeatTimeoutMs && isDeserted()) {
    endSoon("nothing received for " + std::to_string(silentMs) + " ms, its workers are LOST");
  }
}

bool Connection::isDeserted() const {
  bool givenUp = false;
  for (const auto& [session, link] : sessions_) {
    if (services_.registry.tree().bySession(session) != nullptr) return false;
    givenUp |= link->isGivenUp();
  }
  return givenUp;
}

void Connection::endSoon(std::string reason) {
  if (!std::exchange(endsSoon_, true)) ending_ = std::move(reason);
  end_->fulfill();
}

std::string Connection::endReason() const {
  if (!ending_.empty() || isSilent()) return ending_;
  if (!protocol_->messages.error().empty()) return protocol_->messages.error();
  if (!protocol_->messages.peerLeft()) return "the peer broke the RPC protocol";
  return {};
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
