// The HTTP server: listeners, and what their connections share.
#pragma once

#include <kj/compat/http.h>

#include <list>
#include <string>
#include <vector>

#include "access/access_control.h"
#include "http/bounds.h"
#include "http/connection.h"
#include "http/route.h"
#include "net/accept_loop.h"
#include "net/acceptor.h"
#include "net/limited_warnings.h"
#include "net/listen_address.h"
#include "net/ready_stream.h"
#include "serving/audit.h"
#include "serving/services.h"

namespace holdfast::http {

// What the door stands on. References outlive the server.
struct Grounds {
  DoorSockets sockets;
  const AccessControl& access;
  Audit& audit;
  LimitedWarnings& warnings;
  ConnectionEnds& ends;
  AddressCounts& addresses;
  size_t& connections;    // open now, of both doors
  size_t connectionsMax;  // of both; this door takes half of them at most
  SideThread& bodies;
  GroupMember* group = nullptr;  // of the controller that serves; null: nobody serves yet
};
// Those of a controller that serves.
Grounds groundsOf(Services& services, kj::UnixEventPort& port, SideThread& bodies,
                  const ServerTls* tls = nullptr);

// The headers that the door knows besides those of HTTP itself.
struct HeaderNames {
  kj::HttpHeaderTable::Builder builder;
  const kj::HttpHeaderId authorization = builder.add("Authorization");
  const kj::HttpHeaderId expect = builder.add("Expect");
  const kj::HttpHeaderId lastEventId = builder.add("Last-Event-ID");
  const kj::HttpHeaderId allow = builder.add("Allow");
  const kj::HttpHeaderId authenticate = builder.add("WWW-Authenticate");
  const kj::HttpHeaderId retryAfter = builder.add("Retry-After");
  const kj::HttpHeaderId cacheControl = builder.add("Cache-Control");
  const kj::HttpHeaderId role = builder.add("Holdfast-Role");
  const kj::HttpHeaderId epoch = builder.add("Holdfast-Epoch");
  const kj::HttpHeaderId index = builder.add("Holdfast-Index");
  const kj::HttpHeaderId ageMs = builder.add("Holdfast-Age-Ms");
  const kj::Own<kj::HttpHeaderTable> table = builder.build();
};

// On the thread of its event loop.
class Server final : private kj::TaskSet::ErrorHandler, private kj::HttpServerErrorHandler {
 public:
  // `routes` outlives the server.
  Server(const RouteTable& routes, Grounds grounds, Bounds bounds = {});
  // Unlinks its Unix sockets.
  ~Server();

  // Takes the connections that come there, once the loop runs.
  void listen(ListeningSocket socket);
  // The same, with other routes for those that connect there; they outlive the server.
  void listen(ListeningSocket socket, const RouteTable& routes);
  // No new connections, no more requests; what is under way is dropped.
  void stop();
  // No new connections and requests; resolves when all that are there are over. Whoever connects
  // meanwhile waits for another process or thread that listens on the same socket.
  kj::Promise<void> drain();
  // Unix sockets stay when the server goes: somebody else listens on them.
  void keepSocketFiles() { keepsFiles_ = true; }
  size_t connections() const { return idle_.size() + busy_.size(); }

  // --- for its connections ---

  bool drains() const { return accepting_.get() == nullptr; }
  // Of a connection that came to a listener with the mark.
  const RouteTable& routesOf(uint32_t mark) const { return *routes_[mark]; }
  const Bounds& bounds() const { return bounds_; }
  Grounds& grounds() { return grounds_; }
  const HeaderNames& headers() const { return headers_; }
  // Of an answer of a controller in a group: who that is, and how old what it has may be.
  void sayReplica(kj::HttpHeaders& headers);
  kj::HttpServer& http() { return http_; }
  kj::TimePoint now() const { return grounds_.sockets.port.getTimer().now(); }
  void began(Connection& connection);
  void ended(Connection& connection);

 private:
  using Connections = std::list<Connection>;

  void accepted(AcceptedSocket socket);
  // Ends the connection that has been idle for longest. False if none is.
  bool makeRoom();
  // Whether there is room for it.
  bool admits(const AcceptedSocket& socket);
  void over(Connections::iterator connection);
  kj::Promise<void> checkOn();
  void taskFailed(kj::Exception&& exception) override;

  kj::Promise<void> handleClientProtocolError(kj::HttpHeaders::ProtocolError error,
                                              kj::HttpService::Response& response) override;
  kj::Promise<void> handleApplicationError(kj::Exception exception,
                                           kj::Maybe<kj::HttpService::Response&> response) override;
  kj::Promise<void> sendError(kj::HttpService::Response& response, const Reply& reply);

  std::vector<const RouteTable*> routes_;  // by the mark of a listener; its own is first
  Grounds grounds_;
  const Bounds bounds_;
  const HeaderNames headers_;
  kj::HttpServer http_;
  std::list<Acceptor> listeners_;
  AcceptLoop accepts_;
  Connections idle_;  // without a request; who has been so for longest is first
  Connections busy_;
  bool keepsFiles_ = false;
  kj::Own<kj::PromiseFulfiller<void>> emptied_;  // null: nobody waits for that
  // Checking, and waiting for the end of each connection; accepting. Destroyed first.
  kj::Own<kj::TaskSet> tasks_;
  kj::Own<kj::TaskSet> accepting_;
};

}  // namespace holdfast::http
