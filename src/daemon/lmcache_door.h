// The gateway for LMCache's workers, from before the store is opened until the end; of a controller
// of a group, from when it leads.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "daemon/configuration.h"
#include "gateways/lmcache/gateway.h"
#include "gateways/lmcache/sockets.h"
#include "gateways/zmq/socket_thread.h"
#include "serving/services.h"

namespace holdfast {

// On the loop's thread; references outlive it, and it outlives the controller, which keeps its
// links.
class LmcacheDoor {
 public:
  // Why it may not listen there; to be asked before the store is opened.
  static std::optional<Error> refused(const Configuration::Lmcache& options);
  // Binds its addresses, and logs them. Who connects waits until serve(): a worker gives up on its
  // registration after 30 s, for good. Of a group nothing is bound before serve(): whoever reaches
  // a follower would wait, and what it says be lost.
  static Result<std::unique_ptr<LmcacheDoor>> open(const Configuration& configuration,
                                                   gateways::SocketThread& thread);
  // Either serve() was never called, or stop() has resolved.
  ~LmcacheDoor();

  // The start is over, or it leads: everything is read, and answered. Addresses that cannot be
  // bound now, as the former leader on the same machine may be ending, or an address that follows
  // the leader be on its way, are tried again every second; that is logged once.
  void serve(Services& services, std::function<uint64_t()> random);
  // Every 100 ms.
  void tick();
  // The process ends: nothing is read any more.
  kj::Promise<void> stop();

 private:
  LmcacheDoor(const Configuration& configuration, gateways::SocketThread& thread);
  std::optional<Error> bind();
  void begin(Services& services, std::function<uint64_t()> random);
  kj::Promise<void> send(std::vector<lmcache::Answer> answers);

  const Configuration::Lmcache options_;
  const uint64_t fullSyncTimeoutMs_;
  gateways::SocketThread& thread_;
  std::string heartbeatUrl_;
  std::function<void()> serveAgain_;           // null: no address is waited for
  uint32_t ticks_ = 0;                         // since that failed last
  bool bindFailed_ = false;                    // which was logged
  std::unique_ptr<lmcache::Sockets> sockets_;  // the thread's; null: nothing is bound
  std::unique_ptr<lmcache::Orders> orders_;
  std::unique_ptr<lmcache::Gateway> gateway_;  // null before serve()
};

}  // namespace holdfast
