#include "net/limited_warnings.h"

namespace holdfast {

void LimitedWarnings::say(Kind kind, const std::string& text) {
  tick();
  Lines& lines = lines_[static_cast<size_t>(kind)];
  if (lines.said == lines.max) {
    ++lines.counted;
    return;
  }
  if (lines.said++ == 0) lines.begun = timer_.now();
  notices_.notice(NoticeSink::Level::kWarning, text);
}

void LimitedWarnings::tick() {
  for (Lines& lines : lines_) {
    if (lines.said == 0 || timer_.now() - lines.begun < kInterval) continue;
    if (lines.counted != 0) {
      notices_.notice(NoticeSink::Level::kWarning, std::to_string(lines.counted) + " more " +
                                                       lines.what + " in the last minute");
    }
    lines.said = 0;
    lines.counted = 0;
  }
}

}  // namespace holdfast
