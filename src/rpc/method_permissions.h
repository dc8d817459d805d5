// What each method of each interface asks for, and who of a group of controllers answers it, by its
// number. tests/rpc/access_test.cc wants an entry for each.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "access/caller.h"
#include "schema/controller.capnp.h"

namespace holdfast {

template <typename Interface>
struct MethodPermissions;

// Who of a group answers a method (serving/replica_gate.h).
enum class ServedBy : uint8_t {
  kLeader,  // what changes something, and what only the leader knows
  kAnyone,
};

template <>
struct MethodPermissions<schema::WorkerGateway> {
  // The sessions it gives belong to the connection, which ends those that it may not have any more.
  static constexpr std::array kAsked = {Permission::kReport};
  static constexpr std::array kServed = {ServedBy::kLeader};
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
  static constexpr std::array kServed = {
      ServedBy::kAnyone,  // lookup
      ServedBy::kAnyone,  // queryInstance
      ServedBy::kAnyone,  // queryWorkers
      ServedBy::kLeader,  // clear
      ServedBy::kLeader,  // pin
      ServedBy::kLeader,  // compress
      ServedBy::kLeader,  // decompress
      ServedBy::kLeader,  // move
      ServedBy::kLeader,  // health
      ServedBy::kLeader,  // checkFinish
      ServedBy::kLeader,  // events
      ServedBy::kAnyone,  // pins
      ServedBy::kAnyone,  // lookups
      ServedBy::kAnyone,  // instances
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
      Permission::kStatus,  // replica
      Permission::kManage,  // stepDown
      Permission::kCopy,    // copy
  };
  static constexpr std::array kServed = {
      ServedBy::kAnyone,  // status
      ServedBy::kLeader,  // diverged
      ServedBy::kLeader,  // forceSync
      ServedBy::kLeader,  // forget
      ServedBy::kLeader,  // drain
      ServedBy::kAnyone,  // capture
      ServedBy::kAnyone,  // backup
      ServedBy::kAnyone,  // logLevel
      ServedBy::kAnyone,  // hashing
      ServedBy::kAnyone,  // replica
      ServedBy::kAnyone,  // stepDown: it says itself why not
      ServedBy::kAnyone,  // copy
  };
};

template <>
struct MethodPermissions<schema::StoreCopy> {
  static constexpr std::array kAsked = {
      Permission::kCopy,  // files
      Permission::kCopy,  // read
  };
  static constexpr std::array kServed = {
      ServedBy::kAnyone,  // files
      ServedBy::kAnyone,  // read
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
