#include "format/registry_records.h"

#include <algorithm>

#include "core/check.h"
#include "format/record_message.h"
#include "schema/storage.capnp.h"

namespace holdfast {

using namespace record_message;

namespace {

schema::WorkerState toSchema(WorkerState state) {
  switch (state) {
    case WorkerState::kActive:
      return schema::WorkerState::ACTIVE;
    case WorkerState::kLost:
      return schema::WorkerState::LOST;
    case WorkerState::kRecovered:
      break;
  }
  HOLDFAST_CHECK(false, "a worker is never stored as recovered");
  return schema::WorkerState::ACTIVE;
}

size_t wordsOfLabels(const Labels& labels) {
  size_t words = 1;
  for (const Label& label : labels) {
    words += 2 + wordsOfBytes(label.key.size()) + wordsOfBytes(label.value.size());
  }
  return words;
}

void setSource(schema::EngineSource::Builder to, const EngineSource& source) {
  to.setEndpoint(text(source.endpoint));
  to.setBind(source.bind);
  to.setReplayEndpoint(text(source.replayEndpoint));
  to.setTopic(text(source.topic));
  to.setBlockSize(source.blockSize);
  to.setRoutingGroup(text(source.routingGroup));
  to.setAdditionalSalt(text(source.additionalSalt));
  to.setHttp(text(source.http));
  to.setConfigured(source.configured);
}

// Its worker's record has the rest.
EngineSource getSource(schema::EngineSource::Reader from, const WorkerRecord& worker) {
  EngineSource to;
  to.endpoint = text(from.getEndpoint());
  to.bind = from.getBind();
  to.replayEndpoint = text(from.getReplayEndpoint());
  to.topic = text(from.getTopic());
  to.blockSize = from.getBlockSize();
  to.routingGroup = text(from.getRoutingGroup());
  to.additionalSalt = text(from.getAdditionalSalt());
  to.http = text(from.getHttp());
  to.configured = from.getConfigured();
  to.name = {worker.instance, worker.worker};
  to.model = worker.model;
  to.labels = worker.labels;
  return to;
}

size_t wordsOfSource(const std::optional<EngineSource>& source) {
  if (!source) return 0;
  return capnp::sizeInWords<schema::EngineSource>() + wordsOfBytes(source->endpoint.size()) +
         wordsOfBytes(source->replayEndpoint.size()) + wordsOfBytes(source->topic.size()) +
         wordsOfBytes(source->routingGroup.size()) + wordsOfBytes(source->additionalSalt.size()) +
         wordsOfBytes(source->http.size());
}

}  // namespace

std::string encodeRecord(const FormatRecord& record) {
  const size_t words = 16 + wordsOfBytes(record.clusterId.size() + record.createdBy.size());
  return encode<schema::FormatRecord>(words, [&](schema::FormatRecord::Builder to) {
    to.setVersion(record.version);
    to.setClusterId({record.clusterId.data(), record.clusterId.size()});
    to.setCreatedBy(text(record.createdBy));
    to.setCreatedWallMs(record.createdWallMs);
  });
}

std::string encodeRecord(const OwnerRecord& record) {
  const size_t words = 16 + wordsOfBytes(record.instance.size());
  return encode<schema::OwnerRecord>(words, [&](schema::OwnerRecord::Builder to) {
    to.setInstance(text(record.instance));
    switch (record.kind) {
      case OwnerKind::kInstance:
        to.setIsInstance();
        break;
      case OwnerKind::kWorker:
        to.setWorker(record.worker);
        break;
      case OwnerKind::kAbandoned:
        to.setAbandoned();
        break;
    }
  });
}

std::string encodeRecord(const TimeRecord& record) {
  const size_t words = 16 + wordsOfBytes(record.boot.size());
  return encode<schema::TimeRecord>(words, [&](schema::TimeRecord::Builder to) {
    to.setStoreMs(record.storeMs);
    to.setWallMs(record.wallMs);
    to.setBootMs(record.bootMs);
    to.setBoot(text(record.boot));
  });
}

std::string encodeRecord(const LogPlace& place) {
  const size_t words = 16 + wordsOfBytes(place.identity.size());
  return encode<schema::LogPlaceRecord>(words, [&](schema::LogPlaceRecord::Builder to) {
    to.setIdentity(text(place.identity));
    to.setEpoch(place.epoch);
    to.setIndex(place.index);
    to.setSequence(place.sequence);
    to.setWrites(place.writes);
  });
}

std::string encodeRecord(const InstanceRecord& record) {
  const size_t words = 16 + wordsOfBytes(record.instance.size());
  return encode<schema::InstanceRecord>(words, [&](schema::InstanceRecord::Builder to) {
    to.setInstance(text(record.instance));
    to.setWorldSize(record.worldSize);
    to.setCreatedWallMs(record.createdWallMs);
    to.setDrained(record.drained);
  });
}

std::string encodeRecord(const WorkerRecord& record) {
  const size_t words = 32 + wordsOfBytes(record.instance.size()) + wordsOfBytes(record.ip.size()) +
                       wordsOfBytes(record.peerUrl.size()) + wordsOfBytes(record.model.size()) +
                       wordsOfLabels(record.labels) + wordsOfSource(record.source);
  return encode<schema::WorkerRecord>(words, [&](schema::WorkerRecord::Builder to) {
    to.setInstance(text(record.instance));
    to.setWorker(record.worker);
    to.setIp(text(record.ip));
    to.setPort(record.port);
    to.setPeerUrl(text(record.peerUrl));
    to.setModel(text(record.model));
    to.setWorldSize(record.worldSize);
    to.setRun(record.run);
    to.setAttempt(record.attempt);
    to.setState(toSchema(record.state));
    to.setRegisteredWallMs(record.registeredWallMs);
    to.setLastSeenWallMs(record.lastSeenWallMs);
    to.setLostStoreMs(record.lostStoreMs);
    if (record.position) {
      to.setSourceSeq(record.position->seq + 1);
      to.setSourceDigest(record.position->digest);
    }
    if (record.source) setSource(to.initSource(), *record.source);
    if (record.labels.empty()) return;
    auto labels = to.initLabels(static_cast<kj::uint>(record.labels.size()));
    for (kj::uint i = 0; i < labels.size(); ++i) {
      labels[i].setKey(text(record.labels[i].key));
      labels[i].setValue(text(record.labels[i].value));
    }
  });
}

std::string encodeRecord(const LocationRecord& record) {
  const size_t words = 48 + wordsOfBytes(record.name.size());
  return encode<schema::LocationRecord>(words, [&](schema::LocationRecord::Builder to) {
    to.setId(record.id);
    to.setName(text(record.name));
    to.setNextGeneration(record.nextGeneration);
    auto live = to.initLive();
    live.setGeneration(record.live.generation);
    live.setFold(record.live.fold);
    live.setStream(record.live.stream);
    live.setIncarnation(record.live.incarnation);
    live.setBaseSeq(record.live.baseSeq);
    live.setBaseCount(record.live.baseCount);
    setDigest(live.initBaseDigest(), record.live.baseDigest);
    live.setHidden(record.live.hidden);
    live.setIncomplete(record.live.incomplete);
    if (!record.building) return;
    auto building = to.initBuilding();
    building.setGeneration(record.building->generation);
    building.setIncarnation(record.building->incarnation);
    building.setSyncId(record.building->syncId);
    building.setBaseSeq(record.building->baseSeq);
    building.setBatchCount(record.building->batchCount);
    building.setTotalKeys(record.building->totalKeys);
    setDigest(building.initDigest(), record.building->digest);
  });
}

std::string encodeRecord(const PinRecord& record) {
  const size_t words = 8 + wordsOfBytes(record.eventId.size());
  return encode<schema::PinRecord>(words, [&](schema::PinRecord::Builder to) {
    to.setEventId(text(record.eventId));
    to.setPinnedWallMs(record.pinnedWallMs);
    to.setExpiresWallMs(record.expiresWallMs);
    to.setExpiresStoreMs(record.expiresStoreMs);
  });
}

std::optional<FormatRecord> decodeFormat(std::string_view value) {
  auto record = decode<schema::FormatRecord>(value, [](schema::FormatRecord::Reader from) {
    FormatRecord to;
    to.version = from.getVersion();
    const auto id = from.getClusterId();
    std::copy_n(id.begin(), std::min<size_t>(id.size(), to.clusterId.size()), to.clusterId.begin());
    to.createdBy = text(from.getCreatedBy());
    to.createdWallMs = from.getCreatedWallMs();
    return to;
  });
  if (record && record->version == 0) return std::nullopt;
  return record;
}

std::optional<TimeRecord> decodeTime(std::string_view value) {
  return decode<schema::TimeRecord>(value, [](schema::TimeRecord::Reader from) {
    return TimeRecord{.storeMs = from.getStoreMs(),
                      .wallMs = from.getWallMs(),
                      .bootMs = from.getBootMs(),
                      .boot = std::string(text(from.getBoot()))};
  });
}

std::optional<LogPlace> decodeLogPlace(std::string_view value) {
  auto place = decode<schema::LogPlaceRecord>(value, [](schema::LogPlaceRecord::Reader from) {
    return LogPlace{.identity = std::string(text(from.getIdentity())),
                    .epoch = from.getEpoch(),
                    .index = from.getIndex(),
                    .sequence = from.getSequence(),
                    .writes = from.getWrites()};
  });
  if (place && (place->identity.empty() || place->identity.size() > kLogIdentityBytesMax))
    return {};
  return place;
}

std::optional<OwnerRecord> decodeOwner(std::string_view value) {
  return decode<schema::OwnerRecord>(value, [](schema::OwnerRecord::Reader from) {
    OwnerRecord to;
    to.instance = text(from.getInstance());
    switch (from.which()) {
      case schema::OwnerRecord::IS_INSTANCE:
        to.kind = OwnerKind::kInstance;
        break;
      case schema::OwnerRecord::WORKER:
        to.kind = OwnerKind::kWorker;
        to.worker = from.getWorker();
        break;
      case schema::OwnerRecord::ABANDONED:
        to.kind = OwnerKind::kAbandoned;
        break;
    }
    return to;
  });
}

std::optional<InstanceRecord> decodeInstance(std::string_view value) {
  return decode<schema::InstanceRecord>(value, [](schema::InstanceRecord::Reader from) {
    InstanceRecord to;
    to.instance = text(from.getInstance());
    to.worldSize = from.getWorldSize();
    to.createdWallMs = from.getCreatedWallMs();
    to.drained = from.getDrained();
    return to;
  });
}

std::optional<WorkerRecord> decodeWorker(std::string_view value) {
  return decode<schema::WorkerRecord>(value, [](schema::WorkerRecord::Reader from) {
    WorkerRecord to;
    to.instance = text(from.getInstance());
    to.worker = from.getWorker();
    to.ip = text(from.getIp());
    to.port = from.getPort();
    to.peerUrl = text(from.getPeerUrl());
    to.model = text(from.getModel());
    to.worldSize = from.getWorldSize();
    to.run = from.getRun();
    to.attempt = from.getAttempt();
    to.state =
        from.getState() == schema::WorkerState::LOST ? WorkerState::kLost : WorkerState::kActive;
    to.registeredWallMs = from.getRegisteredWallMs();
    to.lastSeenWallMs = from.getLastSeenWallMs();
    to.lostStoreMs = from.getLostStoreMs();
    if (from.getSourceSeq() != 0) {
      to.position = SourcePosition{from.getSourceSeq() - 1, from.getSourceDigest()};
    }
    for (const auto label : from.getLabels()) {
      to.labels.push_back({std::string(text(label.getKey())), std::string(text(label.getValue()))});
    }
    if (from.hasSource()) to.source = getSource(from.getSource(), to);
    return to;
  });
}

std::optional<LocationRecord> decodeLocation(std::string_view value) {
  return decode<schema::LocationRecord>(value, [](schema::LocationRecord::Reader from) {
    LocationRecord to;
    to.id = from.getId();
    to.name = text(from.getName());
    to.nextGeneration = from.getNextGeneration();
    const auto live = from.getLive();
    to.live.generation = live.getGeneration();
    to.live.fold = live.getFold();
    to.live.stream = live.getStream();
    to.live.incarnation = live.getIncarnation();
    to.live.baseSeq = live.getBaseSeq();
    to.live.baseCount = live.getBaseCount();
    to.live.baseDigest = getDigest(live.getBaseDigest());
    to.live.hidden = live.getHidden();
    to.live.incomplete = live.getIncomplete();
    if (from.hasBuilding()) {
      const auto building = from.getBuilding();
      to.building.emplace();
      to.building->generation = building.getGeneration();
      to.building->incarnation = building.getIncarnation();
      to.building->syncId = building.getSyncId();
      to.building->baseSeq = building.getBaseSeq();
      to.building->batchCount = building.getBatchCount();
      to.building->totalKeys = building.getTotalKeys();
      to.building->digest = getDigest(building.getDigest());
    }
    return to;
  });
}

std::optional<PinRecord> decodePin(std::string_view value) {
  auto record = decode<schema::PinRecord>(value, [](schema::PinRecord::Reader from) {
    return PinRecord{.eventId = std::string(text(from.getEventId())),
                     .pinnedWallMs = from.getPinnedWallMs(),
                     .expiresWallMs = from.getExpiresWallMs(),
                     .expiresStoreMs = from.getExpiresStoreMs()};
  });
  if (record && record->eventId.empty()) return std::nullopt;
  return record;
}

}  // namespace holdfast
