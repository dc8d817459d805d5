// The instances that there are, with their ranks, and whether look-ups name them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/labels.h"
#include "core/load.h"
#include "core/lookups.h"
#include "core/queries/worker_walk.h"
#include "core/registry/registry.h"

namespace holdfast::queries {

// Why look-ups do not name an instance. As in schema/messages.capnp, same order.
enum class InstanceHidden : uint8_t {
  kNo,        // they do
  kDrained,   // by an operator
  kLost,      // all its ranks are LOST
  kDiverged,  // nothing of what its ranks hold is looked up
};
std::string_view instanceHiddenName(InstanceHidden hidden);  // "diverged": the schema's name

struct RankView {
  uint32_t worker = 0;
  WorkerState state = WorkerState::kActive;
  bool quarantined = false;  // its stored records could not be read
  uint32_t locations = 0;
  uint32_t locationsInSync = 0;
  uint32_t locationsHidden = 0;  // kept, but not looked up: diverged
  uint64_t memberships = 0;      // (location, chunk) that it holds
  Load load = kLoadUnknown;
};

struct InstanceView {
  std::string instance;
  std::string model;       // of its lowest rank that is not LOST; where all are, of its lowest rank
  uint32_t worldSize = 0;  // that its ranks state; 0: none does, or they contradict each other
  bool drained = false;
  InstanceHidden hidden = InstanceHidden::kNo;
  // Of the same rank as the model.
  std::string ip;
  uint32_t port = 0;
  std::string peerUrl;
  Labels labels;
  Load load = kLoadUnknown;  // the highest that ranks state
  uint64_t createdWallMs = 0;
  std::vector<RankView> ranks;  // by worker id
  std::string contradiction;    // which ranks state which world size; empty: they agree
  std::string missingRanks;     // of its world size that never registered: "1, 3 to 5"

  // Valid as long as this is.
  EndpointRef endpoint() const { return {ip, port, peerUrl, labels}; }
};

// By instance.
class InstanceCursor {
 public:
  using Found = std::vector<InstanceView>;

  // Of this instance; empty: of all. Only those behind `after`; empty: from the first on. Keeps the
  // reference.
  InstanceCursor(const Registry& registry, std::string instance, const std::string& after = {})
      : registry_(registry), walk_(registry.tree(), filterOf(std::move(instance), after)) {}

  // Appends what a piece finds. Whether there may be more. An instance with many ranks may take
  // several pieces: each rank is as of its piece, the rest as of the first one.
  bool next(Found& found, size_t work = kWorkOfPiece);

 private:
  static WorkerFilter filterOf(std::string instance, const std::string& after);
  void begin(const Instance& instance);
  void add(const Worker& worker);
  void end(Found& found);

  const Registry& registry_;
  WorkerWalk walk_;
  // The instance whose ranks are met.
  std::optional<InstanceView> current_;
  bool anyThere_ = false;    // some rank is not LOST
  bool anyHidden_ = false;   // and has a location that is not looked up
  bool anyVisible_ = false;  // or one that is
};

}  // namespace holdfast::queries
