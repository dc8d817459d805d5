// A callback that is called exactly once: with the answer, or with an error when whatever was to
// bring the answer is dropped.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "core/result.h"

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
      const std::lock_guard lock(state->mutex);
      state->answer = std::move(answer);
      state->given.notify_all();
    };
  }
  // Nothing if there was no answer in time.
  std::optional<Result<T>> wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(state_->mutex);
    state_->given.wait_for(lock, timeout, [&] { return state_->answer.has_value(); });
    return std::move(state_->answer);
  }
  Result<T> wait() {
    std::unique_lock lock(state_->mutex);
    state_->given.wait(lock, [&] { return state_->answer.has_value(); });
    return *std::move(state_->answer);
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable given;
    std::optional<Result<T>> answer;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace holdfast
