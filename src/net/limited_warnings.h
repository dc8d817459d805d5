// Warnings that a peer can cause as often as it likes: a few lines a minute, and how many more
// there were.
#pragma once

#include <kj/timer.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/notice_sink.h"
#include "core/registry/registry_tree.h"

namespace holdfast {

// On the loop's thread.
class LimitedWarnings {
 public:
  enum class Kind { kAccept, kConnectionsMax, kClosed, kMessage };

  // Both outlive it.
  LimitedWarnings(NoticeSink& notices, const kj::Timer& timer) : notices_(notices), timer_(timer) {}

  // Said at once, or only counted if enough lines of its kind were said in this minute.
  void say(Kind kind, const std::string& text);
  // About once a second: what was only counted is told when its minute is over.
  void tick();

 private:
  static constexpr kj::Duration kInterval = 60 * kj::SECONDS;
  struct Lines {
    const char* what;  // "N more ... in the last minute"
    uint32_t max;      // in an interval
    uint32_t said = 0;
    uint64_t counted = 0;
    kj::TimePoint begun = kj::origin<kj::TimePoint>();  // where something was said
  };

  NoticeSink& notices_;
  const kj::Timer& timer_;
  std::array<Lines, 4> lines_{{{"connections could not be accepted", 1},
                               {"connections were refused or closed to make room", 1},
                               {"connections were closed for what they sent", 10},
                               {"messages of workers were malformed", 10}}};
};

}  // namespace holdfast
