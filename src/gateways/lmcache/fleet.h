// LMCache's workers as core knows them. What they say becomes inputs of the controller; what their
// wire lacks is made up for here: which process it is, whether reports are missing, who is still
// there. The table of README.md, carried out.
//
// A process has a run, which is drawn here with a mark by which its worker is known for one of
// LMCache's after a restart. Core's seq is the wire's seq_num + 1. What a location has got to is
// what core says it has: it is stored with the operations, so a restart forgets nothing of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/controller.h"
#include "core/result.h"
#include "gateways/lmcache/inbound.h"
#include "gateways/lmcache/link.h"
#include "serving/measurements.h"

namespace holdfast::lmcache {

// What the wire does not say of instances: "*" in the pattern stands for any number of characters,
// the first one that matches counts.
struct InstanceSettings {
  std::string pattern;
  std::string model;       // empty: not said here
  uint32_t worldSize = 0;  // ranks that cache, where all others do not; 0: not said here
};

// On the controller's loop.
class Fleet {
 public:
  using Key = std::pair<std::string, uint32_t>;  // (instance, worker)
  struct Options {
    bool hideGaps = false;  // what has missed reports leaves look-ups
    std::vector<InstanceSettings> instances;
  };
  // To a process that registered this address; null: nobody carries orders out.
  using MakeOrders = std::function<std::unique_ptr<WorkerOrders>(const Key&, const std::string& ip,
                                                                 uint32_t port)>;
  // Called with a worker whose former process is gone, or whose numbers made a jump: what is
  // collected of it is no more what it holds.
  using Reset = std::function<void(const Key&)>;

  // Keeps the references. `random` gives 64 random bits.
  Fleet(Controller& controller, const Options& options, std::function<uint64_t()> random,
        MakeOrders makeOrders, Reset reset, Measurements::Lmcache& counts);

  // RegisterMsg: a new process, whose caches are empty. Answer when the ticket is committed.
  Result<Ticket> registered(const Inbound& message);
  // DeRegisterMsg; of an address that is not the worker's: of a process that is gone.
  void deregistered(const Inbound& message);

  struct Beat {
    std::optional<Reason> fullSync;  // it is to begin one
  };
  // HeartbeatMsg: of a worker that nobody knows it is a registration, of one that is known a sign
  // of life. `answered`: its answer can have a command.
  Result<Beat> heartbeat(const Inbound& message, bool answered);

  enum class Reported : uint8_t {
    kApplied,
    kRefused,  // the store cannot take it: to be tried again
    kDropped,
  };
  // Of consecutive operations.
  Reported reported(const Inbound& message);

  // Its session in force; registered again where the registry knows it and it has none. kNoSession:
  // nobody knows it.
  SessionId sessionOf(const std::string& instance, uint32_t worker);
  // The location that a full sync is about, known to core from now on. Null as above.
  const Location* locationForSync(const std::string& instance, uint32_t worker,
                                  std::string_view name);
  // Core's id of the full sync of the worker that its keys go into from now on; 0: none does.
  void setFeeding(const Key& key, uint64_t syncId);

  // --- Liveness ---

  // Every worker of LMCache that the registry has from before this start is known from now on.
  void adoptRecovered();
  // Every 100 ms: a part of the workers is looked after. Calls `probe` for those that nothing was
  // heard of for a while: say probed() then.
  void tick(const std::function<void(const Key&, WorkerOrders&)>& probe);
  void probed(const Key& key, bool answered);

  // Nothing is ordered any more; core keeps the links.
  void stop() {
    for (auto& [key, peer] : peers_) peer.link->dropOrders();
  }
  static constexpr uint64_t kRunMark = 0x4C4D4361;  // the upper half of every run: "LMCa"

 private:
  // Reports that were missing when later ones came: [from, to) in core's numbers.
  struct Place {
    uint64_t lostFrom = 0;
    uint64_t lostTo = 0;
    bool numbersUnknown = false;  // nothing of this process was reported yet
  };
  struct Peer {
    std::unique_ptr<Link> link;
    SessionId session = kNoSession;
    uint64_t run = 0;
    std::map<std::string, Place, std::less<>> places;  // of locations with something to note
    bool heartbeats = false;                           // it sends them
    bool reached = false;                              // a probe was answered
    bool recovered = false;  // from before this start, and nothing came of it yet
    bool probing = false;
    uint64_t probedMs = 0;  // steady clock: when it was asked last
    uint64_t feeding = 0;   // core's id of the full sync that its keys go into now
  };
  static bool isOurs(uint64_t run) { return run >> 32 == kRunMark; }

  const RegistryTree& tree() const { return controller_.registry().tree(); }
  uint64_t newRun() { return kRunMark << 32 | (random_() & 0xFFFFFFFFu); }
  const InstanceSettings* settingsOf(std::string_view instance, bool model) const;
  // As the wire says it, with what options add.
  Registration registrationOf(const Inbound& message) const;
  static Registration registrationOf(const WorkerRecord& record);
  static LocationStatement statementOf(const Peer& peer, const Location& location);
  static LocationStatement emptyStatement(std::string_view name, uint64_t incarnation);
  // A new process: whatever was known of the worker is forgotten.
  Result<RegisterOutcome> begin(const Key& key, Registration registration);
  // The worker of the peer's session; null: it has none.
  const Worker* inForce(const Peer& peer) const { return tree().bySession(peer.session); }
  // As known, with a session; null: nobody knows it, or core does not take it now.
  Peer* attached(const Key& key);
  // The next attempt of its run, with what the registry has; `change` may add to it.
  bool registerAgain(Peer& peer, const WorkerRecord& record,
                     const std::function<void(Registration&)>& change = {});
  Peer& peerOf(const Key& key, const WorkerRecord& record);
  void lost(Peer& peer, const Location& location, uint64_t nextSeq);
  bool addLocation(Peer& peer, const Worker& worker, std::string_view name, uint64_t nextSeq);
  // Neither what it holds nor its numbers are known.
  bool addUnknown(Peer& peer, const Worker& worker, std::string_view name);
  // Of a process whose registration nobody saw: what it holds is not known.
  Result<Peer*> beginUnknown(const Inbound& message);
  Reported goOn(const Key& key, Peer& peer, const Inbound& message);
  bool beforeExpected(const Key& key, Peer*& peer, const Inbound& message, uint64_t seq);
  void wantSync(Peer& peer, const Worker& worker);
  void look(const Key& key, Peer& peer,
            const std::function<void(const Key&, WorkerOrders&)>& probe);

  Controller& controller_;
  const Options options_;
  const std::function<uint64_t()> random_;
  const MakeOrders makeOrders_;
  const Reset reset_;
  Measurements::Lmcache& counts_;
  std::map<Key, Peer> peers_;
  Key looked_;  // the last one that tick() looked after
};

}  // namespace holdfast::lmcache
