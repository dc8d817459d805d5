#include "client/fork_mark.h"

#include <pthread.h>

namespace holdfast {
namespace {

void installOnce(void (*countFork)()) {
  [[maybe_unused]] static const int installed = pthread_atfork(nullptr, nullptr, countFork);
}

}  // namespace

void ForkMark::countFork() {
  forks_.fetch_add(1, std::memory_order_relaxed);
}

ForkMark::ForkMark() : mark_((installOnce(countFork), forks_.load(std::memory_order_relaxed))) {}

}  // namespace holdfast
