// A thread with an event loop that serves clients: one engine process needs one, however many
// workers it has; a simulated fleet spreads hundreds of clients over a few.
#pragma once

#include <functional>
#include <memory>

namespace holdfast {

class ClientThread {
 public:
  ClientThread();
  // Every Client and LookupClient on it must be gone.
  ~ClientThread();
  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;

  // The loop, for the library's own classes (event_loop.h).
  class Loop;
  Loop& loop() { return *loop_; }

 private:
  std::unique_ptr<Loop> loop_;
};

}  // namespace holdfast
