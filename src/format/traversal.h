// How much of a stored message may be read: not much more than it has. In a damaged one pointers
// may lead to the same words again and again, and a list may claim any number of elements that take
// no room; reading more throws, which is damage.
#pragma once

#include <capnp/message.h>

#include <cstddef>
#include <cstdint>

namespace holdfast {

// For a message of so many words whose every pointer is followed once or a few times.
inline capnp::ReaderOptions readerOptionsFor(size_t words) {
  constexpr uint64_t kTimes = 8;
  constexpr uint64_t kWords = 64;  // of the smallest ones
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kTimes * words + kWords;
  return options;
}

}  // namespace holdfast
