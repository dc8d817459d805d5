// A callback that is called exactly once: with the answer, or with an error when whatever was to
// bring the answer is dropped.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "core/result.h"
#include "locks/mutex.h"

namespace holdfast {

template <typename T>
class OneAnswer {
 public:
  explicit OneAnswer(std::function<void(Result<T>)> callback) : callback_(std::move(callback)) {}
  ~OneAnswer() { give(Error{ErrorCode::kUnavailable, "the connection to the controller is gone"}); }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  void give(Result<T> answer) {
    if (auto callback = std::exchange(callback_, nullptr)) callback(std::move(answer));
  }

 private:
  std::function<void(Result<T>)> callback_;
};

// For a thread that waits for such a callback.
template <typename T>
class AwaitedAnswer {
 public:
  // May outlive this object: an answer that nobody waits for any more is dropped.
  std::function<void(Result<T>)> callback() {
    return [state = state_](Result<T> answer) {
      const MutexLock lock(state->mutex);
      state->answer = std::move(answer);
      state->given.notifyAll();
    };
  }
  // Nothing if there was no answer in time.
  std::optional<Result<T>> wait(std::chrono::milliseconds timeout) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    const MutexLock lock(state_->mutex);
    while (!state_->answer && state_->given.waitUntil(state_->mutex, until)) {
    }
    return std::move(state_->answer);
  }
  Result<T> wait() {
    const MutexLock lock(state_->mutex);
    while (!state_->answer) state_->given.wait(state_->mutex);
    return *std::move(state_->answer);
  }

 private:
  struct State {
    Mutex mutex;
    Condition given;
    std::optional<Result<T>> answer HOLDFAST_GUARDED_BY(mutex);
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace holdfast
