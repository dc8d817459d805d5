// What an exception of a connection or a call means, said for people: no words of KJ, Cap'n Proto
// or the resolver. Also for tools that have a connection of their own.
#pragma once

#include <kj/exception.h>

#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace holdfast {

// How far a connection had come when something went wrong with it.
enum class ConnectionStep : uint8_t {
  kResolving,   // the address is being looked up
  kConnecting,  // the system connects
  kSecuring,    // the TLS handshake is being made
  kGreeting,    // connected; nothing shows yet that the other end speaks the protocol
  kTalking,     // it has answered
};

// `controller` is the address, which the message names. What the controller says itself (errorOf()
// in wire/errors.h) is passed on as it is. Whatever else went wrong, the network above all, is
// kUnavailable: one sentence without a full stop.
Error toError(const kj::Exception& exception, std::string_view controller,
              ConnectionStep step = ConnectionStep::kTalking);

}  // namespace holdfast
