// Memory made present before its first use. The chunk index runs on the loop, which must not wait
// for the kernel to clear a huge page; a caller with a spare thread can do it in advance.
#pragma once

#include <cstddef>

namespace holdfast {

class PageFaulter {
 public:
  virtual ~PageFaulter() = default;
  // [at, at + bytes) will be used soon: whole huge pages. Returns at once; touching the pages may
  // come later, or never. What the pages hold must not change.
  virtual void populate(char* at, size_t bytes) = 0;
  // Whether some of [at, at + bytes) was asked for and may not be here yet.
  virtual bool isComing(const char* at, size_t bytes) = 0;
  // [at, at + bytes) is about to be unmapped: returns when nothing in it will be touched again.
  virtual void forget(char* at, size_t bytes) = 0;
};

}  // namespace holdfast
