// The instance that has a worker registered with an address. Of several the ACTIVE ones come first,
// then those recovered, then LOST ones; among equals the newest registration.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/queries/worker_walk.h"

namespace holdfast::queries {

class InstanceByIp {
 public:
  // Keeps the reference.
  InstanceByIp(const RegistryTree& tree, std::string ip) : walk_(tree, {}), ip_(std::move(ip)) {}

  // Looks at some workers. Whether there may be more.
  bool next(size_t work = kWorkOfPiece);
  // Once next() has returned false; empty: no worker has it.
  const std::string& instance() const { return instance_; }

 private:
  // Active, recovered, its session, when it registered.
  using Rank = std::tuple<bool, bool, SessionId, uint64_t>;

  WorkerWalk walk_;
  const std::string ip_;
  std::optional<Rank> best_;
  std::string instance_;
};

}  // namespace holdfast::queries
