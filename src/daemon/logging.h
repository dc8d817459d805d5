// Logs to stderr, as text or as one JSON object a line.
#pragma once

#include <string>

#include "core/event_sink.h"
#include "daemon/configuration.h"

namespace holdfast {

// Sets spdlog's default logger, which every other part of the daemon uses.
void setUpLogging(LogFormat format, const std::string& level);

// What core and rpc have to say.
class LoggedEvents final : public EventSink {
 public:
  void event(Level level, const std::string& text) override;
};

}  // namespace holdfast
