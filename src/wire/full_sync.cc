#include "wire/full_sync.h"

#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

std::vector<uint32_t> batchesOf(capnp::List<uint32_t>::Reader from) {
  std::vector<uint32_t> scratch;
  const auto numbers = numbersOf<uint32_t>(from, scratch);
  return {numbers.begin(), numbers.end()};
}

}  // namespace

FullSyncStart read(schema::FullSyncStartMsg::Reader from) {
  return {.location = stringOf(from.getLocation()),
          .incarnation = from.getIncarnation(),
          .syncId = from.getSyncId(),
          .totalKeys = from.getTotalKeys(),
          .batchCount = from.getBatchCount(),
          .baseSeq = from.getBaseSeq(),
          .digest = {from.getDigest().getA(), from.getDigest().getB()},
          .lastSeq = from.getLastSeq()};
}

void write(const FullSyncStart& start, schema::FullSyncStartMsg::Builder to) {
  to.setLocation(textOf(start.location));
  to.setIncarnation(start.incarnation);
  to.setSyncId(start.syncId);
  to.setTotalKeys(start.totalKeys);
  to.setBatchCount(start.batchCount);
  to.setBaseSeq(start.baseSeq);
  auto digest = to.initDigest();
  digest.setA(start.digest.a);
  digest.setB(start.digest.b);
  to.setLastSeq(start.lastSeq);
}

FullSyncStartOutcome read(schema::FullSyncStartRetMsg::Reader from) {
  return {.accepted = from.getAccepted(),
          .error = stringOf(from.getErrorMsg()),
          .missing = batchesOf(from.getMissingBatches())};
}

void write(uint64_t syncId, const FullSyncStartOutcome& outcome,
           schema::FullSyncStartRetMsg::Builder to) {
  to.setSyncId(syncId);
  to.setAccepted(outcome.accepted);
  to.setErrorMsg(textOf(outcome.error));
  copyNumbers<uint32_t>(outcome.missing, to.initMissingBatches(listSize(outcome.missing.size())));
}

FullSyncBatch read(schema::FullSyncBatchMsg::Reader from, std::vector<uint64_t>& scratch) {
  return {.location = viewOf(from.getLocation()),
          .incarnation = from.getIncarnation(),
          .syncId = from.getSyncId(),
          .number = from.getBatchId(),
          .keys = numbersOf<uint64_t>(from.getKeys(), scratch)};
}

void write(const FullSyncBatch& batch, schema::FullSyncBatchMsg::Builder to) {
  to.setLocation(textOf(batch.location));
  to.setIncarnation(batch.incarnation);
  to.setSyncId(batch.syncId);
  to.setBatchId(batch.number);
  copyNumbers<uint64_t>(batch.keys, to.initKeys(listSize(batch.keys.size())));
}

FullSyncEnd read(schema::FullSyncEndMsg::Reader from) {
  return {.location = stringOf(from.getLocation()),
          .incarnation = from.getIncarnation(),
          .syncId = from.getSyncId(),
          .actualTotalKeys = from.getActualTotalKeys()};
}

void write(const FullSyncEnd& end, schema::FullSyncEndMsg::Builder to) {
  to.setLocation(textOf(end.location));
  to.setIncarnation(end.incarnation);
  to.setSyncId(end.syncId);
  to.setActualTotalKeys(end.actualTotalKeys);
}

FullSyncPoll read(schema::FullSyncStatusMsg::Reader from) {
  return {.location = stringOf(from.getLocation()),
          .incarnation = from.getIncarnation(),
          .syncId = from.getSyncId()};
}

void write(const FullSyncPoll& poll, schema::FullSyncStatusMsg::Builder to) {
  to.setLocation(textOf(poll.location));
  to.setIncarnation(poll.incarnation);
  to.setSyncId(poll.syncId);
}

FullSyncStatus read(schema::FullSyncStatusRetMsg::Reader from) {
  return {.known = from.getIsKnown(),
          .complete = from.getIsComplete(),
          .globalProgress = from.getGlobalProgress(),
          .canExitFreeze = from.getCanExitFreeze(),
          .missing = batchesOf(from.getMissingBatches())};
}

void write(uint64_t syncId, const FullSyncStatus& status,
           schema::FullSyncStatusRetMsg::Builder to) {
  to.setSyncId(syncId);
  to.setIsComplete(status.complete);
  to.setGlobalProgress(status.globalProgress);
  to.setCanExitFreeze(status.canExitFreeze);
  copyNumbers<uint32_t>(status.missing, to.initMissingBatches(listSize(status.missing.size())));
  to.setIsKnown(status.known);
}

}  // namespace holdfast
