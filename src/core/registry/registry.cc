#include "core/registry/registry.h"

#include "core/notice.h"

namespace holdfast {

Registry::Registry(const RegistryOptions& options, Clock& clock, RegistryStore& store,
                   NoticeSink& notices)
    : clock_(clock),
      ledger_(store),
      notices_(notices),
      index_(options.index),
      tree_(index_, ledger_, options.defaultModel),
      repair_(tree_, ledger_, clock, notices, options.repair),
      pins_(tree_, index_, ledger_, clock),
      fullSyncs_(tree_, index_, ledger_, clock, notices, repair_, pins_),
      registration_(tree_, ledger_, clock, notices, repair_, options.lifeCycle),
      operators_(tree_, ledger_, notices, registration_, repair_),
      folding_(tree_, ledger_, notices, options.foldFloorOperations),
      kv_(tree_, index_, ledger_, clock, notices, repair_, fullSyncs_, pins_, folding_),
      replica_(tree_, index_, pins_, ledger_, folding_),
      limitWatch_(notices),
      dropWatch_(notices),
      workersMax_(options.lifeCycle.workersMax) {}

RecoveryReport Registry::recover() {
  RegistryLoader loader(tree_, index_, pins_, notices_, clock_.steadyMs());
  ledger_.recover(loader);
  const RecoveryReport report = loader.complete(ledger_);
  recoveredEvents_ = loader.takeEvents();
  begin();
  return report;
}

void Registry::lead() {
  dropWatch_.restart(tree_.counters());
  replica_.lead();
  begin();
}

void Registry::begin() {
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      worker->lastHeardMs = clock_.steadyMs();
      for (const auto& location : worker->locations) {
        if (location->building != nullptr) fullSyncs_.resume(*location);
      }
    }
  }
}

void Registry::forgetSilence() {
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) worker->lastHeardMs = clock_.steadyMs();
  }
}

void Registry::tick() {
  registration_.tick();
  repair_.tick();
  pins_.tick();
  tree_.retireWaiting();
  folding_.start();
  for (const LimitUse& use : limits()) limitWatch_.check(use);
  dropWatch_.check(tree_.counters(), clock_.steadyMs());
}

void Registry::tickFollowing() {
  tree_.retireWaiting();
  folding_.start();
}

std::vector<LimitUse> Registry::limits() const {
  return {{Limit::kWorkers, tree_.workers(), workersMax_},
          {Limit::kLocationNames, tree_.locationNames().size(), kLocationNamesMax},
          {Limit::kPins, tree_.pins(), kPinsMax}};
}

bool Registry::work() {
  const bool reports = kv_.work();
  const bool syncs = replica_.work();
  const bool more = pins_.work() || reports || syncs;
  if (index_.sweep(ChunkIndex::kSweepSlots)) {
    if (tree_.waitingRetirements() == 0) return more;
    tree_.retireWaiting();
  }
  return true;
}

void Registry::restart(const std::string& why) {
  registration_.restart(why);
  fullSyncs_.restart();
  folding_.restart();
  kv_.restart();
  pins_.restart();
  dropWatch_.restart(tree_.counters());
}

void Registry::onCommitted(Ticket upTo) {
  ledger_.onCommitted(upTo);
}

void Registry::onFolded(const FoldResult& result) {
  folding_.onFolded(result);
  folding_.start();
}

void Registry::onHealth(const StoreHealth& health) {
  if (health.writable) {
    notices_.notice(notice::Writable{});
    return;  // tick() lets the workers go on
  }
  notices_.notice(notice::ReadOnly{health.reason});
  registration_.pauseAll(health.reason);
}

}  // namespace holdfast
