// export: a store as lines of JSON, record by record (schema/export.capnp), so that a round trip
// through import loses nothing. What was left behind in the store and belongs to nothing is left
// out.
#include <capnp/compat/json.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <optional>
#include <span>
#include <vector>

#include "format/contents.h"
#include "format/registry_records.h"
#include "format/traversal.h"
#include "format/words.h"
#include "inspect/commands.h"
#include "inspect/event_walk.h"
#include "inspect/parallel.h"
#include "inspect/registry_view.h"
#include "schema/export.capnp.h"

namespace holdfast::inspect {
namespace {

using schema::ExportLine;

constexpr size_t kExportReadahead = size_t{2} << 20;

capnp::Text::Reader textOf(const std::string& text) {
  return {text.data(), text.size()};
}

// A stored value as the message that it is. Throws where it is none.
template <typename Schema, typename Use>
void withRecord(std::span<const uint64_t> words, Use use) {
  const kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(words.data()),
                                                words.size());
  capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1),
                                           readerOptionsFor(words.size()));
  use(message.getRoot<Schema>());
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
    std::optional<Error> error;
    const auto exception = kj::runCatchingExceptions([&] { error = lines(view); });
    KJ_IF_MAYBE (e, exception) {
      return failed(std::string("a record does not decode: ") + e->getDescription().cStr());
    }
    return error ? failed(error->message) : kDone;
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

  std::optional<Error> lines(const RegistryView& view) {
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
      auto rows = reader_.rows(worker.family, kExportReadahead);
      for (const LocationHead& location : worker.head.locations) {
        record<schema::LocationRecord>(encodeRecord(location.record),
                                       [](auto to, auto from) { to.setLocation(from); });
      }
      for (const LocationHead& location : worker.head.locations) {
        content(rows, location.record);
        if (auto error = rows.error(); error || !output_.out) return error;
      }
    }
    if (auto error = events()) return error;
    const uint64_t before = lines_;
    line([&](ExportLine::Builder to) {
      auto end = to.initEnd();
      end.setLines(before);
      end.setRegistryDigest(textOf(view.registry.hex()));
    });
    return std::nullopt;
  }

  std::optional<Error> events() {
    return walkEvents(reader_, {[&](const EventRecord&, std::string_view value) {
                                  record<schema::EventRecord>(
                                      value, [](auto to, auto from) { to.setEvent(from); });
                                },
                                [](std::string_view, const std::string&) {}});
  }

  void owner(const OwnerRecord& owner) {
    record<schema::OwnerRecord>(encodeRecord(owner), [](auto to, auto from) { to.setOwner(from); });
  }

  void content(FamilyRows& rows, const LocationRecord& location) {
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

  void segments(FamilyRows& rows, const StoreKey& prefix) {
    for (rows.seek(prefix); rows.at(prefix); rows.next()) {
      const auto key = parseSegmentKey(rows.key());
      if (!key) continue;
      const auto words = rows.words();
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

  void batches(FamilyRows& rows, uint16_t location, uint32_t generation) {
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

  void journal(FamilyRows& rows, uint16_t location, uint32_t generation) {
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

  void pins(FamilyRows& rows, uint16_t location) {
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

}  // namespace

ExitCode exportStore(const StoreReader& reader, const Output& output) {
  return Exporter(reader, output).run();
}

}  // namespace holdfast::inspect
