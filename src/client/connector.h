// Keeps a connection to the controller: connects, authenticates, and after a loss tries again with
// exponential back-off and jitter. On a client thread's loop only.
#pragma once

#include <capnp/rpc-twoparty.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "client/connection_error.h"
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
    std::string controller;
    ClientSecurity security;
    uint32_t backoffMinMs = 0;
    uint32_t backoffMaxMs = 0;
    uint32_t callTimeoutMs = 0;  // connecting, authenticating and establish(): then it failed
  };

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
  // The connection is of no use any more: it will be lost(), and made anew where the error is
  // kUnavailable or kUnauthenticated, since a token may be let in at any time; any other will not
  // go away by trying again. May be called from within the
  // connection's promises. Ignored if that is under way already.
  void fail(const Error& error);
  // No connection any more, and no further attempt.
  void stop(const Error& error);
  void limitBackoff(uint32_t ms) { backoffLimitMs_ = ms; }
  bool stopped() const { return stopped_; }
  // What an exception of the connection, or of a call on it, means.
  Error explain(const kj::Exception& exception) const {
    return toError(exception, options_.controller, step_);
  }

 private:
  struct Connection;

  void attempt();
  kj::Promise<void> connect();
  kj::Promise<kj::Own<kj::AsyncIoStream>> secure(kj::Own<kj::AsyncIoStream> socket);
  kj::Promise<void> authenticate(kj::Own<kj::AsyncIoStream> stream);
  void giveUp(const Error& error);
  void drop(const Error& error);
  uint32_t nextBackoffMs();

  ClientThread::Loop& loop_;
  const Options options_;
  User& user_;
  uint32_t backoffMs_ = 0;  // of the next wait, before jitter; 0: the minimum
  uint32_t backoffLimitMs_ = ~uint32_t{0};
  std::mt19937_64 random_{std::random_device{}()};
  ConnectionStep step_ = ConnectionStep::kResolving;  // of the present attempt or connection
  PreparedSecurity security_;                         // likewise
  bool failing_ = false;
  bool stopped_ = false;
  std::unique_ptr<Connection> connection_;
  kj::Promise<void> attempt_ = nullptr;
  kj::Promise<void> dropping_ = nullptr;  // and the wait before the next attempt
};

}  // namespace holdfast
