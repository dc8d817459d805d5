// Loaded before the C library of a process (LD_PRELOAD): its wall clock and its writes are as
// MachineFaults says. The monotonic clock is the system's, and so are all times to wait.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/replicas/machine_faults.h"

namespace {

using holdfast::test::MachineFaults;

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Without the file there are none.
const MachineFaults& faults() {
  static const MachineFaults* const shared = []() -> const MachineFaults* {
    static const MachineFaults none{};
    const char* const path = getenv(holdfast::test::kFaultsFile);
    const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file == -1) return &none;
    void* const mapped = mmap(nullptr, sizeof(MachineFaults), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    return mapped == MAP_FAILED ? &none : static_cast<const MachineFaults*>(mapped);
  }();
  return *shared;
}

time_t stepSeconds() {
  return faults().clockStepSeconds.load(std::memory_order_relaxed);
}

bool isFull(int file) {
  if (faults().diskFull.load(std::memory_order_relaxed) == 0) return false;
  const char* const directory = getenv(holdfast::test::kFaultsDirectory);
  if (directory == nullptr) return false;
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, sizeof path);
  const size_t below = strlen(directory);
  return size > static_cast<ssize_t>(below) && memcmp(path, directory, below) == 0;
}

ssize_t noSpace() {
  errno = ENOSPC;
  return -1;
}

bool isWallClock(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

// Of a moment of the stepped wall clock: that of the system's. Others stay: no monotonic clock of a
// test's machine has run for 30 years.
timespec unstepped(const timespec& until) {
  constexpr time_t kWallClockFrom = 1'000'000'000;
  timespec moment = until;
  if (moment.tv_sec > kWallClockFrom) moment.tv_sec -= stepSeconds();
  return moment;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto real = next<int(clockid_t, timespec*)>("clock_gettime");
  const int result = real(clock, now);
  if (result == 0 && isWallClock(clock)) now->tv_sec += stepSeconds();
  return result;
}

int gettimeofday(timeval* __restrict now, void* __restrict zone) noexcept {
  static const auto real = next<int(timeval*, void*)>("gettimeofday");
  const int result = real(now, zone);
  if (result == 0) now->tv_sec += stepSeconds();
  return result;
}

time_t time(time_t* now) noexcept {
  timespec moment{};
  clock_gettime(CLOCK_REALTIME, &moment);
  if (now != nullptr) *now = moment.tv_sec;
  return moment.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t* __restrict condition, pthread_mutex_t* __restrict mutex,
                           const timespec* __restrict until) {
  using Wait = int(pthread_cond_t*, pthread_mutex_t*, const timespec*);
  static const auto real = next<Wait>("pthread_cond_timedwait");
  const timespec moment = unstepped(*until);
  return real(condition, mutex, &moment);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  using Wait = int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*);
  static const auto real = next<Wait>("pthread_cond_clockwait");
  const timespec moment = unstepped(*until);
  return real(condition, mutex, clock, &moment);
}

ssize_t write(int file, const void* bytes, size_t size) {
  static const auto real = next<ssize_t(int, const void*, size_t)>("write");
  return isFull(file) ? noSpace() : real(file, bytes, size);
}

ssize_t writev(int file, const iovec* parts, int count) {
  static const auto real = next<ssize_t(int, const iovec*, int)>("writev");
  return isFull(file) ? noSpace() : real(file, parts, count);
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) {
  static const auto real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return isFull(file) ? noSpace() : real(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t at) {
  return pwrite(file, bytes, size, at);
}

int fallocate(int file, int mode, off_t at, off_t size) {
  static const auto real = next<int(int, int, off_t, off_t)>("fallocate");
  return isFull(file) ? static_cast<int>(noSpace()) : real(file, mode, at, size);
}

int fallocate64(int file, int mode, off64_t at, off64_t size) {
  return fallocate(file, mode, at, size);
}

}  // extern "C"
