#include "store/start_meter.h"

#include <thread>

#include "locks/flag.h"

namespace holdfast {
void runShowing(const std::function<void()>& work, const std::function<void()>& waiting) {
  Flag ended;
  std::thread worker([&] {
    work();
    ended.raise();
  });
  while (!ended.waitFor(kProgressInterval)) waiting();
  worker.join();
}

}  // namespace holdfast
