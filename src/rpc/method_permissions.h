// What each method of each interface asks for, by its number. tests/rpc/access_test.cc wants an
// entry for each.
#pragma once

#include <algorithm>
#include <array>

#include "access/caller.h"
#include "schema/controller.capnp.h"

namespace holdfast {

template <typename Interface>
struct MethodPermissions;

template <>
struct MethodPermissions<schema::WorkerGateway> {
  // The sessions it gives belong to the connection, which ends those that it may not have any more.
  static constexpr std::array kAsked = {Permission::kReport};
};

template <>
struct MethodPermissions<schema::Orchestrator> {
  static constexpr std::array kAsked = {
      Permission::kLookUp,   // lookup
      Permission::kQuery,    // queryInstance
      Permission::kQuery,    // queryWorkers
      Permission::kOperate,  // clear
      Permission::kOperate,  // pin
      Permission::kOperate,  // compress
      Permission::kOperate,  // decompress
      Permission::kOperate,  // move
      Permission::kOperate,  // health
      Permission::kQuery,    // checkFinish
      Permission::kQuery,    // events
      Permission::kQuery,    // pins
      Permission::kLookUp,   // lookups
      Permission::kQuery,    // instances
  };
};

template <>
struct MethodPermissions<schema::Operator> {
  static constexpr std::array kAsked = {
      Permission::kStatus,  // status
      Permission::kStatus,  // diverged
      Permission::kManage,  // forceSync
      Permission::kManage,  // forget
      Permission::kManage,  // drain
      Permission::kManage,  // capture
      Permission::kManage,  // backup
      Permission::kManage,  // logLevel
      Permission::kStatus,  // hashing
  };
};

// Whether any method of it may be called.
template <typename Interface>
bool mayUse(const Principal& principal) {
  const auto& asked = MethodPermissions<Interface>::kAsked;
  return std::any_of(asked.begin(), asked.end(),
                     [&](Permission one) { return principal.may(one); });
}

}  // namespace holdfast
