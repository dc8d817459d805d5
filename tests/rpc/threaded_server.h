// A real controller on a thread of its own, for clients as programs have them. Its place in a group
// is what the test says.
#pragma once

#include <kj/async-io.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/replica_view.h"
#include "tests/support/memory_store.h"

namespace holdfast::test {

class ThreadedServer {
 public:
  // `disk`: what its store has. It begins as `view`.
  explicit ThreadedServer(const ReplicaView& view, MemoryStore::Disk disk = {},
                          const std::string& address = "127.0.0.1:0");
  // As a kill, if it was not.
  ~ThreadedServer();
  ThreadedServer(const ThreadedServer&) = delete;
  ThreadedServer& operator=(const ThreadedServer&) = delete;

  const std::string& address() const { return address_; }
  void become(const ReplicaView& view);
  // It leads, and its log hears it no more.
  void cutOff();
  // Nothing is committed, and so confirmed, any more: what comes is applied and waits.
  void stopCommitting();
  uint64_t operationsTaken();
  // The process dies: what is on its disk.
  MemoryStore::Disk kill();

 private:
  struct Inside;
  void onLoop(const std::function<void(Inside&)>& task);

  std::string address_;
  std::thread thread_;
  const kj::Executor* executor_ = nullptr;
  Inside* inside_ = nullptr;  // of the thread; null: it has ended
  MemoryStore::Disk left_;
};

}  // namespace holdfast::test
