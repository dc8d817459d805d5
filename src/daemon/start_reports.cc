#include "daemon/start_reports.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "notices/sentences.h"

namespace holdfast {
namespace {

bool askedToEnd() {
  sigset_t pending;
  sigemptyset(&pending);
  sigpending(&pending);
  return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

void endIfAsked(const char* during) {
  if (!askedToEnd()) return;
  spdlog::info("asked to end while {}", during);
  std::_Exit(static_cast<int>(ExitCode::kClean));
}

}  // namespace

StartReports::StartReports(LoggedNotices& notices, ServiceManager& manager)
    : notices_(notices), manager_(manager) {
  manager_.starting("opening the store");
}

void StartReports::recovering(const StartProgress& progress) const {
  endIfAsked("recovering");
  tell(notice::Recovering{progress.phase, progress.unit, progress.done,
                          progress.total > progress.done ? progress.total : 0,
                          static_cast<uint64_t>(progress.seconds),
                          static_cast<uint64_t>(progress.secondsRemaining)});
}

void StartReports::migrating(const MigrationProgress& progress) const {
  endIfAsked("migrating");
  constexpr uint64_t kMiB = 1 << 20;
  tell(notice::Migrating{progress.format, progress.step, progress.bytesDone / kMiB,
                         progress.bytesTotal / kMiB,
                         static_cast<uint64_t>(progress.secondsRemaining)});
}

void StartReports::joining(const peering::JoinProgress& progress) const {
  constexpr uint64_t kMiB = 1 << 20;
  tell(notice::Joining{progress.from, progress.bytesDone / kMiB, progress.bytesTotal / kMiB,
                       static_cast<uint64_t>(progress.bytesPerSecond) / kMiB,
                       static_cast<uint64_t>(progress.secondsRemaining)});
}

void StartReports::waiting(const std::string& what) const {
  manager_.starting("waiting for " + what);
}

void StartReports::tell(const Notice& notice) const {
  notices_.notice(notice);
  notices_.tick();
  manager_.starting(sentenceOf(notice));
}

}  // namespace holdfast
