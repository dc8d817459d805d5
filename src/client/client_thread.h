// A thread with an event loop that serves clients: one engine process needs one, however many
// workers it has; a simulated fleet spreads hundreds of clients over a few.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/result.h"

namespace holdfast {

// What clients have to say to the log of their process, one line each. Called on the client's
// thread; must not block.
enum class ClientLogLevel : uint8_t { kInfo, kWarning, kError };
using ClientLog = std::function<void(ClientLogLevel level, const std::string& line)>;

// Blocks SIGPIPE on its own thread, and leaves what the process does about it as it is. A child
// that is forked from the process has a dead copy: its destructor and those of the clients on it
// return at once, and the sockets, which are the parent's, stay open until the child ends or calls
// exec.
class ClientThread {
 public:
  // An error where the system gives no thread or no file descriptor.
  static Result<std::unique_ptr<ClientThread>> create();
  // Ends the process instead.
  ClientThread();
  // Every Client and LookupClient on it must be gone, or the process is ended with a message.
  ~ClientThread();
  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;

  // The loop, for the library's own classes (event_loop.h).
  class Loop;
  Loop& loop() { return *loop_; }

 private:
  explicit ClientThread(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace holdfast
