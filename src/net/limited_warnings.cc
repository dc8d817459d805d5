#include "net/limited_warnings.h"

#include <algorithm>

#include "core/check.h"
#include "core/notice.h"

namespace holdfast {

void LimitedWarnings::say(const Notice& notice) {
  tick();
  const auto lines = std::find_if(lines_.begin(), lines_.end(),
                                  [&](const Lines& one) { return one.kind == notice.index(); });
  HOLDFAST_CHECK(lines != lines_.end(), "kind %zu has no limit", notice.index());
  if (lines->said == lines->max) {
    ++lines->counted;
    return;
  }
  if (lines->said++ == 0) lines->begun = timer_.now();
  notices_.notice(notice);
}

void LimitedWarnings::tick() {
  for (Lines& lines : lines_) {
    if (lines.said == 0 || timer_.now() - lines.begun < kInterval) continue;
    if (lines.counted != 0) {
      notices_.notice(notice::ConnectionNoticesLeftOut{lines.kind, lines.counted});
    }
    lines.said = 0;
    lines.counted = 0;
  }
}

}  // namespace holdfast
