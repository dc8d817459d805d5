#include "client/wire.h"

#include <span>

#include "core/ids.h"
#include "core/limits.h"

namespace holdfast {
namespace {

// Words of a report or a batch beside keys and bitmap: the call, the structs and the name.
constexpr uint64_t kOverheadWords = 64;

static_assert(static_cast<int>(Reason::kRunRepeated) ==
              static_cast<int>(schema::Reason::RUN_REPEATED));
static_assert(static_cast<int>(DecisionKind::kSyncing) ==
              static_cast<int>(schema::DecisionKind::SYNCING));

capnp::MessageSize sizeOf(size_t bytes) {
  return {bytes / sizeof(capnp::word) + kOverheadWords, 0};
}

void writeKeys(std::span<const ChunkHash> keys, capnp::List<uint64_t>::Builder to) {
  for (unsigned i = 0; i < keys.size(); ++i) to.set(i, keys[i]);
}

std::vector<uint32_t> readNumbers(capnp::List<uint32_t>::Reader from) {
  std::vector<uint32_t> numbers;
  numbers.reserve(from.size());
  for (const uint32_t number : from) numbers.push_back(number);
  return numbers;
}

}  // namespace

void writeStatements(const std::vector<LocationStatement>& statements,
                     capnp::List<schema::LocationStatement>::Builder to) {
  for (unsigned i = 0; i < statements.size(); ++i) {
    const LocationStatement& statement = statements[i];
    auto out = to[i];
    out.setLocation(toText(statement.location));
    out.setIncarnation(statement.incarnation);
    out.setBeganEmpty(statement.beganEmpty);
    out.setLastSeq(statement.lastSeq);
    out.setCount(statement.count);
    out.getDigest().setA(statement.digest.a);
    out.getDigest().setB(statement.digest.b);
    out.setReplayableFrom(statement.replayableFrom);
    out.setSyncId(statement.syncId);
  }
}

void writeRegistration(const ClientOptions& options,
                       const WorkerStateMachine::RegistrationRequest& request,
                       schema::RegisterMsg::Builder to) {
  to.setInstanceId(toText(options.instance));
  to.setWorkerId(options.worker);
  to.setIp(toText(options.ip));
  to.setPort(options.port);
  to.setPeerInitUrl(toText(options.peerUrl));
  to.setModel(toText(options.model));
  to.setWorldSize(options.worldSize);
  to.setRun(request.run);
  to.setAttempt(request.attempt);
  if (options.hashing) {
    auto hashing = to.initHashing();
    hashing.setChunkSize(options.hashing->chunkSize);
    hashing.setAlgorithm(options.hashing->sha256Cbor ? schema::HashAlgorithm::SHA256_CBOR64BIT
                                                     : schema::HashAlgorithm::BUILTIN);
    hashing.setNoneHash(options.hashing->noneHash);
    hashing.setSaveUnfullChunk(options.hashing->saveUnfullChunk);
  }
  const auto count = static_cast<unsigned>(request.statements.size());
  writeStatements(request.statements, to.initLocations(count));
}

std::vector<LocationDecision> readDecisions(capnp::List<schema::LocationDecision>::Reader from) {
  std::vector<LocationDecision> decisions;
  for (const auto decision : from) {
    decisions.push_back({toString(decision.getLocation()),
                         static_cast<DecisionKind>(decision.getKind()),
                         static_cast<Reason>(decision.getReason()), decision.getNextSeq()});
  }
  return decisions;
}

std::vector<CommittedSeq> readCommitted(
    capnp::List<schema::HeartbeatRetMsg::Committed>::Reader from) {
  std::vector<CommittedSeq> committed;
  for (const auto location : from) {
    committed.push_back(
        {toString(location.getLocation()), location.getIncarnation(), location.getSeq()});
  }
  return committed;
}

CacheOperation readOperation(schema::WorkerOperationMsg::Reader from) {
  CacheOperation operation;
  operation.number = from.getWorkerEventId();
  operation.kind = static_cast<OperationKind>(from.getKind());
  operation.location = toString(from.getLocation());
  operation.allChunks = from.getAllChunks();
  const auto hashes = from.getHashes();
  operation.chunks.reserve(hashes.size());
  for (const uint64_t hash : hashes) operation.chunks.push_back(hash);
  operation.method = toString(from.getMethod());
  operation.copy = from.getCopy();
  operation.ttlSeconds = from.getTtlSeconds();
  const auto destination = from.getDestination();
  operation.destination = {toString(destination.getInstanceId()), destination.getWorkerId(),
                           toString(destination.getLocation()),
                           toString(destination.getPeerInitUrl())};
  return operation;
}

void writeOutcome(const OperationOutcome& outcome, schema::WorkerOutcomeMsg::Builder to) {
  to.setStatus(static_cast<schema::WorkerOutcomeMsg::Status>(outcome.status));
  to.setNumTokens(outcome.numTokens);
  to.setErrorCode(outcome.errorCode);
  to.setError(toText(oneLineForPeople(outcome.error, kOutcomeErrorBytesMax)));
}

FullSyncStartOutcome readFullSyncStart(schema::FullSyncStartRetMsg::Reader from) {
  FullSyncStartOutcome outcome;
  outcome.accepted = from.getAccepted();
  outcome.error = toString(from.getErrorMsg());
  outcome.missing = readNumbers(from.getMissingBatches());
  return outcome;
}

FullSyncStatus readFullSyncStatus(schema::FullSyncStatusRetMsg::Reader from) {
  return {.known = from.getIsKnown(),
          .complete = from.getIsComplete(),
          .globalProgress = from.getGlobalProgress(),
          .canExitFreeze = from.getCanExitFreeze(),
          .missing = readNumbers(from.getMissingBatches())};
}

void writeFullSyncStart(const FullSyncStart& start, schema::FullSyncStartMsg::Builder to) {
  to.setLocation(toText(start.location));
  to.setIncarnation(start.incarnation);
  to.setSyncId(start.syncId);
  to.setTotalKeys(start.totalKeys);
  to.setBatchCount(start.batchCount);
  to.setBaseSeq(start.baseSeq);
  to.getDigest().setA(start.digest.a);
  to.getDigest().setB(start.digest.b);
  to.setLastSeq(start.lastSeq);
}

void writeFullSyncEnd(const FullSyncEnd& end, schema::FullSyncEndMsg::Builder to) {
  to.setLocation(toText(end.location));
  to.setIncarnation(end.incarnation);
  to.setSyncId(end.syncId);
  to.setActualTotalKeys(end.actualTotalKeys);
}

void writeFullSyncPoll(const FullSyncPoll& poll, schema::FullSyncStatusMsg::Builder to) {
  to.setLocation(toText(poll.location));
  to.setIncarnation(poll.incarnation);
  to.setSyncId(poll.syncId);
}

capnp::StreamingRequest<schema::WorkerSession::ReportParams> makeReport(
    schema::WorkerSession::Client& session, const WorkerStateMachine::OutgoingReport& report) {
  auto request =
      session.reportRequest(sizeOf(report.keys.size() * sizeof(ChunkHash) + report.evicts.size()));
  auto message = request.initMessage();
  message.setLocation(toText(report.location));
  message.setIncarnation(report.incarnation);
  message.setFirstSeq(report.firstSeq);
  writeKeys(report.keys, message.initKeys(static_cast<unsigned>(report.keys.size())));
  if (!report.evicts.empty()) {
    message.setEvicts(capnp::Data::Reader(report.evicts.data(), report.evicts.size()));
  }
  return request;
}

capnp::StreamingRequest<schema::WorkerSession::FullSyncBatchParams> makeFullSyncBatch(
    schema::WorkerSession::Client& session, const FullSyncBatch& batch) {
  auto request = session.fullSyncBatchRequest(sizeOf(batch.keys.size_bytes()));
  auto message = request.initMessage();
  message.setLocation(toText(batch.location));
  message.setIncarnation(batch.incarnation);
  message.setSyncId(batch.syncId);
  message.setBatchId(batch.number);
  writeKeys(batch.keys, message.initKeys(static_cast<unsigned>(batch.keys.size())));
  return request;
}

}  // namespace holdfast
