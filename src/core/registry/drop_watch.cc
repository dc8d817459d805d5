#include "core/registry/drop_watch.h"

#include "core/notice.h"

namespace holdfast {

DropWatch::Drops DropWatch::dropsOf(const Counters& counters) {
  return {counters.reportsDropped, counters.reportsNotStated, counters.reportsOtherIncarnation};
}

void DropWatch::check(const Counters& counters, uint64_t nowMs) {
  const Drops now = dropsOf(counters);
  if (now.all == told_.all || nowMs < nextMs_) return;
  const uint64_t location = now.locationNotStated - told_.locationNotStated;
  const uint64_t incarnation = now.incarnationNotStated - told_.incarnationNotStated;
  notices_.notice(
      notice::ReportsDropped{location, incarnation, now.all - told_.all - location - incarnation});
  told_ = now;
  nextMs_ = nowMs + kIntervalMs;
}

void DropWatch::restart(const Counters& counters) {
  told_ = dropsOf(counters);
  nextMs_ = 0;
}

}  // namespace holdfast
