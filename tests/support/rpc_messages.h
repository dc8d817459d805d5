// The first messages of a Cap'n Proto client, as bytes: for peers that send what no library would.
#pragma once

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>

#include <cstdint>
#include <string>

#include "schema/controller.capnp.h"

namespace holdfast::test {

inline std::string bytesOf(capnp::MessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asChars();
  return {bytes.begin(), bytes.size()};
}

// Question 0.
inline std::string bootstrapMessage() {
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(0);
  return bytesOf(message);
}

// Without a token, to what question 0 gives.
inline std::string authenticateMessage(uint32_t question) {
  capnp::MallocMessageBuilder message;
  auto call = message.initRoot<capnp::rpc::Message>().initCall();
  call.setQuestionId(question);
  call.initTarget().initPromisedAnswer().setQuestionId(0);
  call.setInterfaceId(capnp::typeId<schema::Bootstrap>());
  call.setMethodId(0);
  call.initParams().getContent().initAs<schema::Bootstrap::AuthenticateParams>();
  return bytesOf(message);
}

}  // namespace holdfast::test
