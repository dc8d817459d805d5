// Full syncs of LMCache's workers. A worker cannot say what core asks for at a start, the digest of
// all its keys: they are collected first, and then go into core as one full sync whose cut is the
// last report by then. Until core has switched over, nothing is lost of what it knew, and no other
// worker's sync is concerned.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gateways/lmcache/fleet.h"
#include "gateways/lmcache/inbound.h"
#include "gateways/lmcache/sync_collector.h"
#include "gateways/waiting.h"
#include "serving/services.h"

namespace holdfast::lmcache {

// On the controller's loop.
class FullSyncs final : public kj::TaskSet::ErrorHandler {
 public:
  using Key = Fleet::Key;

  // References outlive it. `silentMs`: without a message for so long, one is given up.
  FullSyncs(Services& services, Fleet& fleet, std::function<uint64_t()> random, uint64_t silentMs);

  // What they are answered with.
  std::string start(const Inbound& message);
  std::string status(const Inbound& message);
  void batch(const Inbound& message);
  void end(const Inbound& message);

  // Whether the worker is at one: it is not to be asked for another.
  bool underWay(const Key& key);
  // What was reported in the meantime.
  void reported(const Inbound& message);
  // What was collected of the worker is no more what it holds.
  void reset(const Key& key);
  // Every 100 ms: what could not go on is tried again.
  void tick();

  // Nothing goes on any more.
  void stop() { tasks_ = std::make_unique<kj::TaskSet>(*this); }

 private:
  // Whole, and on its way into core or there.
  struct Feed {
    std::string location;
    std::string syncId;  // the worker's
    uint64_t id = 0;     // core's
    uint64_t incarnation = 0;
    std::unique_ptr<Collected> collected;  // null: all of it is in core
    size_t part = 0;                       // the next
    uint32_t batch = 0;
  };

  const Registry& registry() const { return services_.registry; }
  uint64_t nowMs() const { return registry().nowMs(); }
  // Core is given what is whole, if it takes it now.
  void tryFeed(const Key& key);
  kj::Promise<void> feed(const Key& key, uint64_t id);
  // The next part; false: core cannot take it now.
  bool feedPart(const Key& key, Feed& feed);
  void taskFailed(kj::Exception&& exception) override;

  Services& services_;
  Fleet& fleet_;
  const std::function<uint64_t()> random_;
  const uint64_t silentMs_;
  SyncCollector collector_;
  std::map<Key, Feed> feeds_;
  gateways::Waiting nextTick_;
  std::unique_ptr<kj::TaskSet> tasks_;
};

}  // namespace holdfast::lmcache
