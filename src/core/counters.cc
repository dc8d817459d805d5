#include "core/counters.h"

namespace holdfast {

NamedCounters named(const Counters& c) {
  NamedCounters list = {
      {"registrations", c.registrations},
      {"supersessions", c.supersessions},
      {"deregistrations", c.deregistrations},
      {"heartbeats", c.heartbeats},
      {"workersLost", c.workersLost},
      {"workersExpired", c.workersExpired},
      {"workersMadeRoom", c.workersMadeRoom},
      {"reports", c.reports},
      {"reportsApplied", c.reportsApplied},
      {"operations", c.operations},
      {"evicts", c.evicts},
      {"reportsRetransmitted", c.reportsRetransmitted},
      {"reportsDropped", c.reportsDropped},
      {"reportsNotStated", c.reportsNotStated},
      {"reportsOtherIncarnation", c.reportsOtherIncarnation},
      {"reportsHeld", c.reportsHeld},
      {"reportsGap", c.reportsGap},
      {"reportsRefused", c.reportsRefused},
      {"clears", c.clears},
      {"lookups", c.lookups},
      {"lookupMissesNoChunk", c.lookupMissesNoChunk},
      {"lookupMissesUnknownModel", c.lookupMissesUnknownModel},
      {"lookupMissesNotHeld", c.lookupMissesNotHeld},
      {"lookupMissesHiddenDrained", c.lookupMissesHiddenDrained},
      {"lookupMissesHiddenLost", c.lookupMissesHiddenLost},
      {"lookupMissesHiddenDiverged", c.lookupMissesHiddenDiverged},
      {"lookupMissesHashingDiffers", c.lookupMissesHashingDiffers},
      {"p2pLookups", c.p2pLookups},
      {"lookupChunks", c.lookupChunks},
      {"replays", c.replays},
      {"replaysFilled", c.replaysFilled},
      {"replayedOperations", c.replayedOperations},
      {"replaysFailed", c.replaysFailed},
      {"replaysTimedOut", c.replaysTimedOut},
      {"fullSyncsAsked", c.fullSyncsAsked},
      {"fullSyncsStarted", c.fullSyncsStarted},
      {"fullSyncsResumed", c.fullSyncsResumed},
      {"fullSyncsCompleted", c.fullSyncsCompleted},
      {"fullSyncsFailed", c.fullSyncsFailed},
      {"fullSyncsAbandoned", c.fullSyncsAbandoned},
      {"resyncedKeys", c.resyncedKeys},
      {"digestMismatches", c.digestMismatches},
      {"foldsStarted", c.foldsStarted},
      {"foldsCommitted", c.foldsCommitted},
      {"foldsAbandoned", c.foldsAbandoned},
  };
  for (size_t reason = 1; reason < kReasons; ++reason) {
    list.emplace_back("decisions: " + std::string(reasonName(static_cast<Reason>(reason))),
                      c.decisions[reason]);
  }
  return list;
}

}  // namespace holdfast
