// The log, on stderr: a line of text or a JSON object for each thing that is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/notice.h"
#include "core/result.h"
#include "daemon/configuration.h"
#include "notices/notice_limit.h"
#include "store/rocks_store.h"

namespace holdfast {

// Sets spdlog's default logger, which tells what no notice does. `level` must be one.
void setUpLogging(LogFormat format, const std::string& level);

// "debug", "info", "warning" or "error", in force since.
std::string logLevel();
// kInvalid, with the nearest name, where it is none of these. Tells that it has changed.
std::optional<Error> setLogLevel(std::string_view level, NoticeSink& notices);

// A line of the store. From any thread.
void logFromStore(LogLevel level, const std::string& text);

// What there is to say of the controller's life, as lines of that log. On one thread at a time.
class LoggedNotices final : public NoticeSink {
 public:
  void notice(const Notice& notice) override;
  // About once a second: tells how many lines were left out.
  void tick();
  // The same at the end of the process.
  void finish();
  // Since the start of the process, whatever the level.
  const NoticeCounts& counts() const { return counts_; }

 private:
  NoticeCounts counts_;
  NoticeLimit limit_;
};

}  // namespace holdfast
