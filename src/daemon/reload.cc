#include "daemon/reload.h"

#include <signal.h>

#include "daemon/logging.h"

namespace holdfast {

void Reload::run() {
  for (const auto& [what, read] : parts_) {
    if (const auto refused = read()) {
      notices_.notice(notice::ReloadRefused{what, refused->message});
    } else {
      notices_.notice(notice::Reloaded{what});
    }
  }
}

kj::Promise<void> Reload::onHangUps(kj::UnixEventPort& port, ServiceManager& manager,
                                    const std::string& status) {
  return nextHangUp(port, manager, status).eagerlyEvaluate([this](kj::Exception&& e) {
    notices_.notice(notice::InternalError{e.getDescription().cStr()});
  });
}

kj::Promise<void> Reload::nextHangUp(kj::UnixEventPort& port, ServiceManager& manager,
                                     const std::string& status) {
  return port.onSignal(SIGHUP).then([this, &port, &manager, &status](siginfo_t&&) {
    manager.reloading();
    run();
    manager.ready(status);
    return nextHangUp(port, manager, status);
  });
}

std::optional<Error> reloadConfiguration(const Configuration& running, const ParseAgain& parse,
                                         NoticeSink& notices) {
  const ParsedConfiguration parsed = parse();
  if (!parsed.configuration) {
    return Error{ErrorCode::kInvalid, parsed.error.substr(0, parsed.error.find('\n'))};
  }
  const std::string waiting = differentOptions(running, *parsed.configuration, {"log-level"});
  if (!waiting.empty()) notices.notice(notice::RestartNeeded{waiting});
  return setLogLevel(parsed.configuration->logLevel, notices);
}

}  // namespace holdfast
