// A peer's questions that it has not finished with, and what each makes the controller keep: the
// call until it is answered, and then the answer, which the protocol keeps until the peer says that
// it needs it no more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/held_bytes.h"

namespace holdfast {

class OpenCalls {
 public:
  explicit OpenCalls(std::shared_ptr<HeldBytes::Share> share) : share_(std::move(share)) {}
  ~OpenCalls() { share_->release(bytes_); }
  OpenCalls(const OpenCalls&) = delete;
  OpenCalls& operator=(const OpenCalls&) = delete;

  // `bytes` of its message.
  void came(uint32_t question, size_t bytes) {
    ++unanswered_;
    hold(at(question), bytes + kCallCostBytes);
  }
  // A call that its peer has finished with may be answered all the same.
  void answered(uint32_t question, size_t bytes) {
    if (unanswered_ != 0) --unanswered_;
    if (size_t& held = at(question); held != 0) {
      hold(held, std::max(bytes, kAnswerKeptBytes));
    }
  }
  void finished(uint32_t question) {
    const size_t held = std::exchange(at(question), 0);
    bytes_ -= held;
    share_->release(held);
    if (question >= kDense) sparse_.erase(question);
  }
  bool hasUnanswered() const { return unanswered_ != 0; }

 private:
  // Libraries number their questions from 0 and use numbers again.
  static constexpr uint32_t kDense = 4'096;

  size_t& at(uint32_t question) {
    if (question >= kDense) return sparse_[question];
    if (question >= dense_.size()) dense_.resize(question + 1);
    return dense_[question];
  }
  void hold(size_t& held, size_t bytes) {
    held += bytes;
    bytes_ += bytes;
    share_->hold(bytes);
  }

  const std::shared_ptr<HeldBytes::Share> share_;
  std::vector<size_t> dense_;  // bytes by question; 0: it is not open
  std::unordered_map<uint32_t, size_t> sparse_;
  size_t bytes_ = 0;  // of all
  size_t unanswered_ = 0;
};

}  // namespace holdfast
