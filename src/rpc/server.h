// The Cap'n Proto server: listeners, connections, and the answers that wait for the store.
#pragma once

#include <kj/async-unix.h>

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/controller.h"
#include "core/notice_sink.h"
#include "core/result.h"
#include "net/accept_loop.h"
#include "net/acceptor.h"
#include "net/listen_address.h"
#include "net/ready_stream.h"
#include "rpc/connection.h"
#include "serving/services.h"

namespace holdfast {

// Lives on the thread of the event loop, as core and store do; all references outlive it.
class Server final : private kj::TaskSet::ErrorHandler {
 public:
  Server(const ServerOptions& options, ProcessFacts facts, Controller& controller,
         RegistryStore& store, NoticeSink& notices, AccessControl& access, LoopTurns& turns,
         kj::UnixEventPort& port);
  // Unlinks its Unix sockets. Workers whose connections are open are LOST, unless stop() was
  // called.
  ~Server();

  // Listens on one more address (listen_address.h). The names that clients use, or why not.
  // Connections are taken once the event loop runs.
  Result<std::vector<std::string>> listen(std::string_view address,
                                          const SocketAccess& unixSockets = {});

  // To be called after every RegistryStore::poll: lets the executor go on and answers whoever
  // waited for it.
  void storePolled();

  // Ten times a second; looks at a tenth of them, or at a few: ends connections that do not take
  // their answers, are dead, or have not authenticated in time.
  void checkConnections();

  // Reads the token file anew. Connections of tokens that are gone or changed end, and their
  // workers' sessions with them. One that cannot be read changes nothing. Says what came of it.
  std::optional<Error> reloadTokens();

  // This controller may lead its group no more: connections that have workers end, so that they
  // look for who does. Their workers do not count as LOST where the controller awaits them back
  // (Controller::cutOff). How many connections.
  uint64_t sendWorkersOn();

  // The process ends: no new connections, no more messages. What the workers reported stays, and
  // they do not count as LOST: they come back to the next process on this store.
  void stop();

  Services& services() { return services_; }

 private:
  using Connections = std::list<Connection>;

  void accepted(AcceptedSocket socket);
  void endIfLate(Connection& connection);
  // Ends the connection that has been silent for longest. False if none is.
  bool makeRoom();
  // Whether there is room for it.
  bool admits(const AcceptedSocket& socket);
  kj::Promise<void> serve(Connections::iterator connection, bool tcp);
  // Resolves when the connection may be destroyed.
  kj::Promise<void> turnToEnd(const Connection& connection);
  void ended(Connections::iterator connection);
  void taskFailed(kj::Exception&& exception) override;

  kj::UnixEventPort& port_;
  NoGroup alone_;  // where the facts name no group
  Services services_;
  const DoorSockets door_;
  Connections silent_;       // that have not said anything, oldest first
  Connections connections_;  // the others, by when they were last checked
  std::list<Acceptor> listeners_;
  AcceptLoop accepts_;
  // Accepting, and waiting for the end of each connection; null when stopped; destroyed first.
  kj::Own<kj::TaskSet> tasks_;
};

}  // namespace holdfast
