// What whoever runs the process as a service is told, in the protocol of sd_notify(3).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// Does nothing where there is no manager (no NOTIFY_SOCKET). Of one thread.
class ServiceManager {
 public:
  // As the environment says.
  ServiceManager();
  // A socket by its path; "@" begins the name of an abstract one. `watchdog`: how long the process
  // may say nothing; 0: for ever.
  ServiceManager(std::string socket, std::chrono::microseconds watchdog);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // It is starting, and this is what it does; it may take two minutes more before it says so again.
  void starting(std::string_view status);
  void ready(std::string_view status);
  // Reads its configuration anew, until ready() is called.
  void reloading();
  void stopping(std::string_view status);
  // The loop turns. Tells the watchdog when half of its time is over; to be called often.
  void alive();

 private:
  // `mayBeLost`: rather than that it blocks, which it does only where nobody reads.
  void tell(const std::string& state, bool mayBeLost);

  std::string socket_;
  int fd_ = -1;
  std::chrono::microseconds watchdog_{0};
  std::chrono::steady_clock::time_point toldAlive_;
};

}  // namespace holdfast
