// What SIGHUP reads anew.
#pragma once

#include <kj/async-unix.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/notice.h"
#include "core/result.h"
#include "daemon/configuration.h"
#include "os/service_manager.h"

namespace holdfast {

// On the loop's thread.
class Reload {
 public:
  // Keeps the reference.
  explicit Reload(NoticeSink& notices) : notices_(notices) {}

  // `what` names it in the log: "tokens". `read` returns why nothing of it has changed, where that
  // is so; it must not block for long.
  void add(std::string what, std::function<std::optional<Error>()> read) {
    parts_.emplace_back(std::move(what), std::move(read));
  }
  // Reads each, in order, and tells of each how that went. One that is refused keeps no other back.
  void run();

  // Runs whenever SIGHUP comes, which must be captured already, until the promise is dropped.
  // Everything outlives that. `status` is what the manager is told afterwards.
  kj::Promise<void> onHangUps(kj::UnixEventPort& port, ServiceManager& manager,
                              const std::string& status);

 private:
  kj::Promise<void> nextHangUp(kj::UnixEventPort& port, ServiceManager& manager,
                               const std::string& status);

  NoticeSink& notices_;
  std::vector<std::pair<std::string, std::function<std::optional<Error>()>>> parts_;
};

// Reads the configuration again, as at the start.
using ParseAgain = std::function<ParsedConfiguration()>;

// Of the configuration only the log level changes while the daemon runs; what else is not as in
// `running` is told.
std::optional<Error> reloadConfiguration(const Configuration& running, const ParseAgain& parse,
                                         NoticeSink& notices);

}  // namespace holdfast
