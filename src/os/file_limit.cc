#include "os/file_limit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace holdfast {

void raiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void reserveFiles(uint64_t count) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const uint64_t last = std::min({count, uint64_t{limit.rlim_cur}, uint64_t{INT_MAX}});
  const int any = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (any < 0 || last == 0) return;
  // Refused where the limit leaves no room: then the table grows when it must.
  const int high = fcntl(any, F_DUPFD_CLOEXEC, static_cast<int>(last - 1));
  if (high >= 0) close(high);
  close(any);
}

}  // namespace holdfast
