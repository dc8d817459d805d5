// A connection to a controller, one call at a time.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <stdexcept>
#include <string>

#include "schema/controller.capnp.h"

namespace holdfast::ctl {

// There is no controller to talk to; what() names the address and says what to do.
class Unreachable : public std::runtime_error {
  using runtime_error::runtime_error;
};
// The controller answered with an error.
class Refused : public std::runtime_error {
  using runtime_error::runtime_error;
};

class Controller {
 public:
  // "host:port", "[v6]:port" or "unix:PATH". Throws Unreachable.
  explicit Controller(const std::string& address);

  schema::Orchestrator::Client orchestrator() { return authenticated_.getOrchestrator(); }
  schema::Operator::Client op() { return authenticated_.getOperator(); }

  void pause(uint32_t ms);

  static constexpr kj::Duration kPatience = 10 * kj::SECONDS;

  // Sends a request and waits for its answer. Throws Unreachable or Refused.
  template <typename Request>
  auto call(Request&& request, kj::Duration patience = kPatience) {
    return await(request.send(), patience);
  }

 private:
  template <typename T>
  T await(kj::Promise<T> promise, kj::Duration patience = kPatience) {
    try {
      return io_.provider->getTimer().timeoutAfter(patience, kj::mv(promise)).wait(io_.waitScope);
    } catch (const kj::Exception& e) {
      fail(e);
    }
  }
  [[noreturn]] void fail(const kj::Exception& e) const;

  const std::string address_;
  kj::AsyncIoContext io_;
  kj::Own<kj::AsyncIoStream> stream_;
  kj::Own<capnp::TwoPartyVatNetwork> network_;
  kj::Own<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc_;
  schema::Bootstrap::AuthenticateResults::Pipeline authenticated_{nullptr};
  kj::Maybe<capnp::RemotePromise<schema::Bootstrap::AuthenticateResults>> authentication_;
};

}  // namespace holdfast::ctl
