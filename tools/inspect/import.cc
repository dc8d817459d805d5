// import: a new store of the lines of JSON that export writes (schema/export.capnp).
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
#include <vector>

#include "format/contents.h"
#include "format/event_records.h"
#include "format/registry_records.h"
#include "inspect/commands.h"
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

template <typename Reader>
std::string bytesOf(Reader reader) {
  const auto words = capnp::canonicalize(reader);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

class Importer {
 public:
  Importer(std::istream& in, const std::string& dataDir) : in_(in), dataDir_(dataDir) {
    json_.setRejectUnknownFields(true);
  }

  // The error says what is wrong, where, and what to do. The store is finished, but not published.
  std::optional<Error> run() {
    const auto buffer = std::make_unique<char[]>(static_cast<size_t>(kLineBytesMax));
    while (!ended_) {
      in_.getline(buffer.get(), kLineBytesMax);
      if (in_.gcount() == 0 || in_.bad()) return at("the export ends here without its last line");
      if (in_.fail()) return at("it is longer than " + text::bytesText(kLineBytesMax));
      std::optional<Error> error;
      const auto exception = kj::runCatchingExceptions([&] {
        capnp::MallocMessageBuilder message;
        auto line = message.initRoot<ExportLine>();
        json_.decode(kj::ArrayPtr<const char>(buffer.get(), std::strlen(buffer.get())), line);
        error = take(line.asReader());
      });
      KJ_IF_MAYBE (e, exception) {
        return at(std::string("it is no line of an export: ") + e->getDescription().cStr());
      }
      if (error) return error;
      ++lines_;
    }
    return writer_->finish();
  }

  StoreWriter& writer() { return *writer_; }
  const std::string& registryDigest() const { return registryDigest_; }
  uint64_t lines() const { return lines_; }

 private:
  Error at(const std::string& what) const {
    return {ErrorCode::kInvalid, "line " + std::to_string(lines_ + 1) + ": " + what +
                                     "; nothing was imported: try again with a whole export"};
  }

  std::optional<Error> take(ExportLine::Reader line) {
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

  std::optional<Error> begin(schema::FormatRecord::Reader from) {
    const auto format = decodeFormat(bytesOf(from));
    if (writer_ || !format) return at("a format where none belongs, or one that is none");
    auto writer = StoreWriter::create(dataDir_, *format);
    if (!writer.ok()) return writer.error();
    writer_ = std::move(writer.value());
    return std::nullopt;
  }

  std::optional<Error> event(schema::EventRecord::Reader from) {
    const std::string value = bytesOf(from);
    const auto record = decodeEvent(value);
    if (!record) return at("this event is none");
    return writer_->putEvent(record->id, value);
  }

  std::optional<Error> end(ExportLine::End::Reader from) {
    if (from.getLines() != lines_) {
      return at("there were " + std::to_string(from.getLines()) + " lines before this one");
    }
    registryDigest_ = std::string(from.getRegistryDigest().cStr());
    ended_ = true;
    return std::nullopt;
  }

  std::optional<Error> put(const StoreKey& key, const std::string& value) {
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

ExitCode importStore(std::istream& in, const std::string& dataDir, const Output& output) {
  Importer importer(in, dataDir);
  auto error = importer.run();
  const std::string& stated = importer.registryDigest();
  std::optional<RegistryView> view;
  if (!error) {
    const auto reader = StoreReader::open(importer.writer().directory());
    if (reader.ok()) {
      view = viewRegistry(*reader.value(), output.progress);
    } else {
      error = reader.error();
    }
  }
  if (view && view->registry.hex() != stated) {
    error = Error{ErrorCode::kInvalid, "the registry digest of what was imported is " +
                                           view->registry.hex() + ", the export says " + stated +
                                           "; the export was changed: nothing was imported"};
  }
  if (!error) error = importer.writer().publish(stated);
  if (error) {
    output.err << "holdfast-inspect: " << error->message << '\n';
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
