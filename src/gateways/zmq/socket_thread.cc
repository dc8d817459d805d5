#include "gateways/zmq/socket_thread.h"

#include <pthread.h>
#include <signal.h>

#include <future>
#include <thread>

#include "os/give_way.h"

namespace holdfast::gateways {

struct SocketThread::Impl {
  void serve();

  SocketLoop* loop = nullptr;
  kj::Own<const kj::Executor> executor;
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> end;
  std::promise<void> begun;
  std::thread thread;
};

void SocketThread::Impl::serve() {
  // Signals are the main thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "gateways");
  giveWay(kNiceOfGateways);  // so do the threads of ZeroMQ, which are started here
  kj::AsyncIoContext io = kj::setupAsyncIo();
  zmq::context_t context(1);
  context.set(zmq::ctxopt::max_sockets, 1 << 16);
  context.set(zmq::ctxopt::ipv6, 1);
  context.set(zmq::ctxopt::blocky, 0);
  SocketLoop own{io.unixEventPort, io.lowLevelProvider->getTimer(), context};
  loop = &own;
  executor = kj::getCurrentThreadExecutor().addRef();
  auto paf = kj::newPromiseAndCrossThreadFulfiller<void>();
  end = kj::mv(paf.fulfiller);
  begun.set_value();
  paf.promise.wait(io.waitScope);
}

SocketThread::SocketThread() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([impl = impl_.get()]() { impl->serve(); });
  impl_->begun.get_future().wait();
}

SocketThread::~SocketThread() {
  impl_->end->fulfill();
  impl_->thread.join();
}

SocketLoop& SocketThread::loop() {
  return *impl_->loop;
}
const kj::Executor& SocketThread::executor() const {
  return *impl_->executor;
}

}  // namespace holdfast::gateways
