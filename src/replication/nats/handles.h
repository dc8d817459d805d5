// libnats' objects with owners, and its errors as sentences. For the files of this folder.
#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>

namespace holdfast::replication::nats {

template <auto Destroy>
struct Destroys {
  template <typename T>
  void operator()(T* object) const {
    Destroy(object);
  }
};

using Options = std::unique_ptr<natsOptions, Destroys<natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, Destroys<natsConnection_Destroy>>;
using JetStream = std::unique_ptr<jsCtx, Destroys<jsCtx_Destroy>>;
using Message = std::unique_ptr<natsMsg, Destroys<natsMsg_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroys<natsSubscription_Destroy>>;
using StreamInfo = std::unique_ptr<jsStreamInfo, Destroys<jsStreamInfo_Destroy>>;

// "Timeout", with what the library says of the last failure of this thread behind it.
std::string reason(natsStatus status);

}  // namespace holdfast::replication::nats
