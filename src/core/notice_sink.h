// Where core says what people should know.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast {

// What people read in logs; core itself writes none.
class NoticeSink {
 public:
  enum class Level : uint8_t { kInfo, kWarning };
  virtual ~NoticeSink() = default;
  virtual void notice(Level level, const std::string& text) = 0;
};

}  // namespace holdfast
