// The way in of LMCache's workers, on the controller's loop: what the sockets hand on becomes
// inputs of the one controller, like what comes by any other door, and what is answered goes back.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateways/lmcache/answers.h"
#include "gateways/lmcache/fleet.h"
#include "gateways/lmcache/full_syncs.h"
#include "gateways/lmcache/inbound.h"
#include "gateways/lmcache/orders.h"
#include "gateways/lmcache/peer_lookup.h"
#include "gateways/waiting.h"
#include "serving/services.h"

namespace holdfast::lmcache {

class Gateway final : public kj::TaskSet::ErrorHandler {
 public:
  struct Options {
    Fleet::Options fleet;
    // "HOST:PORT" that workers are told to send heartbeats to; empty: none.
    std::string heartbeatUrl;
    uint64_t fullSyncTimeoutMs = 300'000;  // without a message of it
  };

  // References outlive it. `random` gives 64 random bits. `orders`: to workers; null: none are
  // carried out.
  Gateway(Services& services, const Options& options, std::function<uint64_t()> random,
          Orders* orders, Answers::Send send);

  // Resolves when all of it is taken, each message in its turn; what the store cannot take waits
  // for it. `batch` lives until then.
  kj::Promise<void> take(const std::vector<Inbound>& batch);
  // Connections were turned away, one of them from this address.
  void refused(uint64_t connections, const std::string& address);
  // Every 100 ms.
  void tick();
  // Nothing is taken or answered any more. Links stay, which the controller keeps.
  void stop();

 private:
  kj::Promise<void> takeFrom(const std::vector<Inbound>& batch, size_t at);
  // False: it cannot be taken now.
  bool handle(const Inbound& message);
  void malformed(const Inbound& message);
  void registered(const Inbound& message);
  void heartbeat(const Inbound& message);
  bool reported(const Inbound& message);
  kj::Promise<void> lookUpPeers(const Inbound& message);
  std::unique_ptr<WorkerOrders> ordersTo(const Fleet::Key& key, const std::string& ip,
                                         uint32_t port);
  void probe(const Fleet::Key& key, WorkerOrders& orders);
  void taskFailed(kj::Exception&& exception) override;

  Services& services_;
  const Options options_;
  Orders* const orders_;
  Measurements::Lmcache& counts_;
  std::unique_ptr<FullSyncs> syncs_;  // made behind the fleet, told by it
  Fleet fleet_;
  PeerLookup lookup_;
  Answers answers_;
  gateways::Waiting nextTick_;
  std::unique_ptr<kj::TaskSet> tasks_;
  bool stopped_ = false;
};

}  // namespace holdfast::lmcache
