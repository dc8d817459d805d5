#include "tests/replicas/router.h"

#include <algorithm>

namespace holdfast::test {

Router::Router(ClientThread& thread, const std::string& controllers)
    : client_(thread, {.controller = controllers}), thread_([this] { ask(); }) {}

Router::~Router() {
  ending_ = true;
  thread_.join();
}

void Router::ask() {
  for (uint64_t prompt = 0; !ending_; ++prompt) {
    const auto asked = Clock::now();
    note(client_.lookup({splitmix64Finalise(prompt), splitmix64Finalise(prompt + 1)}), asked);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Router::note(const Result<LookupAnswer>& answer, Clock::time_point asked) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  tally_.longestMs =
      std::max(tally_.longestMs, std::chrono::duration<double, std::milli>(now - asked).count());
  if (!answer.ok()) {
    tally_.failures.push_back(answer.error().message);
    return;
  }
  ++tally_.answered;
  if (answer.value().role != "leader" || answer.value().epoch <= leader_.epoch) return;
  leader_ = {answer.value().epoch, now};
}

Router::Tally Router::tally() const {
  const std::lock_guard lock(mutex_);
  return tally_;
}

Router::Leader Router::leader() const {
  const std::lock_guard lock(mutex_);
  return leader_;
}

}  // namespace holdfast::test
