#include "client/wire.h"

namespace holdfast {
namespace {

// Words of a report beside its keys: the call, the structs, name and bitmap.
constexpr uint64_t kReportOverheadWords = 64;

static_assert(static_cast<int>(Reason::kNotStated) == static_cast<int>(schema::Reason::NOT_STATED));
static_assert(static_cast<int>(DecisionKind::kDiverged) ==
              static_cast<int>(schema::DecisionKind::DIVERGED));

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

capnp::StreamingRequest<schema::WorkerSession::ReportParams> makeReport(
    schema::WorkerSession::Client& session, const WorkerStateMachine::OutgoingReport& report) {
  const size_t bytes = report.keys.size() * sizeof(ChunkHash) + report.evicts.size();
  auto request = session.reportRequest(
      capnp::MessageSize{bytes / sizeof(capnp::word) + kReportOverheadWords, 0});
  auto message = request.initMessage();
  message.setLocation(toText(report.location));
  message.setIncarnation(report.incarnation);
  message.setFirstSeq(report.firstSeq);
  auto keys = message.initKeys(static_cast<unsigned>(report.keys.size()));
  for (unsigned i = 0; i < report.keys.size(); ++i) keys.set(i, report.keys[i]);
  if (!report.evicts.empty()) {
    message.setEvicts(capnp::Data::Reader(report.evicts.data(), report.evicts.size()));
  }
  return request;
}

}  // namespace holdfast
