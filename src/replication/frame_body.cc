#include "replication/frame_body.h"

#include <capnp/message.h>

#include <utility>

#include "core/check.h"
#include "core/limits.h"
#include "format/contents.h"
#include "format/event_records.h"
#include "format/record_message.h"
#include "format/registry_records.h"
#include "schema/replication.capnp.h"

namespace holdfast::replication {

using namespace record_message;

namespace {

using Body = schema::FrameBody;

// Of a step, a write or an owner beside its texts, records and chunks.
constexpr size_t kEachWords = 8;

capnp::Data::Reader blob(const std::string& bytes) {
  return {reinterpret_cast<const capnp::byte*>(bytes.data()), bytes.size()};
}
capnp::Data::Reader blob(std::span<const uint64_t> words) {
  return {reinterpret_cast<const capnp::byte*>(words.data()), words.size_bytes()};
}
std::string_view bytes(capnp::Data::Reader reader) {
  return {reinterpret_cast<const char*>(reader.begin()), reader.size()};
}
// Data stands at words of an aligned message.
std::span<const uint64_t> wordsOf(capnp::Data::Reader reader) {
  if (reader.size() % sizeof(uint64_t) != 0) return {};
  return {reinterpret_cast<const uint64_t*>(reader.begin()), reader.size() / sizeof(uint64_t)};
}
kj::ArrayPtr<const uint64_t> list(const std::vector<ChunkHash>& chunks) {
  return {chunks.data(), chunks.size()};
}

// How many words the records of a step take, so that a body is built in one go.
struct StepWords {
  template <typename Step>
  size_t operator()(const Step&) const {
    return 0;
  }
  size_t operator()(const PutPins& step) const { return step.chunks.size() + 64; }
  size_t operator()(const DropPins& step) const { return step.chunks.size(); }
};
size_t wordsOf(const LoggedWrite& write) {
  if (const auto* report = std::get_if<LoggedReport>(&write)) return report->record.size();
  if (const auto* batch = std::get_if<LoggedSyncBatch>(&write)) return batch->record.size();
  size_t words = 0;
  for (const StoreStep& step : std::get<StoreBatch>(write).steps) {
    words += kEachWords + std::visit(StepWords{}, step);
  }
  return words;
}

struct StepWriter {
  Body::Step::Builder to;

  void operator()(const PutInstance& step) { to.setPutInstance(blob(encodeRecord(step.record))); }
  void operator()(const PutWorker& step) { to.setPutWorker(blob(encodeRecord(step.record))); }
  void operator()(const PutLocation& step) { to.setPutLocation(blob(encodeRecord(step.record))); }
  void operator()(const DropGeneration& step) {
    to.setLocation(step.location);
    to.setDropGeneration(step.generation);
  }
  void operator()(const DropLocation& step) {
    to.setLocation(step.location);
    to.setDropLocation();
  }
  void operator()(const DropFold& step) {
    to.setLocation(step.location);
    auto fold = to.initDropFold();
    fold.setGeneration(step.generation);
    fold.setFold(step.fold);
  }
  void operator()(const DropJournal& step) {
    to.setLocation(step.location);
    auto journal = to.initDropJournal();
    journal.setGeneration(step.generation);
    journal.setStream(step.stream);
    journal.setThroughSeq(step.throughSeq);
  }
  void operator()(const PutPins& step) {
    to.setLocation(step.location);
    auto pins = to.initPutPins();
    pins.setRecord(blob(encodeRecord(step.record)));
    pins.setChunks(list(step.chunks));
  }
  void operator()(const DropPins& step) {
    to.setLocation(step.location);
    to.setDropPins(list(step.chunks));
  }
  void operator()(const DropAllPins& step) {
    to.setLocation(step.location);
    to.setDropAllPins();
  }
  void operator()(const Release&) { to.setRelease(); }
  void operator()(const PutEvent& step) { to.setPutEvent(blob(encodeRecord(step.record))); }
  void operator()(const DropEvent& step) { to.setDropEvent(text(step.id)); }
};

template <typename Step>
void setOwner(Body::Step::Builder to, const Step& step) {
  if constexpr (requires { step.owner; }) to.setOwner(step.owner);
}

void fillWrite(Body::Write::Builder to, const LoggedWrite& from) {
  if (const auto* report = std::get_if<LoggedReport>(&from)) {
    auto record = to.initReport();
    record.setOwner(report->owner);
    record.setLocation(report->location);
    record.setGeneration(report->generation);
    record.setStream(report->stream);
    record.setFirstSeq(report->firstSeq);
    record.setRecord(blob(report->record));
    return;
  }
  if (const auto* batch = std::get_if<LoggedSyncBatch>(&from)) {
    auto record = to.initSyncBatch();
    record.setOwner(batch->owner);
    record.setLocation(batch->location);
    record.setGeneration(batch->generation);
    record.setNumber(batch->number);
    record.setRecord(blob(batch->record));
    return;
  }
  const auto& batch = std::get<StoreBatch>(from);
  auto record = to.initBatch();
  record.setSynced(batch.synced);
  auto steps = record.initSteps(static_cast<kj::uint>(batch.steps.size()));
  for (kj::uint i = 0; i < steps.size(); ++i) {
    std::visit([&](const auto& step) { setOwner(steps[i], step); }, batch.steps[i]);
    std::visit(StepWriter{steps[i]}, batch.steps[i]);
  }
}

// Reads one step. `owners`: how many the body names.
class StepReader {
 public:
  explicit StepReader(size_t owners) : owners_(owners) {}

  std::optional<StoreStep> read(Body::Step::Reader from) const {
    switch (from.which()) {
      case Body::Step::PUT_EVENT:
        return put<PutEvent>(decodeEvent(bytes(from.getPutEvent())));
      case Body::Step::DROP_EVENT: {
        const std::string_view id = text(from.getDropEvent());
        if (id.empty() || id.size() > kEventIdBytesMax) return {};
        return DropEvent{std::string(id)};
      }
      default:
        if (from.getOwner() >= owners_) return {};
        return readOwned(from);
    }
  }

 private:
  template <typename Step, typename Record>
  static std::optional<StoreStep> put(std::optional<Record> record) {
    if (!record) return {};
    return Step{*std::move(record)};
  }
  template <typename Step, typename Record>
  static std::optional<StoreStep> put(OwnerId owner, std::optional<Record> record) {
    if (!record) return {};
    return Step{owner, *std::move(record)};
  }
  static std::vector<ChunkHash> chunks(capnp::List<uint64_t>::Reader from) {
    const auto keys = keysOf(from);
    return {keys.begin(), keys.end()};
  }

  static std::optional<StoreStep> readOwned(Body::Step::Reader from) {
    const OwnerId owner = from.getOwner();
    const uint16_t location = from.getLocation();
    switch (from.which()) {
      case Body::Step::PUT_INSTANCE:
        return put<PutInstance>(owner, decodeInstance(bytes(from.getPutInstance())));
      case Body::Step::PUT_WORKER:
        return put<PutWorker>(owner, decodeWorker(bytes(from.getPutWorker())));
      case Body::Step::PUT_LOCATION:
        return put<PutLocation>(owner, decodeLocation(bytes(from.getPutLocation())));
      case Body::Step::DROP_GENERATION:
        return DropGeneration{owner, location, from.getDropGeneration()};
      case Body::Step::DROP_LOCATION:
        return DropLocation{owner, location};
      case Body::Step::DROP_FOLD: {
        const auto fold = from.getDropFold();
        return DropFold{owner, location, fold.getGeneration(), fold.getFold()};
      }
      case Body::Step::DROP_JOURNAL: {
        const auto journal = from.getDropJournal();
        return DropJournal{owner, location, journal.getGeneration(), journal.getStream(),
                           journal.getThroughSeq()};
      }
      case Body::Step::PUT_PINS: {
        const auto pins = from.getPutPins();
        auto record = decodePin(bytes(pins.getRecord()));
        if (!record) return {};
        return PutPins{owner, location, *std::move(record), chunks(pins.getChunks())};
      }
      case Body::Step::DROP_PINS:
        return DropPins{owner, location, chunks(from.getDropPins())};
      case Body::Step::DROP_ALL_PINS:
        return DropAllPins{owner, location};
      case Body::Step::RELEASE:
        return Release{owner};
      default:
        return {};  // of a newer program
    }
  }

  const size_t owners_;
};

std::optional<OwnerName> readOwner(Body::Owner::Reader from) {
  OwnerName to{std::string(text(from.getInstance())), {}};
  if (to.instance.empty() || to.instance.size() > kInstanceIdBytesMax) return {};
  if (from.isWorker()) to.worker = from.getWorker();
  return to;
}

std::optional<LoggedWrite> readWrite(Body::Write::Reader write, size_t owners) {
  switch (write.which()) {
    case Body::Write::REPORT: {
      const auto from = write.getReport();
      const LoggedReport to{.owner = from.getOwner(),
                            .location = from.getLocation(),
                            .generation = from.getGeneration(),
                            .stream = from.getStream(),
                            .firstSeq = from.getFirstSeq(),
                            .record = wordsOf(from.getRecord())};
      if (to.owner >= owners || to.record.empty()) return {};
      return to;
    }
    case Body::Write::SYNC_BATCH: {
      const auto from = write.getSyncBatch();
      const LoggedSyncBatch to{.owner = from.getOwner(),
                               .location = from.getLocation(),
                               .generation = from.getGeneration(),
                               .number = from.getNumber(),
                               .record = wordsOf(from.getRecord())};
      if (to.owner >= owners || to.record.empty()) return {};
      return to;
    }
    case Body::Write::BATCH: {
      StoreBatch to;
      to.synced = write.getBatch().getSynced();
      const StepReader reader(owners);
      for (const auto from : write.getBatch().getSteps()) {
        auto step = reader.read(from);
        if (!step) return {};
        to.steps.push_back(*std::move(step));
      }
      return to;
    }
  }
  return {};  // of a newer program
}

std::optional<FrameBody> readBody(Body::Reader from) {
  FrameBody to;
  for (const auto owner : from.getOwners()) {
    auto name = readOwner(owner);
    if (!name) return {};
    to.owners.push_back(*std::move(name));
  }
  for (const auto write : from.getWrites()) {
    auto one = readWrite(write, to.owners.size());
    if (!one) return {};
    to.writes.push_back(*std::move(one));
  }
  return to;
}

// In one segment, whatever the message grew into.
std::vector<uint8_t> bytesOf(Body::Builder body, capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  if (segments.size() == 1) {
    const auto all = segments[0].asBytes();
    return {all.begin(), all.end()};
  }
  const auto words = static_cast<unsigned>(body.asReader().totalSize().wordCount + kPointerWords);
  capnp::MallocMessageBuilder one(words, capnp::AllocationStrategy::FIXED_SIZE);
  one.setRoot(body.asReader());
  const auto all = one.getSegmentsForOutput()[0].asBytes();
  return {all.begin(), all.end()};
}

}  // namespace

std::optional<ReportRecord> reportOf(const LoggedReport& logged) {
  const auto entry = decodeJournal(logged.record);
  if (!entry) return std::nullopt;
  return ReportRecord{.owner = logged.owner,
                      .location = logged.location,
                      .generation = logged.generation,
                      .stream = logged.stream,
                      .firstSeq = logged.firstSeq,
                      .operations = entry->operations,
                      .countAfter = entry->countAfter,
                      .digestAfter = entry->digestAfter,
                      .counted = entry->counted,
                      .position = entry->position};
}

std::optional<BatchRecord> batchOf(const LoggedSyncBatch& logged) {
  const auto keys = decodeBatch(logged.record);
  if (!keys) return std::nullopt;
  return BatchRecord{.owner = logged.owner,
                     .location = logged.location,
                     .generation = logged.generation,
                     .number = logged.number,
                     .keys = *keys};
}

std::vector<uint8_t> encodeBody(const FrameBody& body) {
  size_t words = 8;
  for (const OwnerName& owner : body.owners) words += kEachWords + owner.instance.size() / 8;
  for (const LoggedWrite& each : body.writes) words += kEachWords + wordsOf(each);
  capnp::MallocMessageBuilder message(static_cast<unsigned>(words));
  auto to = message.initRoot<Body>();
  auto owners = to.initOwners(static_cast<kj::uint>(body.owners.size()));
  for (kj::uint i = 0; i < owners.size(); ++i) {
    owners[i].setInstance(text(body.owners[i].instance));
    if (body.owners[i].worker) {
      owners[i].setWorker(*body.owners[i].worker);
    } else {
      owners[i].setIsInstance();
    }
  }
  auto writes = to.initWrites(static_cast<kj::uint>(body.writes.size()));
  for (kj::uint i = 0; i < writes.size(); ++i) fillWrite(writes[i], body.writes[i]);
  return bytesOf(to, message);
}

std::optional<FrameBody> decodeBody(std::span<const uint64_t> words) {
  auto body = decode<Body>(words, readBody);
  return body ? *std::move(body) : std::nullopt;
}

}  // namespace holdfast::replication
