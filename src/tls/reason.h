// What went wrong with TLS, in words for people.
#pragma once

#include <kj/exception.h>

#include <string>

namespace holdfast {

// What an exception of KJ's TLS means, as a clause about the other end: "its certificate has
// expired". Empty: it is not about TLS.
std::string tlsReason(const kj::Exception& exception);

// Whether the other end left without the words that end a TLS stream: killed, or cut off.
bool isTlsCut(const kj::Exception& exception);

}  // namespace holdfast
