// Keeps a connection to a controller, of one or of several that may be the right one: connects,
// authenticates, and after a loss tries again, the next one first (controller_ring.h). On a client
// thread's loop only.
//
// A machine that vanished sends nothing, not even that it is gone: where peerTimeoutMs is not 0, a
// connection ends when what was sent on it is not acknowledged for so long, or when nothing was
// sent and the machine does not answer the system's own question; a second or two longer. That is
// about machines, not processes: one that is stopped has a system that goes on answering.
#pragma once

#include <capnp/rpc-twoparty.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "client/connection_error.h"
#include "client/controller_ring.h"
#include "client/event_loop.h"
#include "client/prepared_security.h"
#include "client/security.h"
#include "core/result.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class Connector {
 public:
  using Grants = schema::Bootstrap::AuthenticateResults::Reader;

  struct Options {
    std::string controllers;  // a valid list (controller_address.h)
    bool toLeader = false;    // passes over those that say that they do not lead their group
    ClientSecurity security;
    uint32_t backoffMinMs = 0;
    uint32_t backoffMaxMs = 0;
    // Connecting, authenticating and establish(): then it failed. Of several, the first two have 1
    // s (doubling each time that all were tried in vain, up to this).
    uint32_t callTimeoutMs = 0;
    std::optional<uint32_t> peerTimeoutMs;  // nothing: kPeerTimeoutMs with several, 0 with one
  };
  static constexpr uint32_t kPeerTimeoutMs = 1'000;

  class User {
   public:
    // Authenticated. What it returns is the last part of connecting; its failure is a failed
    // attempt. `grants` is valid during the call.
    virtual kj::Promise<void> establish(Grants grants) = 0;
    // The connection is gone or a failed attempt is given up. Everything that came with it,
    // promises and capabilities, is to be dropped now. Not called from within any of them.
    virtual void lost(const Error& error) = 0;

   protected:
    ~User() = default;
  };

  // `user` outlives it. Nothing is called back before start().
  Connector(ClientThread::Loop& loop, Options options, User& user);
  ~Connector();

  void start();
  // The connection is of no use any more: it will be lost(), and another one made, to the next of
  // several. kInvalid and kSuperseded end that for good, since whoever is asked would say the same;
  // any other but kUnavailable and kUnauthenticated is a refusal of this one controller, and the
  // end when all of them refuse (controller_ring.h): then the error has what each says. May be
  // called from within the connection's promises. Ignored if that is under way already.
  void fail(const Error& error);
  // No connection any more, and no further attempt.
  void stop(const Error& error);
  void limitBackoff(uint32_t ms) { ring_.limitBackoff(ms); }
  bool stopped() const { return stopped_; }
  // The address of the present attempt or connection, or of the last one.
  const std::string& controller() const { return ring_.current(); }
  bool several() const { return ring_.size() > 1; }
  // What an exception of the connection, or of a call on it, means.
  Error explain(const kj::Exception& exception) const {
    return toError(exception, controller(), step_);
  }

 private:
  struct Connection;
  using Authenticated = capnp::Response<schema::Bootstrap::AuthenticateResults>;

  void attempt();
  kj::Promise<void> connect();
  kj::Promise<kj::Own<kj::AsyncIoStream>> secure(kj::Own<kj::AsyncIoStream> socket);
  kj::Promise<Authenticated> authenticate(kj::Own<kj::AsyncIoStream> stream);
  // Why the controller is not the one to talk to.
  std::optional<Error> notLeading(Grants grants);
  kj::Promise<Authenticated> reach();
  void tune(kj::AsyncIoStream& stream) const;
  void giveUp(const Error& error);
  void drop(const Error& error);

  ClientThread::Loop& loop_;
  const Options options_;
  User& user_;
  std::mt19937_64 random_{std::random_device{}()};
  ControllerRing ring_;
  std::optional<std::string> sentOnTo_;  // of this attempt: it does not lead, and names who does
  ConnectionStep step_ = ConnectionStep::kResolving;  // of the present attempt or connection
  PreparedSecurity security_;                         // likewise
  bool failing_ = false;
  bool stopped_ = false;
  std::unique_ptr<Connection> connection_;
  kj::Promise<void> attempt_ = nullptr;
  kj::Promise<void> dropping_ = nullptr;  // and the wait before the next attempt
};

}  // namespace holdfast
