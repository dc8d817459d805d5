// Logs to stderr, as text or as one JSON object a line.
#pragma once

#include <string>

#include "core/notice.h"
#include "daemon/configuration.h"

namespace holdfast {

// Sets spdlog's default logger, which every other part of the daemon uses.
void setUpLogging(LogFormat format, const std::string& level);

// What there is to say of the registry's life, as lines of that log.
class LoggedNotices final : public NoticeSink {
 public:
  void notice(const Notice& notice) override;
  // Since the start of the process.
  const NoticeCounts& counts() const { return counts_; }

 private:
  NoticeCounts counts_;
};

}  // namespace holdfast
