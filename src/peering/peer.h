// A connection to another controller of the group, for as long as something is asked of it.
#pragma once

#include <kj/async-io.h>

#include <memory>
#include <string>

#include "client/connection_error.h"
#include "client/prepared_security.h"
#include "client/security.h"
#include "core/result.h"
#include "core/views.h"
#include "schema/controller.capnp.h"

namespace holdfast::peering {

// On the loop's thread.
class Peer {
 public:
  // `address` is a valid one. Both references outlive it.
  Peer(kj::Network& network, const ClientSecurity& security, std::string address);
  ~Peer() noexcept;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Connects and authenticates, once; whoever asks says how long that may take. It must outlive the
  // promise.
  kj::Promise<void> open();

  const std::string& address() const { return address_; }
  // What it is in its group, as it said when it was opened. Valid from then on, as is the next.
  const ReplicaStatus& replica() const { return replica_; }
  // kDenied where the token does not include any of it.
  Result<schema::Operator::Client> operators();
  // What an exception of open(), or of a call on it, means.
  Error explain(const kj::Exception& exception) const {
    return toError(exception, address_, step_);
  }

 private:
  struct Connection;

  kj::Promise<void> greet(kj::Own<kj::AsyncIoStream> stream);

  kj::Network& network_;
  const ClientSecurity& security_;
  const std::string address_;
  ConnectionStep step_ = ConnectionStep::kResolving;
  PreparedSecurity prepared_;
  ReplicaStatus replica_;
  std::unique_ptr<Connection> connection_;  // null: it is not open
};

}  // namespace holdfast::peering
