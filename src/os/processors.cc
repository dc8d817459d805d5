#include "os/processors.h"

#include <sched.h>

#include <cerrno>
#include <cstring>

namespace holdfast {
namespace {

// Written before there is a second thread, and read by all.
struct Reserved {
  bool any = false;
  cpu_set_t loop;
  cpu_set_t others;
};
Reserved reserved;

std::string namesOf(const cpu_set_t& processors) {
  std::string names;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &processors)) names += (names.empty() ? "" : ", ") + std::to_string(i);
  }
  return names;
}

}  // namespace

std::optional<std::string> reserveForLoop(uint32_t processor) {
  const std::string cannot =
      "--loop-cpu " + std::to_string(processor) + ": the loop cannot have that processor: ";
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cannot + std::strerror(errno);
  if (processor >= CPU_SETSIZE || !CPU_ISSET(processor, &allowed)) {
    return cannot + "this process may run on " + namesOf(allowed);
  }
  if (CPU_COUNT(&allowed) == 1) return cannot + "everything else of the process needs another one";
  CPU_ZERO(&reserved.loop);
  CPU_SET(processor, &reserved.loop);
  reserved.others = allowed;
  CPU_CLR(processor, &reserved.others);
  if (sched_setaffinity(0, sizeof reserved.others, &reserved.others) != 0) {
    return cannot + std::strerror(errno);
  }
  reserved.any = true;
  return std::nullopt;
}

void runAsLoop() {
  if (reserved.any) sched_setaffinity(0, sizeof reserved.loop, &reserved.loop);
}

void runBesideLoop() {
  if (reserved.any) sched_setaffinity(0, sizeof reserved.others, &reserved.others);
}

}  // namespace holdfast
