#include "format/event_records.h"

#include <algorithm>

#include "format/record_message.h"
#include "schema/storage.capnp.h"

namespace holdfast {

using namespace record_message;

namespace {

bool isUnknown(const RankRecord& rank) {
  return rank.status > RankStatus::kNeverRun;
}
// Ranks are stored in ascending order, each once. A list that claims more than there is room for
// repeats one.
bool isNoLater(const RankRecord& rank, const RankRecord& next) {
  return next.worker <= rank.worker;
}

}  // namespace

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
                 std::any_of(record->ranks.begin(), record->ranks.end(), isUnknown) ||
                 std::adjacent_find(record->ranks.begin(), record->ranks.end(), isNoLater) !=
                     record->ranks.end())) {
    return std::nullopt;
  }
  return record;
}

}  // namespace holdfast
