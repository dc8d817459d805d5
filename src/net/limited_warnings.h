// Notices that a peer can cause as often as it likes: a few a minute, and how many more there were.
#pragma once

#include <kj/timer.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/notice.h"

namespace holdfast {

// On the loop's thread.
class LimitedWarnings {
 public:
  // Both outlive it.
  LimitedWarnings(NoticeSink& notices, const kj::Timer& timer) : notices_(notices), timer_(timer) {}

  // Told at once, or only counted if enough of its kind were told in this minute. One of the kinds
  // that are listed below.
  void say(const Notice& notice);
  // About once a second: what was only counted is told when its minute is over.
  void tick();

 private:
  static constexpr kj::Duration kInterval = 60 * kj::SECONDS;
  struct Lines {
    size_t kind;
    uint32_t max;  // in an interval
    uint32_t said = 0;
    uint64_t counted = 0;
    kj::TimePoint begun = kj::origin<kj::TimePoint>();  // where something was said
  };

  NoticeSink& notices_;
  const kj::Timer& timer_;
  std::array<Lines, 5> lines_{{{kNoticeKind<notice::AcceptFailed>, 1},
                               {kNoticeKind<notice::ConnectionsFull>, 1},
                               {kNoticeKind<notice::ConnectionClosed>, 10},
                               {kNoticeKind<notice::AccessRefused>, 10},
                               {kNoticeKind<notice::GatewayRefused>, 10}}};
};

}  // namespace holdfast
