// A thread with an event loop of its own, where the ZeroMQ sockets of gateways live: nothing that
// they do, decoding included, delays the controller's loop.
#pragma once

#include <kj/async-io.h>
#include <kj/async.h>

#include <memory>
#include <zmq.hpp>

namespace holdfast::gateways {

// What lives on the thread is made with this; valid until the thread ends.
struct SocketLoop {
  kj::UnixEventPort& port;
  kj::Timer& timer;
  zmq::context_t& context;
};

class SocketThread {
 public:
  // Begins the thread and waits until its loop turns.
  SocketThread();
  // Ends the thread and waits for it. Whatever was made there is destroyed there before, see
  // destroy(); a socket that is still open then is a broken invariant.
  ~SocketThread();
  SocketThread(const SocketThread&) = delete;
  SocketThread& operator=(const SocketThread&) = delete;

  // To be used only in functions that run on the thread.
  SocketLoop& loop();
  // Runs functions on the thread. From any thread; executeAsync only from one with a loop.
  const kj::Executor& executor() const;

  // Makes something on the thread, from another one, and waits for it. Not where that thread may
  // be waiting for the caller's.
  template <typename Thing, typename... Arguments>
  std::unique_ptr<Thing> make(Arguments&&... arguments) {
    return executor().executeSync(
        [&]() { return std::make_unique<Thing>(loop(), std::forward<Arguments>(arguments)...); });
  }
  template <typename Thing>
  void destroy(std::unique_ptr<Thing>& thing) {
    executor().executeSync([&]() { thing.reset(); });
  }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::gateways
