// The HTTP door of the daemon, from before its store is opened until the end.
#pragma once

#include <memory>
#include <optional>

#include "access/access_control.h"
#include "core/result.h"
#include "daemon/configuration.h"
#include "daemon/logging.h"
#include "http/probe_server.h"
#include "http/route.h"
#include "http/server.h"
#include "net/tls.h"
#include "serving/services.h"
#include "serving/watch_log.h"
#include "store/rocks_store.h"

namespace holdfast {

// On the loop's thread; references outlive it.
class HttpDoor {
 public:
  // Binds the addresses of --http and answers probes from now on there.
  static Result<std::unique_ptr<HttpDoor>> open(const Configuration& configuration,
                                                const ServerTls* tls, const AccessControl& access);
  ~HttpDoor();

  // How far the start is, for probes.
  void report(const StartProgress& progress);
  void report(const MigrationProgress& progress);
  // The start is over: everything is answered, on the loop, from what RPC answers from. The address
  // of --lmcache-http is bound only now: its scripts wait until they can connect, as they do for
  // LMCache's controller, and would take "recovering" for a failure. Why it cannot be bound.
  std::optional<Error> serve(const Configuration& configuration, Services& services,
                             WatchLog& watch, kj::UnixEventPort& port);
  // Open now.
  size_t connections() const { return server_ == nullptr ? 0 : server_->connections(); }
  // The process ends: nothing is answered any more.
  void stop();

 private:
  explicit HttpDoor(const ServerTls* tls) : tls_(tls) {}

  const ServerTls* const tls_;
  LoggedNotices startNotices_;                 // of the probes' thread
  std::unique_ptr<http::ProbeServer> probes_;  // null: there is no address, or the start is over
  SideThread bodies_;
  http::RouteTable routes_;
  http::RouteTable lmcacheRoutes_;  // of --lmcache-http
  std::unique_ptr<http::Server> server_;
};

}  // namespace holdfast
