// A connection to a controller. Whatever fails is thrown as a sentence for people.
#pragma once

#include <kj/async-io.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "client/connection_error.h"
#include "client/rpc_connection.h"
#include "client/security.h"
#include "schema/controller.capnp.h"

namespace holdfast::reach {

// No controller answers there: what() says what, where and what to do.
class Unreachable : public std::runtime_error {
  using runtime_error::runtime_error;
};
// The controller answered with an error.
class Refused : public std::runtime_error {
  using runtime_error::runtime_error;
};
// The error is that an instance, worker, location or event that was named is not there.
class NotFound : public Refused {
  using Refused::Refused;
};

using Patience = std::chrono::milliseconds;
// Every controller that runs answers within this time, however busy it is.
inline constexpr Patience kUsualPatience{5'000};

class Connection {
 public:
  // `addresses`: a list that addressesIn() takes (addresses.h). Of several it is the first that
  // leads its group, or has none; where none does, the first that is there. Connected, and
  // recognised as a controller, within `patience` for each, of several within an equal share of it,
  // but at least a second. Throws Unreachable. `io` must outlive it.
  Connection(kj::AsyncIoContext& io, const std::string& addresses, const ClientSecurity& security,
             Patience patience);

  const std::string& address() const { return address_; }

  // Throw Refused where the token does not include any of it.
  schema::WorkerGateway::Client worker() {
    if (!granted_.hasWorker()) notGranted("what workers do");
    return granted_.getWorker();
  }
  schema::Orchestrator::Client orchestrator() {
    if (!granted_.hasOrchestrator()) notGranted("what routers do");
    return granted_.getOrchestrator();
  }
  schema::Operator::Client op() {
    if (!granted_.hasOperator()) notGranted("what operators do");
    return granted_.getOperator();
  }

  // Sends a request and waits for its answer. Throws Unreachable or Refused.
  template <typename Request>
  auto call(Request&& request, Patience patience) {
    return await(request.send(), patience);
  }
  template <typename T>
  T await(kj::Promise<T> promise, Patience patience) {
    bool late = false;
    try {
      return promise.exclusiveJoin(timeOut<T>(patience, late)).wait(io_.waitScope);
    } catch (const kj::Exception& e) {
      fail(e, late);
    }
  }

 private:
  template <typename T>
  kj::Promise<T> timeOut(Patience patience, bool& late) {
    return io_.provider->getTimer()
        .afterDelay(patience.count() * kj::MILLISECONDS)
        .then([&late]() -> kj::Promise<T> {
          late = true;
          return KJ_EXCEPTION(OVERLOADED, "no answer in time");
        });
  }
  void open(const std::string& address, const ClientSecurity& security, Patience patience);
  void close();
  bool leads() const;
  [[noreturn]] void notGranted(const char* what) const;
  [[noreturn]] void fail(const kj::Exception& e, bool late) const;

  std::string address_;
  kj::AsyncIoContext& io_;
  ConnectionStep step_ = ConnectionStep::kConnecting;
  kj::Own<RpcConnection> connection_;
  kj::Maybe<capnp::Response<schema::Bootstrap::AuthenticateResults>> answer_;
  schema::Bootstrap::AuthenticateResults::Reader granted_;
};

}  // namespace holdfast::reach
