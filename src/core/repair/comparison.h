// What a worker states of a location, compared with what the registry has, and what follows of it
// carried out: the repair table of README.md, on the tree, the store's batch and the repairs.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/registry_tree.h"
#include "core/repair/repair_controller.h"
#include "core/repair/resume_policy.h"

namespace holdfast {

class Comparison {
 public:
  // Locations whose numbering begins anew, with the seq: RegistryTree::restartNumbering, when the
  // batch is queued.
  using Numbering = std::vector<std::pair<Location*, uint64_t>>;

  // What is known beside a location's statement.
  struct Situation {
    bool atRegistration = false;
    bool sameProcess = false;     // as the one that is registered, or was
    Reason anew = Reason::kNone;  // why nothing is held of a location that the worker had
  };

  // Keeps all references.
  Comparison(RegistryTree& tree, RepairController& repair, NoticeSink& notices)
      : tree_(tree), repair_(repair), notices_(notices) {}

  // Decides and carries out; what is to be written goes into the batch. A location that is new is
  // added: the caller has seen that there is a number for its name.
  LocationDecision decide(Worker& worker, const LocationStatement& statement,
                          const Situation& situation, StoreBatch& batch, Numbering& numbering);

  // Of a registration that resumes (messages.h): what is held goes on as it is. A location that is
  // new is decided as any other.
  LocationDecision resume(Worker& worker, const LocationStatement& statement, StoreBatch& batch,
                          Numbering& numbering);

 private:
  // Nothing where the full sync under way does not go on: it is abandoned.
  std::optional<LocationDecision> decideFullSync(Location& location,
                                                 const LocationStatement& statement,
                                                 StoreBatch& batch);
  void carryOut(Location& location, const LocationStatement& statement,
                const ResumeDecision& decision, bool atRegistration, StoreBatch& batch,
                Numbering& numbering);
  // `ours` as it was before; wasOut: see CountedSync, before as well.
  void noticeDecision(const Location& location, const HeldState& ours,
                      const LocationStatement& statement, Reason reason, bool wasOut);

  RegistryTree& tree_;
  RepairController& repair_;
  NoticeSink& notices_;
};

// What a heartbeat's answer says of a location whose repair is under way; nothing: it needs none.
std::optional<LocationDecision> repairUnderWay(const Location& location);

}  // namespace holdfast
