// One client's connection: its transport, its RPC system and the sessions registered over it.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-unix.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "access/caller.h"
#include "core/messages.h"
#include "core/worker_link.h"
#include "net/acceptor.h"
#include "net/buffered_stream.h"
#include "net/connection_ends.h"
#include "net/door_limits.h"
#include "net/held_bytes.h"
#include "net/ready_stream.h"
#include "rpc/lookup_timer.h"
#include "schema/controller.capnp.h"
#include "serving/call_queue.h"
#include "serving/services.h"

namespace holdfast {

// Capabilities of the peer are called without waiting: what fails is dropped, since the connection
// that carries the call is then gone and the session with it.
class WorkerCapabilityLink;

class Connection;

// Calls go on after their connection has ended, as Cap'n Proto cancels none by itself. What they
// know of the connection is this: null when it is gone.
struct ConnectionHandle {
  ConnectionHandle(Connection* its, size_t& longCallBytes)
      : connection(its), lookups(longCallBytes), operations(longCallBytes) {}

  Connection* connection;
  std::optional<Caller> caller;  // what the last authenticate() granted; before it nothing is
  uint32_t authentications = 0;  // that were asked for
  CallQueue lookups;             // those that take several turns of the loop
  CallQueue operations;          // until they have begun
};

// Costs little until the peer says something, and with TLS proves to be able to: then begin() makes
// an RPC system for it.
class Connection {
 public:
  // The references outlive the connection. The socket counts in Services::addresses.
  Connection(Services& services, const DoorSockets& door, AcceptedSocket socket);
  // Every session still open here ends: its worker is LOST, unless abandon() was called.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Resolves when there is a stream: then call begin(). Or when there will be none: then refuse().
  kj::Promise<ReadyStream> ready() { return makeReady(stream_, isUnix_, door_); }
  void refuse(const ReadyStream& none) { noteEnd(none.end, none.why); }
  // `peer` is for logs. Resolves when the connection is over, for whatever reason but endSoon().
  kj::Promise<void> begin(ReadyStream ready, std::string peer);
  bool isSilent() const { return protocol_ == nullptr; }
  // Resolves after endSoon(). Once.
  kj::Promise<void> endAsked() { return kj::mv(ended_); }
  // Ends it from a later turn of the loop. `reason` is logged if it is not empty. Nothing more is
  // read of it.
  void endSoon(ConnectionEnd end, std::string reason);
  bool endsSoon() const { return endsSoon_; }
  // Ends it from a later turn of the loop if its peer does not read its answers, is silent since
  // the last of its workers was given up, or has none and has long been silent. What concerns one
  // worker ends its session only. Every second or so.
  void check();
  // The process ends: the workers are not LOST, they come back to its successor.
  void abandon() { sessions_.clear(); }

  // A link for a registration over this connection.
  std::unique_ptr<WorkerCapabilityLink> link(schema::Worker::Client worker);
  // The registration succeeded.
  void add(SessionId session, std::unique_ptr<WorkerCapabilityLink> link);
  // What it may do from now on, in place of what an earlier token granted: sessions of workers that
  // it may not have any more end.
  void grant(Caller caller);
  const std::optional<Caller>& caller() const { return handle_->caller; }
  // Since it was opened, or was last checked and had said something.
  uint64_t silentMs() const { return services_.registry.nowMs() - heardMs_; }
  // Whether it comes from the network and has been open for so long without a caller.
  bool isLate(kj::TimePoint now, kj::Duration limit) const {
    return trust_ == Trust::kNetwork && !handle_->caller && now - opened_ >= limit;
  }
  bool hasSessions() const { return !sessions_.empty(); }

  int socket() const { return socket_; }
  const std::string& peer() const { return peer_; }
  Trust trust() const { return trust_; }
  // Common name of the client's certificate; empty: it has none.
  const std::string& certificate() const { return certificate_; }
  // For RegistryTree::openedSince.
  SessionId newestSessionAtOpening() const { return newestSessionAtOpening_; }
  // What to tell people about the end; empty: the peer went away, which is its right.
  std::string endReason() const;
  ConnectionEnd end() const;

 private:
  // Sees every message of the connection: times look-ups, and remembers how it ended, which Cap'n
  // Proto's RPC system keeps to itself.
  class Messages;
  // All that a connection needs that says something.
  struct Protocol;

  // Whether a worker was given up here and none has a session in force.
  bool isDeserted() const;
  bool hasSessionInForce() const;
  // The first one counts.
  void noteEnd(ConnectionEnd end, std::string reason);
  void checkSilence(uint64_t silentMs);
  void holdsTooMuch(ConnectionEnd end, size_t bytes);

  Services& services_;
  const DoorSockets& door_;
  const std::shared_ptr<ConnectionHandle> handle_;
  const SessionId newestSessionAtOpening_;
  const int socket_;            // the stream's
  const kj::TimePoint opened_;  // of the loop's timer
  uint64_t heardMs_;            // steady clock; of the last check before which something came
  std::string peer_;
  const PeerAddress address_;
  const Trust trust_;
  const bool isUnix_;
  std::string certificate_;
  std::optional<ConnectionEnd> endedBy_;  // nothing: its peer's doing
  std::string ending_;                    // why; empty: nothing to tell
  bool endsSoon_ = false;
  kj::Own<kj::PromiseFulfiller<void>> end_;
  kj::Promise<void> ended_;
  const std::shared_ptr<HeldBytes::Share> share_;
  BufferedStream stream_;
  kj::Own<kj::AsyncIoStream> ready_;  // over stream_, or it itself; null before begin()
  std::map<SessionId, std::unique_ptr<WorkerCapabilityLink>> sessions_;
  kj::Own<Protocol> protocol_;  // null before begin()
};

// Core's way to a worker, over the Worker capability that came with the registration.
class WorkerCapabilityLink final : public WorkerLink {
 public:
  WorkerCapabilityLink(std::shared_ptr<ConnectionHandle> handle, Controller& controller,
                       ReadBudget& budget, schema::Worker::Client worker)
      : handle_(std::move(handle)),
        controller_(controller),
        budget_(budget),
        worker_(kj::mv(worker)) {}
  ~WorkerCapabilityLink() noexcept override = default;

  void pause(const std::string& reason) override;
  void resume() override;
  void superseded(const std::string& reason) override;
  void replay(const std::string& location, uint64_t incarnation, uint64_t from,
              uint64_t to) override;
  void startFullSync(const std::string& location, Reason reason, uint64_t continueSyncId) override;
  void operate(const WorkerOperation& operation) override;
  void closed(const std::string& reason) override;

  void setSession(SessionId session) { session_ = session; }
  // Whether the controller ended the session, and the worker has not registered again.
  bool isGivenUp() const { return givenUp_; }

 private:
  void deliver(uint64_t number, kj::Promise<std::unique_ptr<OperationOutcome>> outcome);

  const std::shared_ptr<ConnectionHandle> handle_;
  Controller& controller_;
  ReadBudget& budget_;
  SessionId session_ = kNoSession;
  bool givenUp_ = false;
  schema::Worker::Client worker_;
};

}  // namespace holdfast
