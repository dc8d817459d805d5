// export, import: a store as lines of JSON, record by record (schema/export.capnp), so that a round
// trip loses nothing. What was left behind in the store and belongs to nothing is left out.
#include <capnp/compat/json.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "format/contents.h"
#include "format/event_records.h"
#include "format/registry_records.h"
#include "format/words.h"
#include "inspect/commands.h"
#include "inspect/event_walk.h"
#include "inspect/parallel.h"
#include "inspect/registry_view.h"
#include "schema/export.capnp.h"
#include "store/store_writer.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using schema::ExportLine;

// A segment of the most hashes takes 1.5 MiB.
constexpr std::streamsize kLineBytesMax = std::streamsize{16} << 20;
constexpr size_t kReadaheadBytes = size_t{2} << 20;

capnp::Text::Reader textOf(const std::string& text) {
  return {text.data(), text.size()};
}

// A stored value as the message that it is. Throws where it is none.
template <typename Schema, typename Use>
void withRecord(std::span<const uint64_t> words, Use use) {
  const kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(words.data()),
                                                words.size());
  capnp::ReaderOptions options;
  options.traversalLimitInWords = uint64_t{1} << 20;
  capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1), options);
  use(message.getRoot<Schema>());
}

template <typename Reader>
std::string bytesOf(Reader reader) {
  const auto words = capnp::canonicalize(reader);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

class Exporter {
 public:
  Exporter(const StoreReader& reader, const Output& output) : reader_(reader), output_(output) {}

  ExitCode run() {
    const RegistryView view = viewRegistry(reader_, output_.progress);
    for (const auto* damage : {&view.damaged, &view.damagedEvents}) {
      if (!damage->empty()) return failed(damage->front());
    }
    if (!reader_.damage().empty()) return failed(reader_.damage());
    uint64_t keys = 0;
    for (const StoredWorker& worker : view.workers) {
      for (const LocationHead& location : worker.head.locations) {
        keys += location.record.live.baseCount + location.journalOperations();
      }
    }
    Meter meter(output_.progress, "keys");
    meter.expect(keys);
    meter_ = &meter;
    std::string error;
    const auto exception = kj::runCatchingExceptions([&] { error = lines(view); });
    KJ_IF_MAYBE (e, exception) {
      error = std::string("a record does not decode: ") + e->getDescription().cStr();
    }
    if (!error.empty()) return failed(error);
    return kDone;
  }

 private:
  ExitCode failed(const std::string& why) {
    output_.err << "holdfast-inspect: the export is not complete, because this cannot be read: "
                << why << "\nholdfast-inspect verify tells more.\n";
    return kUnreadable;
  }

  template <typename Fill>
  void line(Fill fill) {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<ExportLine>();
    fill(root);
    const kj::String text = json_.encode(root.asReader());
    output_.out.write(text.begin(), static_cast<std::streamsize>(text.size())) << '\n';
    ++lines_;
  }
  // One record by its stored form.
  template <typename Schema, typename Set>
  void record(std::string_view value, Set set) {
    const auto words = alignedWords(value, scratch_);
    if (!words) kj::throwFatalException(KJ_EXCEPTION(FAILED, "not whole words"));
    withRecord<Schema>(*words, [&](typename Schema::Reader from) {
      line([&](ExportLine::Builder to) { set(to, from); });
    });
  }

  std::string lines(const RegistryView& view) {
    record<schema::FormatRecord>(encodeRecord(reader_.format()),
                                 [](auto to, auto from) { to.setFormat(from); });
    for (const auto& [name, instance] : view.instances) {
      owner({name, OwnerKind::kInstance, 0});
      record<schema::InstanceRecord>(encodeRecord(instance),
                                     [](auto to, auto from) { to.setInstance(from); });
    }
    for (const StoredWorker& worker : view.workers) {
      const WorkerRecord& stored = worker.head.record;
      owner({stored.instance, OwnerKind::kWorker, stored.worker});
      record<schema::WorkerRecord>(encodeRecord(stored),
                                   [](auto to, auto from) { to.setWorker(from); });
      auto rows = reader_.rows(worker.family, kReadaheadBytes);
      for (const LocationHead& location : worker.head.locations) {
        record<schema::LocationRecord>(encodeRecord(location.record),
                                       [](auto to, auto from) { to.setLocation(from); });
      }
      for (const LocationHead& location : worker.head.locations) {
        content(rows, location.record);
        if (!rows.error().empty() || !output_.out) return rows.error();
      }
    }
    if (std::string error = events(); !error.empty()) return error;
    const uint64_t before = lines_;
    line([&](ExportLine::Builder to) {
      auto end = to.initEnd();
      end.setLines(before);
      end.setRegistryDigest(textOf(view.registry.hex()));
    });
    return "";
  }

  std::string events() {
    return walkEvents(reader_, {[&](const EventRecord&, std::string_view value) {
                                  record<schema::EventRecord>(
                                      value, [](auto to, auto from) { to.setEvent(from); });
                                },
                                [](std::string_view, const std::string&) {}});
  }

  void owner(const OwnerRecord& owner) {
    record<schema::OwnerRecord>(encodeRecord(owner), [](auto to, auto from) { to.setOwner(from); });
  }

  void content(StoreReader::Rows& rows, const LocationRecord& location) {
    const LivePart& live = location.live;
    if (live.fold == 0) {
      batches(rows, location.id, live.generation);
    } else {
      segments(rows, segmentsPrefix(location.id, live.generation, live.fold));
    }
    journal(rows, location.id, live.generation);
    pins(rows, location.id);
    if (!location.building) return;
    batches(rows, location.id, location.building->generation);
    journal(rows, location.id, location.building->generation);
  }

  void segments(StoreReader::Rows& rows, const StoreKey& prefix) {
    for (rows.seek(prefix); rows.at(prefix); rows.next()) {
      const auto key = parseSegmentKey(rows.key());
      if (!key) continue;
      const auto words = alignedWords(rows.value(), scratch_);
      const auto keys = words ? readSegment(*words, keys_) : std::nullopt;
      if (!keys) kj::throwFatalException(KJ_EXCEPTION(FAILED, "not a segment"));
      // Unpacked: a number each is what other programs can read.
      line([&](ExportLine::Builder to) {
        auto segment = to.initSegment();
        segment.setLocation(key->location);
        segment.setGeneration(key->generation);
        segment.setFold(key->fold);
        segment.setN(key->n);
        segment.initRecord().setHashes({keys->data(), keys->size()});
      });
      show(keys->size());
    }
  }

  void batches(StoreReader::Rows& rows, uint16_t location, uint32_t generation) {
    const StoreKey prefix = batchesPrefix(location, generation);
    for (rows.seek(prefix); rows.at(prefix); rows.next()) {
      const auto key = parseBatchKey(rows.key());
      if (!key) continue;
      record<schema::BatchRecord>(rows.value(), [&](auto to, auto from) {
        auto batch = to.initBatch();
        batch.setLocation(key->location);
        batch.setGeneration(key->generation);
        batch.setNumber(key->number);
        batch.setRecord(from);
        show(from.getHashes().size());
      });
    }
  }

  void journal(StoreReader::Rows& rows, uint16_t location, uint32_t generation) {
    const StoreKey prefix = journalPrefix(location, generation);
    for (rows.seek(prefix); rows.at(prefix); rows.next()) {
      const auto key = parseJournalKey(rows.key());
      if (!key) continue;
      record<schema::JournalRecord>(rows.value(), [&](auto to, auto from) {
        auto journal = to.initJournal();
        journal.setLocation(key->location);
        journal.setGeneration(key->generation);
        journal.setStream(key->stream);
        journal.setFirstSeq(key->firstSeq);
        journal.setRecord(from);
        show(from.getKeys().size());
      });
    }
  }

  void pins(StoreReader::Rows& rows, uint16_t location) {
    const StoreKey prefix = pinsPrefix(location);
    for (rows.seek(prefix); rows.at(prefix); rows.next()) {
      const auto key = parsePinKey(rows.key());
      if (!key) continue;
      record<schema::PinRecord>(rows.value(), [&](auto to, auto from) {
        auto pin = to.initPin();
        pin.setLocation(key->location);
        pin.setChunk(key->chunk);
        pin.setRecord(from);
      });
    }
  }

  void show(uint64_t keys) {
    meter_->done(keys);
    meter_->show();
  }

  const StoreReader& reader_;
  const Output& output_;
  const capnp::JsonCodec json_;
  std::vector<uint64_t> scratch_;
  std::vector<ChunkHash> keys_;
  Meter* meter_ = nullptr;
  uint64_t lines_ = 0;
};

class Importer {
 public:
  Importer(std::istream& in, const std::string& dataDir) : in_(in), dataDir_(dataDir) {
    json_.setRejectUnknownFields(true);
  }

  // Empty, or what is wrong, where, and what to do. The store is finished, but not published.
  std::string run() {
    const auto buffer = std::make_unique<char[]>(static_cast<size_t>(kLineBytesMax));
    while (!ended_) {
      in_.getline(buffer.get(), kLineBytesMax);
      if (in_.gcount() == 0 || in_.bad()) return at("the export ends here without its last line");
      if (in_.fail()) return at("it is longer than " + text::bytesText(kLineBytesMax));
      std::string error;
      const auto exception = kj::runCatchingExceptions([&] {
        capnp::MallocMessageBuilder message;
        auto line = message.initRoot<ExportLine>();
        json_.decode(kj::ArrayPtr<const char>(buffer.get(), std::strlen(buffer.get())), line);
        error = take(line.asReader());
      });
      KJ_IF_MAYBE (e, exception)
        return at(std::string("it is no line of an export: ") + e->getDescription().cStr());
      if (!error.empty()) return error;
      ++lines_;
    }
    return writer_->finish();
  }

  StoreWriter& writer() { return *writer_; }
  const std::string& registryDigest() const { return registryDigest_; }
  uint64_t lines() const { return lines_; }

 private:
  std::string at(const std::string& what) const {
    return "line " + std::to_string(lines_ + 1) + ": " + what +
           "; nothing was imported: try again with a whole export";
  }

  std::string take(ExportLine::Reader line) {
    if (line.isFormat()) return begin(line.getFormat());
    if (!writer_) return at("the first line of an export is its format");
    if (line.isEnd()) return end(line.getEnd());
    if (line.isOwner()) {
      const auto owner = decodeOwner(bytesOf(line.getOwner()));
      if (!owner || owner->kind == OwnerKind::kAbandoned) return at("this owner is none");
      owned_ = true;
      return writer_->beginFamily(*owner);
    }
    if (line.isEvent()) return event(line.getEvent());
    if (!owned_) return at("a record before the first owner");
    switch (line.which()) {
      case ExportLine::INSTANCE:
        return put(instanceKey(), bytesOf(line.getInstance()));
      case ExportLine::WORKER:
        return put(workerKey(), bytesOf(line.getWorker()));
      case ExportLine::LOCATION:
        return put(locationKey(line.getLocation().getId()), bytesOf(line.getLocation()));
      case ExportLine::SEGMENT: {
        const auto one = line.getSegment();
        std::vector<ChunkHash> keys;
        for (const ChunkHash key : one.getRecord().getHashes()) keys.push_back(key);
        const auto descent = std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>());
        if (keys.empty() || keys.size() > kSegmentKeysMax || descent != keys.end()) {
          return at("its hashes are none, too many, or not ascending");
        }
        return put(segmentKey({one.getLocation(), one.getGeneration(), one.getFold(), one.getN()}),
                   encodeSegment(keys));
      }
      case ExportLine::BATCH: {
        const auto one = line.getBatch();
        return put(batchKey({one.getLocation(), one.getGeneration(), one.getNumber()}),
                   bytesOf(one.getRecord()));
      }
      case ExportLine::JOURNAL: {
        const auto one = line.getJournal();
        return put(journalKey({one.getLocation(), one.getGeneration(), one.getStream(),
                               one.getFirstSeq()}),
                   bytesOf(one.getRecord()));
      }
      case ExportLine::PIN: {
        const auto one = line.getPin();
        return put(pinKey({one.getLocation(), one.getChunk()}), bytesOf(one.getRecord()));
      }
      default:
        return at("a record of a kind that this program does not know");
    }
  }

  std::string begin(schema::FormatRecord::Reader from) {
    const auto format = decodeFormat(bytesOf(from));
    if (writer_ || !format) return at("a format where none belongs, or one that is none");
    auto writer = StoreWriter::create(dataDir_, *format);
    if (!writer.ok()) return writer.error().message;
    writer_ = std::move(writer.value());
    return "";
  }

  std::string event(schema::EventRecord::Reader from) {
    const std::string value = bytesOf(from);
    const auto record = decodeEvent(value);
    if (!record) return at("this event is none");
    return writer_->putEvent(record->id, value);
  }

  std::string end(ExportLine::End::Reader from) {
    if (from.getLines() != lines_) {
      return at("there were " + std::to_string(from.getLines()) + " lines before this one");
    }
    registryDigest_ = std::string(from.getRegistryDigest().cStr());
    ended_ = true;
    return "";
  }

  std::string put(const StoreKey& key, const std::string& value) {
    return writer_->put(key, value);
  }

  std::istream& in_;
  const std::string dataDir_;
  capnp::JsonCodec json_;
  std::unique_ptr<StoreWriter> writer_;
  bool owned_ = false;
  bool ended_ = false;
  uint64_t lines_ = 0;
  std::string registryDigest_;
};

}  // namespace

ExitCode exportStore(const StoreReader& reader, const Output& output) {
  return Exporter(reader, output).run();
}

ExitCode importStore(std::istream& in, const std::string& dataDir, const Output& output) {
  Importer importer(in, dataDir);
  std::string error = importer.run();
  const std::string& stated = importer.registryDigest();
  std::optional<RegistryView> view;
  if (error.empty()) {
    const auto reader = StoreReader::open(importer.writer().directory());
    if (reader.ok()) {
      view = viewRegistry(*reader.value(), output.progress);
    } else {
      error = reader.error().message;
    }
  }
  if (view && view->registry.hex() != stated) {
    error = "the registry digest of what was imported is " + view->registry.hex() +
            ", the export says " + stated + "; the export was changed: nothing was imported";
  }
  if (error.empty()) error = importer.writer().publish(stated);
  if (!error.empty()) {
    output.err << "holdfast-inspect: " << error << '\n';
    return kUnreadable;
  }
  if (output.json) {
    text::JsonWriter json(output.out);
    json.beginObject();
    json.number("lines", importer.lines());
    json.number("workers", view->workers.size());
    json.number("memberships", view->memberships);
    json.text("registryDigest", stated);
    json.endObject();
  } else {
    output.out << text::grouped(view->workers.size()) << " workers with "
               << text::grouped(view->memberships) << " memberships are in " << dataDir
               << ", registry digest " << stated << '\n';
  }
  return kDone;
}

}  // namespace holdfast::inspect
