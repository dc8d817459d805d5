// How much of a message of the interface is read.
#pragma once

#include <capnp/message.h>

#include "core/limits.h"

namespace holdfast {

// One of kMessageBytesMax, once.
inline capnp::ReaderOptions readerOptions() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMessageBytesMax / sizeof(capnp::word);
  return options;
}

}  // namespace holdfast
