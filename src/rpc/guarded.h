// An interface whose every call is checked against what its connection's token grants, and against
// what a controller that does not lead its group may do; calls that are for operators alone are
// told to the log when they have ended.
#pragma once

#include <capnp/capability.h>
#include <capnp/schema.h>
#include <kj/debug.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "rpc/connection.h"
#include "rpc/method_permissions.h"
#include "serving/replica_gate.h"
#include "serving/services.h"
#include "wire/errors.h"

namespace holdfast {

// A method, for people: "Operator.forget".
std::string nameOf(capnp::InterfaceSchema::Method method);
// The values of a call that are texts, numbers and choices, in a line; no lists.
std::string aboutOf(capnp::InterfaceSchema::Method method, capnp::AnyPointer::Reader params);
// Counts it and says it.
kj::Exception denied(Services& services, const Caller& caller, Permission asked,
                     capnp::InterfaceSchema::Method method);
// Says how it ended.
kj::Promise<void> audited(Services& services, Caller caller, std::string call, std::string about,
                          kj::Promise<void> outcome);

template <typename Interface>
class Guarded : public Interface::Server {
 public:
  using Call = capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer>;
  using Dispatched = capnp::Capability::Server::DispatchCallResult;

  Dispatched dispatchCall(uint64_t interfaceId, uint16_t methodId, Call context) final {
    constexpr auto& kAsked = MethodPermissions<Interface>::kAsked;
    constexpr auto& kServed = MethodPermissions<Interface>::kServed;
    static_assert(kAsked.size() == kServed.size());
    if (methodId >= kAsked.size() || interfaceId != capnp::typeId<Interface>()) {
      return {KJ_EXCEPTION(UNIMPLEMENTED, "this controller has no such method"), false};
    }
    const Permission asked = kAsked[methodId];
    // A capability comes of authenticate(), so there is a caller.
    if (!handle_->caller->principal.may(asked)) {
      return {denied(services_, *handle_->caller, asked, method(methodId)), false};
    }
    auto elsewhere = kServed[methodId] == ServedBy::kLeader ? leftToLeader(services_.group.view())
                                                            : std::nullopt;
    if (asked != Permission::kOperate && asked != Permission::kManage) {
      if (elsewhere) return {wireError(*elsewhere), false};
      return Interface::Server::dispatchCall(interfaceId, methodId, context);
    }
    std::string about;
    auto outcome = kj::evalNow([&]() -> kj::Promise<void> {
      about = aboutOf(method(methodId), context.getParams());
      if (elsewhere) return wireError(*elsewhere);
      return Interface::Server::dispatchCall(interfaceId, methodId, context).promise;
    });
    return {audited(services_, *handle_->caller, nameOf(method(methodId)), std::move(about),
                    kj::mv(outcome)),
            false};
  }

 protected:
  // `services` outlive it.
  Guarded(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : services_(services), handle_(std::move(connection)) {}

  Services& services_;
  const std::shared_ptr<ConnectionHandle> handle_;

 private:
  static capnp::InterfaceSchema::Method method(uint16_t methodId) {
    return capnp::Schema::from<Interface>().getMethods()[methodId];
  }
};

}  // namespace holdfast
