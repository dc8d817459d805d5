// A store of a group of controllers: it says how far it has come in the group's log, and that
// stands in it together with what it covers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/registry_store.h"

namespace holdfast {

// Where a store stands in a log: at the end of a batch of writes, or within the next one.
struct LogPlace {
  std::string identity;   // of the log; at most kLogIdentityBytesMax
  uint64_t epoch = 0;     // of the log's rule, at the end of the last batch that is whole in here
  uint64_t index = 0;     // the same
  uint64_t sequence = 0;  // everything up to that record is in here, or counts for nothing
  uint32_t writes = 0;    // of the batch that follows: the first so many are in here too

  friend bool operator==(const LogPlace&, const LogPlace&) = default;
};
inline constexpr size_t kLogIdentityBytesMax = 256;

class PlacedStore : public RegistryStore {
 public:
  // What is queued from now on brings the store there: both are committed together, or neither is.
  virtual void reach(const LogPlace& place) = 0;
  // Where it stood when it was opened. Nothing: it followed no log, was written to by itself since,
  // or has lost something that a log has.
  virtual std::optional<LogPlace> place() const = 0;
};

}  // namespace holdfast
