// Store time (see core/clock.h): a line of time that belongs to a store. It goes on as the
// machine's time since its boot does, also while nobody has the store open. Over a boot of the
// machine, or on another one, only the wall clock says how long that was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "format/registry_records.h"

namespace holdfast {

// More than this is not believed of a wall clock, in milliseconds: 30 days.
inline constexpr uint64_t kAwayMsMax = uint64_t{30} * 24 * 3'600'000;

// The store time that follows from the newest record and the system's clocks now (whose storeMs is
// not looked at). A store without a record begins at the wall clock's time. Never before `last`.
uint64_t storeTimeAt(const std::optional<TimeRecord>& last, const TimeRecord& now);

class StoreClock {
 public:
  // Once, before the other calls, which may then come from any thread.
  void begin(const std::optional<TimeRecord>& last);
  uint64_t nowMs() const;
  // To be kept in the store.
  TimeRecord record() const;

 private:
  std::string boot_;
  uint64_t beforeBootMs_ = 0;  // store time when the machine was booted, modulo 2^64
};

}  // namespace holdfast
