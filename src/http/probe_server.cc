#include "http/probe_server.h"

#include <fcntl.h>
#include <kj/async-io.h>
#include <unistd.h>

#include <future>
#include <thread>
#include <utility>

#include "http/server.h"
#include "locks/mutex.h"

namespace holdfast::http {
namespace {

// How long answers that are under way have when the thread ends.
constexpr kj::Duration kLastAnswers = 200 * kj::MILLISECONDS;
constexpr size_t kProbeConnectionsMax = 1'024;
constexpr size_t kProbeBytesMax = 1 << 20;

ListeningSocket copyOf(const ListeningSocket& socket) {
  return {kj::AutoCloseFd(fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0)), socket.name, socket.unixPath,
          socket.trust};
}

}  // namespace

struct ProbeServer::Impl {
  void serve();
  Readiness current() {
    const MutexLock lock(mutex);
    return readiness;
  }

  std::vector<ListeningSocket> sockets;
  std::string version;
  const ServerTls* tls;
  const AccessControl& access;
  NoticeSink& notices;
  Mutex mutex;
  Readiness readiness HOLDFAST_GUARDED_BY(mutex){.state = Readiness::State::kRecovering,
                                                 .done = std::nullopt,
                                                 .etaSeconds = std::nullopt,
                                                 .reason = {}};
  std::promise<kj::Own<kj::CrossThreadPromiseFulfiller<void>>> begun;
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> end;
  std::thread thread;
};

void ProbeServer::Impl::serve() {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::Timer& timer = io.lowLevelProvider->getTimer();
  LoopTurns turns(timer);
  ReadBudget budget(timer, turns);
  LimitedWarnings warnings(notices, timer);
  Audit audit(notices, warnings);
  HeldBytes held({.each = kProbeBytesMax, .all = kProbeBytesMax});
  AddressCounts addresses(kProbeConnectionsMax);
  ConnectionEnds ends;
  SideThread bodies;
  size_t connections = 0;
  RouteTable routes;
  addProbes(routes, version, [this]() { return current(); });
  routes.answerAllOthers([this]() { return notReady(current()); });
  Server server(routes, {.sockets = {.port = io.unixEventPort,
                                     .turns = turns,
                                     .budget = budget,
                                     .held = held,
                                     .tls = tls},
                         .access = access,
                         .audit = audit,
                         .warnings = warnings,
                         .ends = ends,
                         .addresses = addresses,
                         .connections = connections,
                         .connectionsMax = kProbeConnectionsMax,
                         .bodies = bodies});
  server.keepSocketFiles();
  for (const ListeningSocket& socket : sockets) server.listen(copyOf(socket));
  auto paf = kj::newPromiseAndCrossThreadFulfiller<void>();
  begun.set_value(kj::mv(paf.fulfiller));
  paf.promise.wait(io.waitScope);
  server.drain().exclusiveJoin(timer.afterDelay(kLastAnswers)).wait(io.waitScope);
  server.stop();
}

ProbeServer::ProbeServer(std::vector<ListeningSocket> sockets, std::string version,
                         const ServerTls* tls, const AccessControl& access, NoticeSink& notices)
    : impl_(new Impl{.sockets = std::move(sockets),
                     .version = std::move(version),
                     .tls = tls,
                     .access = access,
                     .notices = notices,
                     .mutex = {},
                     .begun = {},
                     .end = {},
                     .thread = {}}) {
  impl_->thread = std::thread([impl = impl_.get()]() { impl->serve(); });
  impl_->end = impl_->begun.get_future().get();
}

ProbeServer::~ProbeServer() {
  for (const ListeningSocket& socket : take()) {
    if (socket.isUnix()) unlink(socket.unixPath.c_str());
  }
}

void ProbeServer::report(Readiness readiness) {
  const MutexLock lock(impl_->mutex);
  impl_->readiness = std::move(readiness);
}

std::vector<ListeningSocket> ProbeServer::take() {
  if (impl_->thread.joinable()) {
    impl_->end->fulfill();
    impl_->thread.join();
  }
  return std::exchange(impl_->sockets, {});
}

}  // namespace holdfast::http
