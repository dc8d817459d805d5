#include "store/record_codec.h"

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/limits.h"
#include "schema/storage.capnp.h"
#include "store/packed_keys.h"

namespace holdfast {
namespace {

// A record is at most a segment of 65,536 hashes; far above it, far below a runaway size.
constexpr uint64_t kRecordWordsMax = uint64_t{1} << 20;
constexpr size_t kPointerWords = 1;

std::string_view text(capnp::Text::Reader reader) {
  return {reader.begin(), reader.size()};
}
capnp::Text::Reader text(const std::string& value) {
  return {value.data(), value.size()};
}

void setDigest(schema::KeyDigest::Builder to, const KeyDigest& from) {
  to.setA(from.a);
  to.setB(from.b);
}
KeyDigest getDigest(schema::KeyDigest::Reader from) {
  return {from.getA(), from.getB()};
}

std::string bytesOf(capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  HOLDFAST_CHECK(segments.size() == 1, "a record grew into %zu segments", segments.size());
  const auto bytes = segments[0].asBytes();
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

// Builds a record in one segment: `words` is a bound of its size.
template <typename Schema, typename Fill>
std::string encode(size_t words, Fill fill) {
  capnp::MallocMessageBuilder message(static_cast<unsigned>(words),
                                      capnp::AllocationStrategy::FIXED_SIZE);
  fill(message.initRoot<Schema>());
  return bytesOf(message);
}

size_t wordsOfBytes(size_t bytes) {
  return bytes / 8 + 1;
}

// Runs `read` over the root of the message in `words`; nothing if that is damaged.
template <typename Schema, typename Read>
auto decode(std::span<const uint64_t> words, Read read)
    -> std::optional<decltype(read(std::declval<typename Schema::Reader>()))> {
  static_assert(sizeof(capnp::word) == sizeof(uint64_t));
  std::optional<decltype(read(std::declval<typename Schema::Reader>()))> result;
  const auto exception = kj::runCatchingExceptions([&] {
    const kj::ArrayPtr<const capnp::word> segment(
        reinterpret_cast<const capnp::word*>(words.data()), words.size());
    capnp::ReaderOptions options;
    options.traversalLimitInWords = kRecordWordsMax;
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1), options);
    result = read(message.getRoot<Schema>());
  });
  if (exception != nullptr) return std::nullopt;
  return result;
}

template <typename Schema, typename Read>
auto decode(std::string_view value, Read read) {
  std::vector<uint64_t> scratch;
  const auto words = alignedWords(value, scratch);
  using Decoded = decltype(decode<Schema>(*words, read));
  return words ? decode<Schema>(*words, read) : Decoded();
}

std::span<const ChunkHash> keysOf(capnp::List<uint64_t>::Reader list) {
  // In place: a segment or journal is most of what recovery reads.
  const auto bytes = capnp::AnyList::Reader(list).getRawBytes();
  if (bytes.size() != list.size() * sizeof(ChunkHash)) return {};
  return {reinterpret_cast<const ChunkHash*>(bytes.begin()), list.size()};
}

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
                       wordsOfBytes(record.peerUrl.size()) + wordsOfBytes(record.model.size());
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

std::string encodeRecord(const EventRecord& record) {
  size_t words = 64 + wordsOfBytes(record.id.size()) + wordsOfBytes(record.instance.size()) +
                 wordsOfBytes(record.location.size()) + wordsOfBytes(record.toInstance.size()) +
                 wordsOfBytes(record.toLocation.size()) + wordsOfBytes(record.method.size()) +
                 record.toPin.size();
  constexpr size_t kRankWords = capnp::sizeInWords<schema::EventRecord::Rank>();
  for (const RankRecord& rank : record.ranks) words += kRankWords + wordsOfBytes(rank.error.size());
  return encode<schema::EventRecord>(words, [&](schema::EventRecord::Builder to) {
    to.setId(text(record.id));
    to.setNumber(record.number);
    to.setKind(static_cast<schema::OperationKind>(record.kind));
    to.setInstance(text(record.instance));
    to.setLocation(text(record.location));
    to.setToInstance(text(record.toInstance));
    to.setToLocation(text(record.toLocation));
    to.setMethod(text(record.method));
    to.setCopy(record.copy);
    to.setChunks(record.chunks);
    to.setArgumentsLow(record.arguments.low);
    to.setArgumentsHigh(record.arguments.high);
    to.setCreatedWallMs(record.createdWallMs);
    to.setFinishedWallMs(record.finishedWallMs);
    to.setCreatedStoreMs(record.createdStoreMs);
    to.setFinishedStoreMs(record.finishedStoreMs);
    to.setTtlSeconds(record.ttlSeconds);
    if (!record.toPin.empty()) {
      to.setToPin(kj::ArrayPtr<const uint64_t>(record.toPin.data(), record.toPin.size()));
    }
    auto ranks = to.initRanks(static_cast<unsigned>(record.ranks.size()));
    for (unsigned i = 0; i < ranks.size(); ++i) {
      const RankRecord& rank = record.ranks[i];
      ranks[i].setWorker(rank.worker);
      ranks[i].setRun(rank.run);
      const RankStatus status = rank.final() ? rank.status : RankStatus::kPending;
      ranks[i].setStatus(static_cast<schema::RankStatus>(status));
      ranks[i].setNumTokens(rank.numTokens);
      ranks[i].setErrorCode(rank.errorCode);
      ranks[i].setError(text(rank.error.string()));
    }
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

std::string encodeSegment(std::span<const ChunkHash> keys) {
  HOLDFAST_CHECK(!keys.empty() && keys.size() <= kSegmentKeysMax, "a segment of %zu keys",
                 keys.size());
  const uint32_t width = differenceWidth(keys);
  const size_t bytes = (keys.size() - 1) * width;
  return encode<schema::SegmentRecord>(
      8 + wordsOfBytes(bytes), [&](schema::SegmentRecord::Builder to) {
        to.setFirst(keys.front());
        to.setWidth(static_cast<uint8_t>(width));
        auto differences = to.initDifferences(static_cast<unsigned>(bytes));
        packDifferences(keys, width, {differences.begin(), differences.size()});
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

std::optional<EventRecord> decodeEvent(std::string_view value) {
  auto record = decode<schema::EventRecord>(value, [](schema::EventRecord::Reader from) {
    EventRecord to;
    to.id = text(from.getId());
    to.number = from.getNumber();
    to.kind = static_cast<OperationKind>(from.getKind());
    to.instance = text(from.getInstance());
    to.location = text(from.getLocation());
    to.toInstance = text(from.getToInstance());
    to.toLocation = text(from.getToLocation());
    to.method = text(from.getMethod());
    to.copy = from.getCopy();
    to.chunks = from.getChunks();
    to.arguments = {from.getArgumentsLow(), from.getArgumentsHigh()};
    to.createdWallMs = from.getCreatedWallMs();
    to.finishedWallMs = from.getFinishedWallMs();
    to.createdStoreMs = from.getCreatedStoreMs();
    to.finishedStoreMs = from.getFinishedStoreMs();
    to.ttlSeconds = from.getTtlSeconds();
    const auto toPin = keysOf(from.getToPin());
    to.toPin.assign(toPin.begin(), toPin.end());
    for (const auto rank : from.getRanks()) {
      RankRecord one{.worker = rank.getWorker(),
                     .errorCode = rank.getErrorCode(),
                     .run = rank.getRun(),
                     .numTokens = rank.getNumTokens(),
                     .error = text(rank.getError()),
                     .status = static_cast<RankStatus>(rank.getStatus())};
      if (!one.final()) one.status = RankStatus::kPending;
      to.ranks.push_back(std::move(one));
    }
    return to;
  });
  if (record && (record->id.empty() || static_cast<size_t>(record->kind) >= kOperationKinds ||
                 std::any_of(record->ranks.begin(), record->ranks.end(), [](const auto& rank) {
                   return rank.status > RankStatus::kNeverRun;
                 }))) {
    return std::nullopt;
  }
  return record;
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

size_t journalWords(const Operations& operations) {
  const size_t evictBytes = operations.evicts.allAdmits() ? 0 : (operations.size() + 7) / 8;
  constexpr size_t kDigestWords = capnp::sizeInWords<schema::KeyDigest>();
  return kPointerWords + capnp::sizeInWords<schema::JournalRecord>() + operations.size() +
         (evictBytes + 7) / 8 + kDigestWords;
}

void encodeJournal(const ReportRecord& report, std::span<uint64_t> out) {
  const Operations& operations = report.operations;
  const size_t count = operations.size();
  capnp::FlatMessageBuilder message(
      kj::arrayPtr(reinterpret_cast<capnp::word*>(out.data()), out.size()));
  auto record = message.initRoot<schema::JournalRecord>();
  record.setKeys(kj::ArrayPtr<const uint64_t>(operations.keys.data(), count));
  if (!operations.evicts.allAdmits()) {
    auto bits = record.initEvicts(static_cast<unsigned>((count + 7) / 8));
    const size_t offset = operations.evicts.offset;
    if (offset % 8 == 0) {
      std::memcpy(bits.begin(), operations.evicts.bits + offset / 8, bits.size());
    } else {
      for (size_t i = 0; i < count; ++i) {
        if (operations.evicts.test(i)) {
          bits[i >> 3] = static_cast<capnp::byte>(bits[i >> 3] | (1u << (i & 7)));
        }
      }
    }
  }
  record.setCountAfter(report.countAfter);
  setDigest(record.initDigestAfter(), report.digestAfter);
  record.setUncounted(!report.counted);
  message.requireFilled();
}

size_t batchWords(size_t keys) {
  return kPointerWords + capnp::sizeInWords<schema::BatchRecord>() + keys;
}

void encodeBatch(const BatchRecord& batch, std::span<uint64_t> out) {
  capnp::FlatMessageBuilder message(
      kj::arrayPtr(reinterpret_cast<capnp::word*>(out.data()), out.size()));
  message.initRoot<schema::BatchRecord>().setHashes(
      kj::ArrayPtr<const uint64_t>(batch.keys.data(), batch.keys.size()));
  message.requireFilled();
}

std::optional<SegmentView> decodeSegment(std::span<const uint64_t> value) {
  const auto view = decode<schema::SegmentRecord>(value, [](schema::SegmentRecord::Reader from) {
    SegmentView to;
    to.width_ = from.getWidth();
    if (to.width_ == 0) {
      to.plain_ = keysOf(from.getHashes());
      to.size_ = to.plain_.size();
      return to;
    }
    const auto differences = from.getDifferences();
    to.first_ = from.getFirst();
    to.differences_ = {differences.begin(), differences.size()};
    // Anything else leaves no keys, which is damage below.
    if (to.width_ <= sizeof(ChunkHash) && differences.size() % to.width_ == 0) {
      to.size_ = 1 + differences.size() / to.width_;
    }
    return to;
  });
  if (!view || view->size() == 0 || view->size() > kSegmentKeysMax) return std::nullopt;
  return view;
}

bool SegmentView::read(std::span<ChunkHash> out) const {
  if (packed()) return unpackKeys(first_, width_, differences_, out);
  bool ascending = true;
  for (size_t i = 0; i < plain_.size(); ++i) {
    out[i] = plain_[i];
    ascending &= i == 0 || out[i - 1] < out[i];
  }
  return ascending;
}

std::optional<std::span<const ChunkHash>> readSegment(std::span<const uint64_t> value,
                                                      std::vector<ChunkHash>& keys) {
  const auto view = decodeSegment(value);
  if (!view) return std::nullopt;
  if (keys.size() < view->size()) keys.resize(view->size());
  const std::span<ChunkHash> out(keys.data(), view->size());
  if (!view->read(out)) return std::nullopt;
  return out;
}

std::optional<std::span<const ChunkHash>> decodeBatch(std::span<const uint64_t> value) {
  const auto keys = decode<schema::BatchRecord>(
      value, [](schema::BatchRecord::Reader from) { return keysOf(from.getHashes()); });
  if (!keys || keys->empty() || keys->size() > kKeysPerSyncBatchMax) return std::nullopt;
  return keys;
}

std::optional<JournalEntry> decodeJournal(std::span<const uint64_t> value) {
  const auto entry = decode<schema::JournalRecord>(value, [](schema::JournalRecord::Reader from) {
    JournalEntry to;
    to.operations.keys = keysOf(from.getKeys());
    const auto evicts = from.getEvicts();
    if (evicts.size() > 0) {
      // Too short a bitmap leaves no operations, which is damage below.
      if (evicts.size() * 8 < to.operations.keys.size()) to.operations.keys = {};
      to.operations.evicts.bits = evicts.begin();
    }
    to.countAfter = from.getCountAfter();
    to.digestAfter = getDigest(from.getDigestAfter());
    to.counted = !from.getUncounted();
    return to;
  });
  if (!entry || entry->operations.keys.empty()) return std::nullopt;
  return entry;
}

std::optional<std::span<const uint64_t>> alignedWords(std::string_view value,
                                                      std::vector<uint64_t>& scratch) {
  if (value.empty() || value.size() % sizeof(uint64_t) != 0) return std::nullopt;
  const size_t words = value.size() / sizeof(uint64_t);
  if (reinterpret_cast<uintptr_t>(value.data()) % alignof(uint64_t) == 0) {
    return std::span(reinterpret_cast<const uint64_t*>(value.data()), words);
  }
  scratch.resize(words);
  std::memcpy(scratch.data(), value.data(), value.size());
  return std::span<const uint64_t>(scratch);
}

}  // namespace holdfast
