#include "gateways/lmcache/full_syncs.h"

#include <utility>
#include <vector>

#include "core/check.h"
#include "gateways/lmcache/encoder.h"

namespace holdfast::lmcache {
namespace {

Fleet::Key keyOf(const Inbound& message) {
  return {message.instance, message.worker};
}

}  // namespace

FullSyncs::FullSyncs(Services& services, Fleet& fleet, std::function<uint64_t()> random,
                     uint64_t silentMs)
    : services_(services),
      fleet_(fleet),
      random_(std::move(random)),
      silentMs_(silentMs),
      tasks_(std::make_unique<kj::TaskSet>(*this)) {}

std::string FullSyncs::start(const Inbound& message) {
  const Key key = keyOf(message);
  if (fleet_.locationForSync(message.instance, message.worker, message.location) == nullptr) {
    return syncStarted(message.syncId, "no such worker is registered, or it cannot be now");
  }
  const auto why = collector_.start(key, message.location, message.syncId, message.totalKeys,
                                    message.batchCount, nowMs());
  if (!why) {
    // One that is on its way into core is older.
    const auto former = feeds_.find(key);
    if (former != feeds_.end() && former->second.syncId != message.syncId) feeds_.erase(former);
  }
  return syncStarted(message.syncId, why.value_or(std::string()));
}

void FullSyncs::batch(const Inbound& message) {
  const Key key = keyOf(message);
  Measurements::Lmcache& counts = services_.measured.lmcache;
  if (!collector_.batch(key, message.syncId, message.batch, message.keys, message.batchEnds,
                        nowMs())) {
    ++counts.syncsDropped;
  }
  if (message.batchEnds) tryFeed(key);
}

void FullSyncs::end(const Inbound& message) {
  const Key key = keyOf(message);
  if (!collector_.end(key, message.syncId, message.totalKeys, nowMs())) {
    ++services_.measured.lmcache.syncsDropped;
  }
  tryFeed(key);
}

std::string FullSyncs::status(const Inbound& message) {
  const Key key = keyOf(message);
  const RepairController& repair = registry().repair();
  Collected* collected = collector_.find(key);
  if (collected != nullptr && collected->syncId == message.syncId) {
    collected->heardMs = nowMs();
    const std::vector<uint32_t> missing = collected->missing();
    // A worker that has sent everything need not stay frozen for what others have to send.
    return syncStatus(message.syncId, false, repair.globalProgress(), collected->whole(), missing);
  }
  bool complete = false;
  const auto found = feeds_.find(key);
  if (found != feeds_.end() && found->second.syncId == message.syncId) {
    const Feed& feed = found->second;
    const auto status = services_.controller.take(
        input::FullSyncStatus{fleet_.sessionOf(message.instance, message.worker), feed.location,
                              feed.incarnation, feed.id});
    complete = status.ok() && status.value().complete;
  }
  // Of one that is not known, the worker has nothing to wait for.
  return syncStatus(message.syncId, complete, repair.globalProgress(), true, {});
}

bool FullSyncs::underWay(const Key& key) {
  const auto found = feeds_.find(key);
  return collector_.find(key) != nullptr ||
         (found != feeds_.end() && found->second.collected != nullptr);
}

void FullSyncs::reported(const Inbound& message) {
  if (collector_.empty()) return;
  if (!collector_.report(keyOf(message), message.location, message.operations())) {
    ++services_.measured.lmcache.syncsDropped;
  }
}

void FullSyncs::reset(const Key& key) {
  if (collector_.drop(key) != nullptr) ++services_.measured.lmcache.syncsDropped;
  feeds_.erase(key);
}

void FullSyncs::tick() {
  services_.measured.lmcache.syncsDropped += collector_.expire(nowMs(), silentMs_);
  for (const Key& key : collector_.whole()) tryFeed(key);
  nextTick_.wakeAll();
}

void FullSyncs::tryFeed(const Key& key) {
  Collected* collected = collector_.find(key);
  if (collected == nullptr || !collected->ended || !collected->whole()) return;
  const Location* location = fleet_.locationForSync(key.first, key.second, collected->location);
  if (location == nullptr || !services_.store.health().writable) return;  // later
  if (collected->received != collected->totalKeys) return reset(key);
  FullSyncStart start;
  start.location = collected->location;
  start.incarnation = location->record.live.incarnation;
  start.syncId = random_() | 1;
  start.totalKeys = collected->keys.size();
  start.batchCount = static_cast<uint32_t>(collected->keys.nonEmptyParts());
  start.baseSeq = start.lastSeq = location->lastSeq;
  start.digest = collected->keys.digest();
  const auto started = services_.controller.take(
      input::FullSyncStart{fleet_.sessionOf(key.first, key.second), start});
  if (!started.ok()) return reset(key);
  if (!started.value().accepted) return;  // too many others are under way: later
  Feed& feed = feeds_[key];
  feed = {.location = start.location,
          .syncId = collected->syncId,
          .id = start.syncId,
          .incarnation = start.incarnation,
          .collected = collector_.drop(key)};
  fleet_.setFeeding(key, feed.id);
  tasks_->add(this->feed(key, feed.id));
}

// Part by part, each in a turn of its own.
kj::Promise<void> FullSyncs::feed(const Key& key, uint64_t id) {
  return services_.budget.ready(ReadBudget::kBytesPerTurn)
      .then([this]() { return services_.waiters.room(); })
      .then([this, key, id]() -> kj::Promise<void> {
        const auto found = feeds_.find(key);
        if (found == feeds_.end() || found->second.id != id) return kj::READY_NOW;
        Feed& its = found->second;
        if (its.collected == nullptr) return kj::READY_NOW;
        if (!feedPart(key, its)) {
          return nextTick_.wait().then([this, key, id]() { return feed(key, id); });
        }
        return feed(key, id);
      });
}

bool FullSyncs::feedPart(const Key& key, Feed& feed) {
  const SessionId session = fleet_.sessionOf(key.first, key.second);
  if (session == kNoSession) return false;
  const KeyParts& keys = feed.collected->keys;
  while (feed.part < keys.parts() && keys.part(feed.part).empty()) ++feed.part;
  if (feed.part < keys.parts()) {
    const std::vector<ChunkHash> part = keys.part(feed.part).keys();
    const FullSyncBatch batch{feed.location, feed.incarnation, feed.id, feed.batch, part};
    const auto taken = services_.controller.take(input::FullSyncBatch{session, batch});
    if (taken.ok() && !taken.value()) return false;
    ++feed.part;
    ++feed.batch;
    return true;
  }
  const FullSyncEnd end{feed.location, feed.incarnation, feed.id, keys.size()};
  const auto ended = services_.controller.take(input::FullSyncEnd{session, end});
  feed.collected.reset();
  const bool known = ended.ok() && ended.value().known;
  ++(known ? services_.measured.lmcache.syncsTaken : services_.measured.lmcache.syncsDropped);
  if (!known) feeds_.erase(key);
  return true;
}

void FullSyncs::taskFailed(kj::Exception&& exception) {
  HOLDFAST_CHECK(false, "a full sync could not go on: %s", kj::str(exception).cStr());
}

}  // namespace holdfast::lmcache
