// holdfastd in a process of its own, on a temporary directory, for rows that measure through RPC.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::bench {

// That all threads of a process have spent on a processor.
double processorSecondsOf(pid_t pid);

class DaemonProcess {
 public:
  // The binary beside this one. `more` are further arguments; without --http it has none.
  explicit DaemonProcess(std::vector<std::string> more = {});
  // Kills it and removes the directory.
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // Empty: it serves. Otherwise why it does not.
  std::string start();
  // What the last start has logged until now.
  std::string log() const;
  // Of its store.
  std::string dataDir() const { return directory_ / "data"; }
  // SIGTERM, and waits for the end; whether that was clean.
  bool stop();
  // SIGKILL.
  void kill();
  // That all its threads have spent on a processor since the last start.
  double processorSeconds() const { return processorSecondsOf(pid_); }
  // "unix:PATH", the same after a restart.
  std::string address() const { return "unix:" + (directory_ / "socket").string(); }
  // "127.0.0.1:PORT" of the last start.
  std::string tcpAddress() const;
  // The same of HTTP, for one with "--http 127.0.0.1:0" among its arguments.
  std::string httpAddress() const;

 private:
  std::string addressBehind(const std::string& words) const;

  std::filesystem::path directory_;
  std::vector<std::string> more_;
  pid_t pid_ = -1;
};

// Of "HOST:PORT".
inline uint16_t portOf(const std::string& address) {
  return static_cast<uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

}  // namespace holdfast::bench
