#include "daemon/start_wait.h"

#include <kj/async-unix.h>
#include <signal.h>
#include <spdlog/spdlog.h>

namespace holdfast {
namespace {

constexpr uint32_t kTriesPerLine = 30;

}  // namespace

StartWait::StartWait(kj::AsyncIoContext& io, const StartReports& reports, std::string what)
    : io_(io),
      reports_(reports),
      what_(std::move(what)),
      signal_(io.unixEventPort.onSignal(SIGTERM)
                  .exclusiveJoin(io.unixEventPort.onSignal(SIGINT))
                  .then([this](siginfo_t) {
                    ended_ = true;
                    spdlog::info("ended before {} was there", what_);
                  })
                  .fork()) {}

void StartWait::pause(const std::string& why) {
  if (why != said_ || tries_ % kTriesPerLine == 0) {
    said_ = why;
    tries_ = 0;
    spdlog::warn("{}; trying again every second, the start goes on when it is there", why);
  }
  ++tries_;
  reports_.waiting(what_);
  io_.lowLevelProvider->getTimer()
      .afterDelay(1 * kj::SECONDS)
      .exclusiveJoin(signal_.addBranch())
      .wait(io_.waitScope);
}

}  // namespace holdfast
