// What the controller may ask a simulated rank to do with its cache. For Fleet's own files only.
#pragma once

#include "client/operation_handler.h"
#include "fleet/fleet.h"

namespace holdfast::fleet {

class Fleet::Operations final : public OperationHandler {
 public:
  Operations(Fleet& fleet, size_t index) : fleet_(fleet), index_(index) {}

  void clear(const CacheOperation& operation, Completion completion) override;
  void pin(const CacheOperation& operation, Completion completion) override;
  void compress(const CacheOperation& operation, Completion completion) override;
  void decompress(const CacheOperation& operation, Completion completion) override;
  void move(const CacheOperation& operation, Completion completion) override;

 private:
  // A tier of a rank and the client that reports for it; nothing while the rank is restarted.
  struct Place {
    SimulatedRank::Tier* tier = nullptr;
    Client* client = nullptr;
    LocationHandle location{0};
  };
  std::optional<Place> find(size_t index, const std::string& location);
  // Calls change(place, chunks) with those of the operation's chunks that are held, and answers
  // with the number it returns.
  template <typename Change>
  void apply(const CacheOperation& operation, const Completion& completion, Change change);

  Fleet& fleet_;
  const size_t index_;
};

}  // namespace holdfast::fleet
