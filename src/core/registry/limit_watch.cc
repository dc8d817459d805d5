#include "core/registry/limit_watch.h"

#include "core/notice.h"

namespace holdfast {

void LimitWatch::check(const LimitUse& use) {
  if (use.used < use.max - use.max / 5) {
    near_.erase(use.limit);
    return;
  }
  if (use.used < use.max - use.max / 10 || !near_.insert(use.limit).second) return;
  notices_.notice(notice::LimitNear{use.limit, use.used, use.max});
}

}  // namespace holdfast
