// Logs to stderr, as text or as one JSON object a line.
#pragma once

#include <string>

#include "core/notice_sink.h"
#include "daemon/configuration.h"

namespace holdfast {

// Sets spdlog's default logger, which every other part of the daemon uses.
void setUpLogging(LogFormat format, const std::string& level);

// What core and rpc have to say.
class LoggedNotices final : public NoticeSink {
 public:
  void notice(Level level, const std::string& text) override;
};

}  // namespace holdfast
