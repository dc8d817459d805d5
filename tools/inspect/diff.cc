// diff: what differs between two stores, worker by worker and location by location.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "inspect/commands.h"
#include "inspect/parallel.h"
#include "inspect/registry_view.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;
using text::hexText;

constexpr size_t kSamplesMax = 5;

// Keys that one side has and the other has not.
struct Only {
  uint64_t count = 0;
  std::vector<ChunkHash> samples;  // the smallest

  void add(ChunkHash key) {
    ++count;
    if (samples.size() < kSamplesMax) samples.push_back(key);
  }
};

// Differences of a worker, or of one of its locations.
struct Difference {
  std::string instance;
  uint32_t worker = 0;
  std::string location;             // empty: of the worker
  std::string missing;              // "A" or "B", where it is not there at all
  std::vector<std::string> fields;  // that differ
  std::optional<std::pair<Only, Only>> keys;
};

// One side's keys, one at a time.
class KeyStream {
 public:
  KeyStream(const StoreReader& reader, size_t family, const LocationRecord& location)
      : keys_(reader, family, location) {
    run_ = keys_.next();
  }
  bool valid() const { return !run_.empty(); }
  ChunkHash key() const { return run_.front(); }
  void next() {
    run_ = run_.subspan(1);
    if (run_.empty()) run_ = keys_.next();
  }
  const std::optional<Error>& error() const { return keys_.error(); }

 private:
  LiveKeys keys_;
  std::span<const ChunkHash> run_;
};

class Comparison {
 public:
  Comparison(const StoreReader& left, const StoreReader& right, const Output& output)
      : left_(left), right_(right), output_(output) {}

  ExitCode run() {
    const RegistryView a = viewRegistry(left_, output_.progress);
    const RegistryView b = viewRegistry(right_, output_.progress);
    for (const RegistryView* view : {&a, &b}) {
      for (const std::string& one : view->damaged) {
        error((view == &a ? left_ : right_).dataDir() + ": " + one);
      }
    }
    Meter meter(output_.progress, "keys");
    meter.expect(std::max(a.memberships, b.memberships));
    instances(a, b);
    using Id = std::pair<std::string, uint32_t>;
    std::map<Id, std::pair<const StoredWorker*, const StoredWorker*>> workers;
    const auto idOf = [](const StoredWorker& worker) {
      return Id(worker.head.record.instance, worker.head.record.worker);
    };
    for (const StoredWorker& worker : a.workers) workers[idOf(worker)].first = &worker;
    for (const StoredWorker& worker : b.workers) workers[idOf(worker)].second = &worker;
    for (const auto& [id, pair] : workers) compare(id.first, id.second, pair, meter);
    if (output_.json) {
      writeJson(a, b);
    } else {
      print(a, b);
    }
    if (failed_) return kUnreadable;
    return differences_.empty() && instanceDifferences_.empty() ? kDone : kFound;
  }

 private:
  void error(const std::string& what) {
    output_.err << "holdfast-inspect: left out, because it cannot be read: " << what << '\n';
    failed_ = true;
  }

  void instances(const RegistryView& a, const RegistryView& b) {
    std::set<std::string> names;
    for (const auto& [name, record] : a.instances) names.insert(name);
    for (const auto& [name, record] : b.instances) names.insert(name);
    for (const std::string& name : names) {
      const auto inA = a.instances.find(name);
      const auto inB = b.instances.find(name);
      Difference difference;
      difference.instance = name;
      if (inA == a.instances.end() || inB == b.instances.end()) {
        difference.missing = inA == a.instances.end() ? "A" : "B";
      } else if (inA->second.worldSize != inB->second.worldSize) {
        difference.fields.push_back("world size " + std::to_string(inA->second.worldSize) +
                                    " and " + std::to_string(inB->second.worldSize));
      }
      if (difference.missing.empty() && difference.fields.empty()) continue;
      instanceDifferences_.push_back(std::move(difference));
    }
  }

  void compare(const std::string& instance, uint32_t number,
               const std::pair<const StoredWorker*, const StoredWorker*>& pair, Meter& meter) {
    Difference difference;
    difference.instance = instance;
    difference.worker = number;
    if (pair.first == nullptr || pair.second == nullptr) {
      difference.missing = pair.first == nullptr ? "A" : "B";
      differences_.push_back(std::move(difference));
      return;
    }
    const WorkerRecord& a = pair.first->head.record;
    const WorkerRecord& b = pair.second->head.record;
    const auto field = [&](const char* name, bool equal) {
      if (!equal) difference.fields.emplace_back(name);
    };
    field("run", a.run == b.run);
    field("attempt", a.attempt == b.attempt);
    field("state", a.state == b.state);
    field("model", a.model == b.model);
    field("address", a.ip == b.ip && a.port == b.port);
    field("peer URL", a.peerUrl == b.peerUrl);
    field("world size", a.worldSize == b.worldSize);
    if (!difference.fields.empty()) differences_.push_back(difference);

    std::map<std::string, std::pair<const LocationHead*, const LocationHead*>> locations;
    for (const LocationHead& one : pair.first->head.locations) {
      locations[one.record.name].first = &one;
    }
    for (const LocationHead& one : pair.second->head.locations) {
      locations[one.record.name].second = &one;
    }
    for (const auto& [name, both] : locations) {
      Difference of;
      of.instance = instance;
      of.worker = number;
      of.location = name;
      if (both.first == nullptr || both.second == nullptr) {
        of.missing = both.first == nullptr ? "A" : "B";
        differences_.push_back(std::move(of));
      } else {
        locationFields(*both.first, *both.second, of);
        if (both.first->count != both.second->count ||
            !(both.first->digest == both.second->digest)) {
          of.keys = keys(*pair.first, *pair.second, *both.first, *both.second, meter);
        }
        if (!of.fields.empty() || of.keys) differences_.push_back(std::move(of));
      }
    }
  }

  static void locationFields(const LocationHead& a, const LocationHead& b, Difference& to) {
    const LivePart& left = a.record.live;
    const LivePart& right = b.record.live;
    if (left.incarnation != right.incarnation) {
      to.fields.push_back("incarnation " + hexText(left.incarnation) + " and " +
                          hexText(right.incarnation));
    }
    if (a.lastSeq != b.lastSeq) {
      to.fields.push_back("seq " + grouped(a.lastSeq) + " and " + grouped(b.lastSeq));
    }
    if (left.hidden != right.hidden) {
      to.fields.push_back(std::string("hidden in ") + (left.hidden ? "A" : "B") + " only");
    }
    if (a.record.building.has_value() != b.record.building.has_value()) {
      to.fields.push_back(std::string("a full sync in ") + (a.record.building ? "A" : "B") +
                          " only");
    }
  }

  std::pair<Only, Only> keys(const StoredWorker& left, const StoredWorker& right,
                             const LocationHead& a, const LocationHead& b, Meter& meter) {
    std::pair<Only, Only> only;
    KeyStream inA(left_, left.family, a.record);
    KeyStream inB(right_, right.family, b.record);
    uint64_t read = 0;
    while (inA.valid() || inB.valid()) {
      if (!inB.valid() || (inA.valid() && inA.key() < inB.key())) {
        only.first.add(inA.key());
        inA.next();
      } else if (!inA.valid() || inB.key() < inA.key()) {
        only.second.add(inB.key());
        inB.next();
      } else {
        inA.next();
        inB.next();
      }
      constexpr uint64_t kShowEvery = uint64_t{1} << 16;
      if (++read % kShowEvery != 0) continue;
      meter.done(kShowEvery);
      meter.show();
    }
    for (const KeyStream* side : {&inA, &inB}) {
      if (!side->error()) continue;
      error((side == &inA ? left_ : right_).dataDir() + ": instance '" + left.head.record.instance +
            "' worker " + std::to_string(left.head.record.worker) + ": " + side->error()->message);
    }
    return only;
  }

  static std::string samplesText(const Only& only) {
    std::string text;
    for (const ChunkHash key : only.samples) text += (text.empty() ? "0x" : ", 0x") + hexText(key);
    return text + (only.count > only.samples.size() ? ", ..." : "");
  }

  void print(const RegistryView& a, const RegistryView& b) {
    output_.out << "A  " << left_.dataDir() << " as of write " << grouped(left_.sequence()) << ": "
                << grouped(a.memberships) << " memberships, registry digest " << a.registry.hex()
                << "\nB  " << right_.dataDir() << " as of write " << grouped(right_.sequence())
                << ": " << grouped(b.memberships) << " memberships, registry digest "
                << b.registry.hex() << '\n';
    for (const Difference& one : instanceDifferences_) {
      output_.out << "instance " << one.instance << ": ";
      printFields(one);
    }
    for (const Difference& one : differences_) {
      output_.out << "instance " << one.instance << ", worker " << one.worker
                  << (one.location.empty() ? "" : ", location " + one.location) << ": ";
      printFields(one);
      if (!one.keys) continue;
      for (const Only* only : {&one.keys->first, &one.keys->second}) {
        if (only->count == 0) continue;
        output_.out << "    " << grouped(only->count) << " keys only in "
                    << (only == &one.keys->first ? "A" : "B") << ": " << samplesText(*only) << '\n';
      }
    }
    const size_t all = differences_.size() + instanceDifferences_.size();
    output_.out << (all == 0 ? "no difference" : text::countText(all, "difference")) << '\n';
  }

  void printFields(const Difference& one) {
    std::string text = one.missing.empty() ? "" : "missing in " + one.missing;
    for (const std::string& field : one.fields) text += (text.empty() ? "" : ", ") + field;
    output_.out << (text.empty() ? "other keys" : text) << '\n';
  }

  void writeJson(const RegistryView& a, const RegistryView& b) {
    text::JsonWriter json(output_.out);
    json.beginObject();
    json.text("registryDigestA", a.registry.hex());
    json.text("registryDigestB", b.registry.hex());
    json.beginList("differences");
    for (const Difference& one : instanceDifferences_) write(json, one, false);
    for (const Difference& one : differences_) write(json, one, true);
    json.endList();
    json.endObject();
  }

  static void write(text::JsonWriter& json, const Difference& one, bool ofWorker) {
    json.beginObject();
    json.text("instanceId", one.instance);
    if (ofWorker) json.number("workerId", one.worker);
    if (!one.location.empty()) json.text("location", one.location);
    if (!one.missing.empty()) json.text("missingIn", one.missing);
    json.beginList("fields");
    for (const std::string& field : one.fields) json.text({}, field);
    json.endList();
    if (one.keys) {
      for (const Only* only : {&one.keys->first, &one.keys->second}) {
        json.beginObject(only == &one.keys->first ? "onlyInA" : "onlyInB");
        json.number("count", only->count);
        json.beginList("samples");
        for (const ChunkHash key : only->samples) json.text({}, "0x" + hexText(key));
        json.endList();
        json.endObject();
      }
    }
    json.endObject();
  }

  const StoreReader& left_;
  const StoreReader& right_;
  const Output& output_;
  std::vector<Difference> instanceDifferences_;
  std::vector<Difference> differences_;
  bool failed_ = false;
};

}  // namespace

ExitCode showDifferences(const StoreReader& left, const StoreReader& right, const Output& output) {
  return Comparison(left, right, output).run();
}

}  // namespace holdfast::inspect
