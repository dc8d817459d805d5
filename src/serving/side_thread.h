// A thread beside the loop, for what would hold it up: long bodies of requests, files.
#pragma once

#include <kj/async.h>

#include <functional>
#include <memory>

namespace holdfast {

// Does one thing after the other. The thread begins with the first.
class SideThread {
 public:
  SideThread();
  // What has not begun is not done any more.
  ~SideThread();
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

  // Runs `task` on the thread, unless the promise is dropped before. What it refers to must live
  // until it has returned, even if the promise is dropped then: it owns that. On the loop's thread.
  kj::Promise<void> run(std::function<void()> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast
