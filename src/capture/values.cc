#include "capture/values.h"

#include <cstring>

namespace holdfast {
namespace {

// Enumerations are cast: the schema and core list them in the same order.
static_assert(static_cast<size_t>(schema::OperationKind::HEALTH) + 1 == kOperationKinds);
static_assert(static_cast<int>(schema::WorkerOutcomeMsg::Status::FAILED) ==
              static_cast<int>(OperationOutcome::Status::kFailed));

template <typename T>
constexpr capnp::ElementSize kPacked = sizeof(T) == 8 ? capnp::ElementSize::EIGHT_BYTES
                                                      : capnp::ElementSize::FOUR_BYTES;

std::string stringOf(capnp::Text::Reader text) {
  return std::string(viewOf(text));
}

kj::uint sizeOf(size_t size) {
  return static_cast<kj::uint>(size);
}

}  // namespace

template <typename T>
std::span<const T> numbersOf(typename capnp::List<T>::Reader list, std::vector<T>& scratch) {
  const capnp::AnyList::Reader raw = capnp::toAny(list);
  if (raw.getElementSize() == kPacked<T>) {
    const kj::ArrayPtr<const kj::byte> bytes = raw.getRawBytes();
    return {reinterpret_cast<const T*>(bytes.begin()), list.size()};
  }
  scratch.clear();
  scratch.reserve(list.size());
  for (const T number : list) scratch.push_back(number);
  return scratch;
}
template std::span<const uint64_t> numbersOf<uint64_t>(capnp::List<uint64_t>::Reader,
                                                       std::vector<uint64_t>&);
template std::span<const uint32_t> numbersOf<uint32_t>(capnp::List<uint32_t>::Reader,
                                                       std::vector<uint32_t>&);

template <typename T>
void copyNumbers(std::span<const T> numbers, typename capnp::List<T>::Builder list) {
  if (numbers.empty()) return;
  // A list just made lies packed in the message; only its readers give out the place.
  const auto bytes = capnp::toAny(list.asReader()).getRawBytes();
  std::memcpy(const_cast<kj::byte*>(bytes.begin()), numbers.data(), numbers.size_bytes());
}
template void copyNumbers<uint64_t>(std::span<const uint64_t>, capnp::List<uint64_t>::Builder);
template void copyNumbers<uint32_t>(std::span<const uint32_t>, capnp::List<uint32_t>::Builder);

std::vector<LocationStatement> read(capnp::List<schema::LocationStatement>::Reader from) {
  std::vector<LocationStatement> statements;
  statements.reserve(from.size());
  for (const auto one : from) {
    statements.push_back({.location = stringOf(one.getLocation()),
                          .incarnation = one.getIncarnation(),
                          .beganEmpty = one.getBeganEmpty(),
                          .lastSeq = one.getLastSeq(),
                          .count = one.getCount(),
                          .digest = {one.getDigest().getA(), one.getDigest().getB()},
                          .replayableFrom = one.getReplayableFrom(),
                          .syncId = one.getSyncId()});
  }
  return statements;
}

void write(const std::vector<LocationStatement>& statements,
           capnp::List<schema::LocationStatement>::Builder to) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    const LocationStatement& from = statements[i];
    auto one = to[i];
    one.setLocation(textOf(from.location));
    one.setIncarnation(from.incarnation);
    one.setBeganEmpty(from.beganEmpty);
    one.setLastSeq(from.lastSeq);
    one.setCount(from.count);
    auto digest = one.initDigest();
    digest.setA(from.digest.a);
    digest.setB(from.digest.b);
    one.setReplayableFrom(from.replayableFrom);
    one.setSyncId(from.syncId);
  }
}

Registration read(schema::RegisterMsg::Reader from) {
  return {.instance = stringOf(from.getInstanceId()),
          .worker = from.getWorkerId(),
          .ip = stringOf(from.getIp()),
          .port = from.getPort(),
          .peerUrl = stringOf(from.getPeerInitUrl()),
          .model = stringOf(from.getModel()),
          .worldSize = from.getWorldSize(),
          .run = from.getRun(),
          .attempt = from.getAttempt(),
          .locations = read(from.getLocations())};
}

void write(const Registration& registration, schema::RegisterMsg::Builder to) {
  to.setInstanceId(textOf(registration.instance));
  to.setWorkerId(registration.worker);
  to.setIp(textOf(registration.ip));
  to.setPort(registration.port);
  to.setPeerInitUrl(textOf(registration.peerUrl));
  to.setModel(textOf(registration.model));
  to.setWorldSize(registration.worldSize);
  to.setRun(registration.run);
  to.setAttempt(registration.attempt);
  write(registration.locations, to.initLocations(sizeOf(registration.locations.size())));
}

ReadReport read(schema::BatchedKVOperationMsg::Reader from, std::vector<uint64_t>& scratch) {
  const std::span<const uint64_t> keys = numbersOf<uint64_t>(from.getKeys(), scratch);
  const capnp::Data::Reader evicts = from.getEvicts();
  if (evicts.size() != 0 && evicts.size() < (keys.size() + 7) / 8) {
    return {.report = {},
            .error = "report of " + std::to_string(keys.size()) + " operations with " +
                     std::to_string(evicts.size()) +
                     " bytes of evict bits, one bit for each operation is needed"};
  }
  return {.report = {.location = viewOf(from.getLocation()),
                     .incarnation = from.getIncarnation(),
                     .firstSeq = from.getFirstSeq(),
                     .operations = {keys, {evicts.size() == 0 ? nullptr : evicts.begin(), 0}}},
          .error = {}};
}

void write(const Report& report, schema::BatchedKVOperationMsg::Builder to) {
  const Operations& operations = report.operations;
  to.setLocation(textOf(report.location));
  to.setIncarnation(report.incarnation);
  to.setFirstSeq(report.firstSeq);
  copyNumbers<uint64_t>(operations.keys, to.initKeys(sizeOf(operations.size())));
  if (operations.evicts.allAdmits()) return;
  auto bits = to.initEvicts(sizeOf((operations.size() + 7) / 8));
  for (size_t i = 0; i < operations.size(); ++i) {
    if (operations.evicts.test(i)) bits[i / 8] |= static_cast<kj::byte>(1u << (i % 8));
  }
}

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
  copyNumbers<uint64_t>(batch.keys, to.initKeys(sizeOf(batch.keys.size())));
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

OperationOutcome read(schema::WorkerOutcomeMsg::Reader from) {
  if (from.getStatus() > schema::WorkerOutcomeMsg::Status::FAILED) {
    return {.errorCode = kHealthUnexpected, .error = "the worker's answer has an unknown status"};
  }
  return {.status = static_cast<OperationOutcome::Status>(from.getStatus()),
          .numTokens = from.getNumTokens(),
          .errorCode = from.getErrorCode(),
          .error = stringOf(from.getError())};
}

void write(const OperationOutcome& outcome, schema::WorkerOutcomeMsg::Builder to) {
  to.setStatus(static_cast<schema::WorkerOutcomeMsg::Status>(outcome.status));
  to.setNumTokens(outcome.numTokens);
  to.setErrorCode(outcome.errorCode);
  to.setError(textOf(outcome.error));
}

OperationRequest read(schema::CaptureOperation::Reader from) {
  OperationRequest request;
  request.eventId = stringOf(from.getEventId());
  request.kind = static_cast<OperationKind>(from.getKind());
  request.instance = stringOf(from.getInstance());
  request.location = stringOf(from.getLocation());
  request.allChunks = from.getAllChunks();
  for (const uint64_t chunk : from.getChunks()) request.chunks.push_back(chunk);
  request.method = stringOf(from.getMethod());
  request.toInstance = stringOf(from.getToInstance());
  request.toLocation = stringOf(from.getToLocation());
  request.copy = from.getCopy();
  request.ttlSeconds = from.getTtlSeconds();
  request.model = stringOf(from.getModel());
  return request;
}

void write(const OperationRequest& request, schema::CaptureOperation::Builder to) {
  to.setEventId(textOf(request.eventId));
  to.setKind(static_cast<schema::OperationKind>(request.kind));
  to.setInstance(textOf(request.instance));
  to.setLocation(textOf(request.location));
  to.setAllChunks(request.allChunks);
  copyNumbers<uint64_t>(request.chunks, to.initChunks(sizeOf(request.chunks.size())));
  to.setMethod(textOf(request.method));
  to.setToInstance(textOf(request.toInstance));
  to.setToLocation(textOf(request.toLocation));
  to.setCopy(request.copy);
  to.setTtlSeconds(request.ttlSeconds);
  to.setModel(textOf(request.model));
}

FoldResult read(schema::CaptureFold::Reader from) {
  return {.id = from.getId(),
          .ok = from.getOk(),
          .error = stringOf(from.getError()),
          .baseSeq = from.getBaseSeq(),
          .baseCount = from.getBaseCount(),
          .baseDigest = {from.getBaseDigest().getA(), from.getBaseDigest().getB()}};
}

void write(const FoldResult& result, schema::CaptureFold::Builder to) {
  to.setId(result.id);
  to.setOk(result.ok);
  to.setError(textOf(result.error));
  to.setBaseSeq(result.baseSeq);
  to.setBaseCount(result.baseCount);
  auto digest = to.initBaseDigest();
  digest.setA(result.baseDigest.a);
  digest.setB(result.baseDigest.b);
}

NamedCounters read(capnp::List<schema::StatusRetMsg::Counter>::Reader from) {
  NamedCounters counters;
  counters.reserve(from.size());
  for (const auto one : from) counters.emplace_back(stringOf(one.getName()), one.getValue());
  return counters;
}

void write(const NamedCounters& counters, capnp::List<schema::StatusRetMsg::Counter>::Builder to) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setName(textOf(counters[i].first));
    to[i].setValue(counters[i].second);
  }
}

}  // namespace holdfast
