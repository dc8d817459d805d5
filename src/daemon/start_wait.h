// What a start waits for that is of other machines: tried every second, until it is there or a
// signal asks the process to end.
#pragma once

#include <kj/async-io.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "daemon/start_reports.h"

namespace holdfast {

// On the loop's thread, which does nothing else meanwhile. References outlive it.
class StartWait {
 public:
  // `what`: what it waits for, "the log of the group".
  StartWait(kj::AsyncIoContext& io, const StartReports& reports, std::string what);

  // The process was asked to end.
  bool ended() const { return ended_; }
  // Not there yet: waits until it is to be tried again. Says why, once for each reason and each
  // half minute, that nobody takes it for a hang.
  void pause(const std::string& why);
  // Nothing: the process was asked to end before, and the promise is dropped.
  template <typename T>
  std::optional<T> until(kj::Promise<T> promise) {
    using Value = kj::Own<std::optional<T>>;
    auto came = promise.then([](T&& value) { return kj::heap<std::optional<T>>(kj::mv(value)); });
    auto asked = signal_.addBranch().then([]() { return kj::heap<std::optional<T>>(); });
    Value value = came.exclusiveJoin(kj::mv(asked)).wait(io_.waitScope);
    return std::move(*value);
  }

 private:
  kj::AsyncIoContext& io_;
  const StartReports& reports_;
  const std::string what_;
  bool ended_ = false;
  kj::ForkedPromise<void> signal_;
  std::string said_;
  uint32_t tries_ = 0;
};

}  // namespace holdfast
