// Tells whether the process was forked since something was made. In the child the threads that
// served it are gone, a lock may be held for ever, and its sockets are the parent's: it is dead.
#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast {

class ForkMark {
 public:
  ForkMark();
  // Whether this process is a child that was forked since. Costs one load.
  bool forked() const { return mark_ != forks_.load(std::memory_order_relaxed); }

 private:
  static void countFork();

  static inline std::atomic<uint32_t> forks_ = 0;  // between the first process and this one
  const uint32_t mark_;
};

// What people are told who use something of the parent's.
inline constexpr char kForkedMessage[] =
    "this process was forked from the one that made the client: make a client thread and a client "
    "of its own here";

}  // namespace holdfast
