// A TLS stream that ends as a plain one does.
#pragma once

#include <kj/async-io.h>

namespace holdfast {

// `stream` is one of KJ's TLS. A peer that leaves without the words that end TLS (it was killed, or
// cut off) is the end of the stream and no error: whoever frames messages sees what is missing.
// `below`, if any, is the socket's stream, which outlives the result; its write end is shut down
// with that of TLS.
kj::Own<kj::AsyncIoStream> endingPlainly(kj::Own<kj::AsyncIoStream> stream,
                                         kj::AsyncIoStream* below = nullptr);

}  // namespace holdfast
