#include "core/registry/limit_watch.h"

#include <string>

namespace holdfast {

void LimitWatch::check(const LimitUse& use) {
  if (use.used < use.max - use.max / 5) {
    near_.erase(use.name);
    return;
  }
  if (use.used < use.max - use.max / 10 || !near_.insert(use.name).second) return;
  notices_.notice(NoticeSink::Level::kWarning,
                  std::string(use.name) + ": " + std::to_string(use.used) + " of at most " +
                      std::to_string(use.max) + "; " + std::string(use.remedy));
}

}  // namespace holdfast
