#include "wire/registration.h"

#include "wire/endpoints.h"
#include "wire/enums.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

static_assert(sameNumber(schema::HashAlgorithm::SHA256_CBOR, HashAlgorithm::sha256Cbor));
static_assert(sameNumber(schema::DecisionKind::REPLAY, DecisionKind::kReplay));
static_assert(sameNumber(schema::DecisionKind::DIVERGED, DecisionKind::kDiverged));
static_assert(sameNumber(schema::DecisionKind::SYNCING, DecisionKind::kSyncing));
static_assert(sameNumber(schema::Reason::NONE, Reason::kNone));
static_assert(sameNumber(schema::Reason::WORKER_ROLLED_BACK, Reason::kWorkerRolledBack));
static_assert(sameNumber(schema::Reason::NOT_STATED, Reason::kNotStated));
static_assert(sameNumber(schema::Reason::CLEARED, Reason::kCleared));
static_assert(static_cast<size_t>(schema::Reason::CLEARED) + 1 == kReasons);

}  // namespace

HashSettings read(schema::HashSettings::Reader from) {
  return {.chunkSize = from.getChunkSize(),
          .algorithm = plainOf<HashAlgorithm>(from.getAlgorithm()),
          .noneHash = from.getNoneHash(),
          .saveUnfullChunk = from.getSaveUnfullChunk()};
}

void write(const HashSettings& settings, schema::HashSettings::Builder to) {
  to.setChunkSize(settings.chunkSize);
  to.setAlgorithm(static_cast<schema::HashAlgorithm>(settings.algorithm));
  to.setNoneHash(settings.noneHash);
  to.setSaveUnfullChunk(settings.saveUnfullChunk);
}

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
          .locations = read(from.getLocations()),
          .labels = read(from.getLabels())};
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
  write(registration.locations, to.initLocations(listSize(registration.locations.size())));
  if (registration.labels.empty()) return;
  write(registration.labels, to.initLabels(listSize(registration.labels.size())));
}

std::vector<LocationDecision> read(capnp::List<schema::LocationDecision>::Reader from) {
  std::vector<LocationDecision> decisions;
  decisions.reserve(from.size());
  for (const auto one : from) {
    decisions.push_back({.location = stringOf(one.getLocation()),
                         .kind = plainOf<DecisionKind>(one.getKind()),
                         .reason = plainOf<Reason>(one.getReason()),
                         .nextSeq = one.getNextSeq()});
  }
  return decisions;
}

void write(const std::vector<LocationDecision>& decisions,
           capnp::List<schema::LocationDecision>::Builder to) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    const LocationDecision& decision = decisions[i];
    auto one = to[i];
    one.setLocation(textOf(decision.location));
    one.setKind(static_cast<schema::DecisionKind>(decision.kind));
    one.setReason(static_cast<schema::Reason>(decision.reason));
    one.setNextSeq(decision.nextSeq);
  }
}

RegistrationAnswer read(schema::RegisterRetMsg::Reader from) {
  RegistrationAnswer answer{.decisions = read(from.getDecisions()),
                            .hashing = read(from.getHashing()),
                            .hashSample = std::nullopt,
                            .heartbeatIntervalMs = from.getHeartbeatIntervalMs(),
                            .heartbeatTimeoutMs = from.getHeartbeatTimeoutMs()};
  if (from.getHashing().getHasSample()) answer.hashSample = from.getHashing().getSample();
  return answer;
}

void write(const RegistrationAnswer& answer, schema::RegisterRetMsg::Builder to) {
  write(answer.decisions, to.initDecisions(listSize(answer.decisions.size())));
  auto hashing = to.initHashing();
  write(answer.hashing, hashing);
  if (answer.hashSample) {
    hashing.setSample(*answer.hashSample);
    hashing.setHasSample(true);
  }
  to.setHeartbeatIntervalMs(answer.heartbeatIntervalMs);
  to.setHeartbeatTimeoutMs(answer.heartbeatTimeoutMs);
}

HeartbeatOutcome read(schema::HeartbeatRetMsg::Reader from) {
  HeartbeatOutcome outcome;
  outcome.committed.reserve(from.getCommitted().size());
  for (const auto one : from.getCommitted()) {
    outcome.committed.push_back({.location = stringOf(one.getLocation()),
                                 .incarnation = one.getIncarnation(),
                                 .seq = one.getSeq()});
  }
  outcome.decisions = read(from.getDecisions());
  return outcome;
}

void write(const HeartbeatOutcome& outcome, schema::HeartbeatRetMsg::Builder to) {
  auto committed = to.initCommitted(listSize(outcome.committed.size()));
  for (kj::uint i = 0; i < committed.size(); ++i) {
    committed[i].setLocation(textOf(outcome.committed[i].location));
    committed[i].setIncarnation(outcome.committed[i].incarnation);
    committed[i].setSeq(outcome.committed[i].seq);
  }
  write(outcome.decisions, to.initDecisions(listSize(outcome.decisions.size())));
  auto commands = to.initCommands(listSize(outcome.commands.size()));
  for (kj::uint i = 0; i < commands.size(); ++i) {
    commands[i].setLocation(textOf(outcome.commands[i].first));
    commands[i].setReason(textOf(reasonName(outcome.commands[i].second)));
  }
}

EngineSource read(schema::EngineSource::Reader from, const Registration& of) {
  EngineSource to;
  to.endpoint = stringOf(from.getEndpoint());
  to.bind = from.getBind();
  to.replayEndpoint = stringOf(from.getReplayEndpoint());
  to.topic = stringOf(from.getTopic());
  to.blockSize = from.getBlockSize();
  to.routingGroup = stringOf(from.getRoutingGroup());
  to.additionalSalt = stringOf(from.getAdditionalSalt());
  to.http = stringOf(from.getHttp());
  to.configured = from.getConfigured();
  to.name = {of.instance, of.worker};
  to.model = of.model;
  to.labels = of.labels;
  return to;
}

void write(const EngineSource& source, schema::EngineSource::Builder to) {
  to.setEndpoint(textOf(source.endpoint));
  to.setBind(source.bind);
  to.setReplayEndpoint(textOf(source.replayEndpoint));
  to.setTopic(textOf(source.topic));
  to.setBlockSize(source.blockSize);
  to.setRoutingGroup(textOf(source.routingGroup));
  to.setAdditionalSalt(textOf(source.additionalSalt));
  to.setHttp(textOf(source.http));
  to.setConfigured(source.configured);
}

}  // namespace holdfast
