// Asks the leader of the group whether it is well, before its log's silence has another one take
// its place.
#pragma once

#include <kj/async-io.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "client/security.h"
#include "core/result.h"
#include "core/views.h"
#include "peering/peer.h"

namespace holdfast::peering {

// On the loop's thread.
class LeaderQuestion {
 public:
  // What it is in its group, as it says; or why it said nothing in time.
  using Answer = std::function<void(const Result<ReplicaStatus>& replica)>;

  // References outlive it. `timeMs`: within which it must have answered.
  LeaderQuestion(kj::Network& network, kj::Timer& timer, ClientSecurity security, uint64_t timeMs,
                 Answer answer);

  // Answered once, not before it returns; one question at a time, a new one takes its place.
  void ask(const std::string& address);

 private:
  kj::Network& network_;
  kj::Timer& timer_;
  const ClientSecurity security_;
  const uint64_t timeMs_;
  const Answer answer_;
  std::unique_ptr<Peer> peer_;
  kj::Promise<void> asking_ = nullptr;  // before the peer that it is about
};

}  // namespace holdfast::peering
