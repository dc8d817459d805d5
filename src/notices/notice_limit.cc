#include "notices/notice_limit.h"

namespace holdfast {

bool NoticeLimit::take(const Notice& notice, uint64_t nowMs) {
  Kind& one = kinds_[notice.index()];
  if (one.told == kMax) {
    ++one.leftOut;
    return false;
  }
  if (one.told++ == 0) one.beganMs = nowMs;
  return true;
}

}  // namespace holdfast
