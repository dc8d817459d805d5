// Where a registry stands in the event stream of an engine.
#pragma once

#include <cstdint>

namespace holdfast {

// Of the last message whose operations are in the registry. Numbers of a stream begin anew with
// each process of the engine; the digest tells whether a message of that number is the same one.
struct SourcePosition {
  uint64_t seq = 0;
  uint64_t digest = 0;  // XXH3 of the message's payload, 64 bits, without a seed

  friend bool operator==(const SourcePosition&, const SourcePosition&) = default;
};

}  // namespace holdfast
