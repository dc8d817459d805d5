// Runs lmcache_wire.json beside this file (make_lmcache_wire.py made it) and, if the environment
// variable HOLDFAST_LMCACHE_WIRE names one, a further file of the same format.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <msgpack.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gateways/lmcache/decoder.h"
#include "gateways/lmcache/encoder.h"
#include "gateways/lmcache/report.h"

namespace holdfast::lmcache {
namespace {

using Json = simdjson::dom::element;

struct Sample {
  std::string type;
  Json fields;
  std::string bytes;
};

// Keeps the document that the samples refer to.
class Samples {
 public:
  explicit Samples(const std::string& path) : root_(parser_.load(path)) {
    for (const Json message : simdjson::dom::array(root_["messages"])) {
      const std::string_view hex(message["msgpack_hex"]);
      Sample sample{std::string(std::string_view(message["type"])), message["json"], {}};
      for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        sample.bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
      }
      all_.push_back(std::move(sample));
    }
  }
  const std::vector<Sample>& all() const { return all_; }

 private:
  simdjson::dom::parser parser_;
  Json root_;
  std::vector<Sample> all_;
};

std::vector<std::string> files() {
  std::vector<std::string> all{HOLDFAST_OWN_LMCACHE_WIRE};
  const char* more = std::getenv("HOLDFAST_LMCACHE_WIRE");
  if (more != nullptr && *more != '\0') all.emplace_back(more);
  return all;
}

std::string text(Json fields, const char* name) {
  std::string_view value;
  return fields[name].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

uint64_t number(Json value) {
  uint64_t large = 0;
  if (value.get(large) == simdjson::SUCCESS) return large;
  return static_cast<uint64_t>(int64_t(value));
}

template <typename Number>
void expectNumber(Json fields, const char* name, Number found) {
  Json value;
  if (fields[name].get(value) != simdjson::SUCCESS) return;
  EXPECT_EQ(static_cast<uint64_t>(found), number(value)) << name;
}

void expectKeys(Json list, const std::vector<uint64_t>& found) {
  std::vector<uint64_t> expected;
  for (const Json key : simdjson::dom::array(list)) expected.push_back(number(key));
  EXPECT_EQ(found, expected);
}

void expectSame(Json fields, const Message& message) {
  EXPECT_EQ(message.instance, text(fields, "instance_id"));
  expectNumber(fields, "worker_id", message.worker);
  EXPECT_EQ(message.ip, text(fields, "ip"));
  expectNumber(fields, "port", message.port);
  EXPECT_EQ(message.peerUrl, text(fields, "peer_init_url"));
  EXPECT_EQ(message.location, text(fields, "location"));
  EXPECT_EQ(message.syncId, text(fields, "sync_id"));
  expectNumber(fields, "total_keys", message.totalKeys);
  expectNumber(fields, "actual_total_keys", message.totalKeys);
  expectNumber(fields, "batch_count", message.batchCount);
  expectNumber(fields, "batch_id", message.batch);
  expectNumber(fields, "num_tokens", message.tokens);
  expectNumber(fields, "error_code", message.errorCode);
  EXPECT_EQ(message.text, text(fields, "status") + text(fields, "error"));
  Json list;
  if (fields["keys"].get(list) == simdjson::SUCCESS) expectKeys(list, message.keys);
  if (fields["hashes"].get(list) == simdjson::SUCCESS) expectKeys(list, message.keys);
  if (fields["key"].get(list) == simdjson::SUCCESS) {
    ASSERT_EQ(message.operations.size(), 1u);
    EXPECT_EQ(message.operations[0].key, number(list));
    expectNumber(fields, "seq_num", message.operations[0].seq);
    EXPECT_EQ(message.operations[0].admit, text(fields, "type") == "KVAdmitMsg");
  }
  if (fields["operations"].get(list) != simdjson::SUCCESS) return;
  const simdjson::dom::array operations(list);
  ASSERT_EQ(message.operations.size(), operations.size());
  size_t i = 0;
  for (const Json operation : operations) {
    const Operation& found = message.operations[i++];
    EXPECT_EQ(found.admit, text(operation, "op_type") == "admit");
    expectNumber(operation, "key", found.key);
    expectNumber(operation, "seq_num", found.seq);
  }
}

// What workers say, of all types of the wire.
bool isDecoded(const std::string& type) {
  static const std::map<std::string, bool> kOthers = {{"BatchedP2PLookupRetMsg", false},
                                                      {"FullSyncStartRetMsg", false},
                                                      {"FullSyncStatusRetMsg", false},
                                                      {"HeartbeatRetMsg", false},
                                                      {"RegisterRetMsg", false}};
  if (kOthers.contains(type)) return false;
  if (type.ends_with("WorkerMsg")) return false;
  static const std::vector<std::string> kOrchestrators = {
      "Lookup", "Clear",  "Pin",         "Compress",  "Decompress",
      "Move",   "Health", "CheckFinish", "QueryInst", "QueryWorkerInfo"};
  for (const std::string& name : kOrchestrators) {
    if (type == name + "Msg" || type == name + "RetMsg") return false;
  }
  return true;
}

TEST(LmcacheWire, WhatWorkersSayIsReadFromBothForms) {
  for (const std::string& file : files()) {
    const Samples samples(file);
    size_t read = 0;
    Decoder decoder;
    for (const Sample& sample : samples.all()) {
      if (!isDecoded(sample.type)) continue;
      ++read;
      const std::string json = simdjson::minify(sample.fields);
      for (const std::string& payload : {sample.bytes, json}) {
        SCOPED_TRACE(json);
        const auto message = decoder.decode(payload);
        ASSERT_TRUE(message.ok()) << message.error().message;
        expectSame(sample.fields, *message.value());
      }
    }
    EXPECT_GE(read, 16u) << file;
  }
}

std::optional<std::vector<uint32_t>> tokensOf(Json fields) {
  simdjson::dom::array list;
  if (fields["tokens"].get(list) != simdjson::SUCCESS) return std::nullopt;
  std::vector<uint32_t> tokens;
  for (const Json token : list) tokens.push_back(static_cast<uint32_t>(number(token)));
  return tokens;
}

std::optional<Tokens> viewOf(const std::optional<std::vector<uint32_t>>& tokens) {
  return tokens ? std::optional<Tokens>(*tokens) : std::nullopt;
}

std::string encodeHeartbeat(Json fields) {
  const simdjson::dom::array commands(fields["commands"]);
  return commands.size() == 0 ? heartbeatAnswer(false, {})
                              : heartbeatAnswer(true, text(commands.at(0), "reason"));
}

std::string encodePeer(Json fields) {
  const Json row = simdjson::dom::array(fields["layout_info"]).at(0);
  const auto at = [&](size_t i) { return Json(simdjson::dom::array(row).at(i)); };
  const std::string_view instance(at(0));
  if (instance.empty()) return peerAnswer(std::nullopt);
  return peerAnswer(
      Peer{instance, std::string_view(at(1)), number(at(2)), std::string_view(at(3))});
}

std::string encodeStatus(Json fields) {
  std::vector<uint32_t> missing;
  for (const Json batch : simdjson::dom::array(fields["missing_batches"])) {
    missing.push_back(static_cast<uint32_t>(number(batch)));
  }
  return syncStatus(text(fields, "sync_id"), bool(fields["is_complete"]),
                    double(fields["global_progress"]), bool(fields["can_exit_freeze"]), missing);
}

std::string encodeMove(Json fields) {
  const simdjson::dom::array to(fields["new_position"]);
  const auto tokens = tokensOf(fields);
  return move(text(fields, "worker_event_id"), text(fields, "old_position"),
              {std::string_view(to.at(0)), std::string_view(to.at(1))}, viewOf(tokens),
              bool(fields["copy"]));
}

const std::map<std::string, std::function<std::string(Json)>>& encoders() {
  static const std::map<std::string, std::function<std::string(Json)>> kEncoders = {
      {"RegisterRetMsg",
       [](Json f) {
         Json url;
         const bool has = f["extra_config"]["heartbeat_url"].get(url) == simdjson::SUCCESS;
         return registered(has ? std::string_view(url) : std::string_view());
       }},
      {"HeartbeatRetMsg", encodeHeartbeat},
      {"BatchedP2PLookupRetMsg", encodePeer},
      {"FullSyncStartRetMsg",
       [](Json f) { return syncStarted(text(f, "sync_id"), text(f, "error_msg")); }},
      {"FullSyncStatusRetMsg", encodeStatus},
      {"ErrorMsg", [](Json f) { return error(text(f, "error")); }},
      {"ClearWorkerMsg",
       [](Json f) { return clear(text(f, "worker_event_id"), text(f, "location")); }},
      {"PinWorkerMsg",
       [](Json f) { return pin(text(f, "worker_event_id"), text(f, "location"), *tokensOf(f)); }},
      {"CompressWorkerMsg",
       [](Json f) {
         const auto tokens = tokensOf(f);
         return compress(text(f, "worker_event_id"), text(f, "method"), text(f, "location"),
                         viewOf(tokens));
       }},
      {"DecompressWorkerMsg",
       [](Json f) {
         const auto tokens = tokensOf(f);
         return decompress(text(f, "worker_event_id"), text(f, "method"), text(f, "location"),
                           viewOf(tokens));
       }},
      {"MoveWorkerMsg", encodeMove},
      {"HealthWorkerMsg", [](Json f) { return health(text(f, "worker_event_id")); }},
      {"CheckFinishWorkerMsg", [](Json f) { return checkFinish(text(f, "worker_event_id")); }},
  };
  return kEncoders;
}

TEST(LmcacheWire, WhatIsSaidToWorkersHasTheSameBytes) {
  for (const std::string& file : files()) {
    const Samples samples(file);
    std::map<std::string, int> seen;
    for (const Sample& sample : samples.all()) {
      const auto encoder = encoders().find(sample.type);
      if (encoder == encoders().end()) continue;
      SCOPED_TRACE(simdjson::minify(sample.fields));
      // Commands that this controller never gives.
      if (sample.type == "HeartbeatRetMsg" &&
          simdjson::dom::array(sample.fields["commands"]).size() > 1) {
        continue;
      }
      ++seen[sample.type];
      EXPECT_EQ(encoder->second(sample.fields), sample.bytes);
    }
    EXPECT_EQ(seen.size(), encoders().size()) << file;
  }
}

TEST(LmcacheWire, WhatIsCutAnywhereIsAnErrorThatSaysSo) {
  const Samples samples(HOLDFAST_OWN_LMCACHE_WIRE);
  Decoder decoder;
  for (const Sample& sample : samples.all()) {
    for (const std::string& payload :
         {sample.bytes, std::string(simdjson::minify(sample.fields))}) {
      for (size_t size = 0; size < payload.size(); ++size) {
        const auto message = decoder.decode(std::string_view(payload).substr(0, size));
        ASSERT_FALSE(message.ok()) << sample.type << " cut at " << size;
        EXPECT_NE(message.error().message, "");
      }
    }
  }
}

// The same report with its fields in another order than lmcache's: the parser reads it.
std::string inOtherOrder(const Message& report) {
  msgpack::sbuffer bytes;
  msgpack::packer<msgpack::sbuffer> to(bytes);
  to.pack_map(5);
  to.pack("operations");
  to.pack_array(static_cast<uint32_t>(report.operations.size()));
  for (const Operation& operation : report.operations) {
    to.pack_map(3);
    to.pack("seq_num");
    to.pack(operation.seq);
    to.pack("key");
    to.pack(static_cast<int64_t>(operation.key));
    to.pack("op_type");
    to.pack(operation.admit ? "admit" : "evict");
  }
  to.pack("location");
  to.pack(report.location);
  to.pack("worker_id");
  to.pack(report.worker);
  to.pack("instance_id");
  to.pack(report.instance);
  to.pack("type");
  to.pack("BatchedKVOperationMsg");
  return {bytes.data(), bytes.size()};
}

void expectReadAlike(const Message& report) {
  Decoder decoder;
  const std::string payload = inOtherOrder(report);
  const auto message = decoder.decode(payload);
  ASSERT_TRUE(message.ok()) << message.error().message;
  EXPECT_EQ(message.value()->type, report.type);
  EXPECT_EQ(message.value()->instance, report.instance);
  EXPECT_EQ(message.value()->worker, report.worker);
  EXPECT_EQ(message.value()->location, report.location);
  ASSERT_EQ(message.value()->operations.size(), report.operations.size());
  for (size_t i = 0; i < report.operations.size(); ++i) {
    EXPECT_EQ(message.value()->operations[i].key, report.operations[i].key);
    EXPECT_EQ(message.value()->operations[i].seq, report.operations[i].seq);
    EXPECT_EQ(message.value()->operations[i].admit, report.operations[i].admit);
  }
}

// Reports as real workers encode them take the short way, and whatever takes it is read as the
// parser reads it, damaged or not.
TEST(LmcacheWire, ReportsAreReadAlikeWithoutAParser) {
  std::mt19937_64 random(7);
  for (const std::string& file : files()) {
    const Samples samples(file);
    for (const Sample& sample : samples.all()) {
      Message report;
      const bool isReport = sample.type == "BatchedKVOperationMsg";
      ASSERT_EQ(readReport(sample.bytes, report), isReport) << sample.type;
      if (!isReport) continue;
      expectReadAlike(report);
      size_t damagedAndRead = 0;
      for (int round = 0; round < 20'000; ++round) {
        std::string payload = sample.bytes;
        payload[random() % payload.size()] = static_cast<char>(random());
        if (!readReport(payload, report)) continue;
        ++damagedAndRead;
        expectReadAlike(report);
      }
      EXPECT_GT(damagedAndRead, 1000u);
    }
  }
}

TEST(LmcacheWire, DamagedBytesAreReadOrRefusedAndTheNextMessageIsRead) {
  const Samples samples(HOLDFAST_OWN_LMCACHE_WIRE);
  std::mt19937_64 random(5);
  Decoder decoder;
  const std::string& good = samples.all().front().bytes;
  for (const Sample& sample : samples.all()) {
    for (int round = 0; round < 200; ++round) {
      std::string payload = sample.bytes;
      for (int i = 0; i < 3; ++i) payload[random() % payload.size()] = static_cast<char>(random());
      (void)decoder.decode(payload);
    }
    ASSERT_TRUE(decoder.decode(good).ok());
  }
}

struct Wrong {
  std::string payload;
  std::string says;
};

TEST(LmcacheWire, ErrorsNameWhatIsWrong) {
  const std::string who = R"("type":"BatchedKVOperationMsg","instance_id":"a","worker_id":0,)"
                          R"("location":"L",)";
  const std::vector<Wrong> cases = {
      {"", "cut off at byte 0"},
      {"\xC1", "no MessagePack at byte 0"},
      {"{", "no JSON"},
      {"\x80", "without a type"},
      {"\x80\x80", "1 bytes follow"},
      {"\x93\x01\x02\x03", "the message is a list"},
      {"\x81\x01\x02", "a key of a map that is no text"},
      {R"({"type":"LoveMsg"})", "the type \"LoveMsg\" is not known"},
      {R"({"type":"HeartbeatMsg","instance_id":"a"})", "HeartbeatMsg without worker_id"},
      {R"({"type":"HeartbeatMsg","instance_id":"a","worker_id":-1})", "worker_id is negative"},
      {R"({"type":"HeartbeatMsg","worker_id":4294967296})", "worker_id is too large"},
      {R"({"type":"HeartbeatMsg","port":65536})", "port is too large"},
      {R"({"type":"HeartbeatMsg","instance_id":7})", "instance_id is a number"},
      {R"({"type":"HeartbeatMsg","instance_id":null})", "without instance_id"},
      {"{" + who + R"("operations":7})", "operations is a number"},
      {"{" + who + R"("operations":[7]})", "an operation is a number"},
      {"{" + who + R"("operations":[{"op_type":"admit","key":1}]})", "without op_type, key or seq"},
      {"{" + who + R"("operations":[{"op_type":"keep","key":1,"seq_num":0}]})",
       "op_type \"keep\" is neither"},
      {"{" + who + R"("operations":[{"op_type":"admit","key":1.5,"seq_num":0}]})",
       "key is no whole number"},
      {R"({"type":"BatchedP2PLookupMsg","hashes":["1"]})", "hashes is a list of other things"},
      {std::string(64, '\x91'), "not a map"},
      {R"({"x":)" + std::string(64, '[') + std::string(64, ']') + "}", "nested too deeply"},
      // A list that claims four thousand million entries.
      {"\x82\xA4type\xB3"
       "BatchedP2PLookupMsg\xA6hashes\xDD\xFF\xFF\xFF\xFF",
       "cut off"},
  };
  Decoder decoder;
  for (const Wrong& one : cases) {
    const auto message = decoder.decode(one.payload);
    ASSERT_FALSE(message.ok()) << one.payload;
    EXPECT_NE(message.error().message.find(one.says), std::string::npos)
        << one.payload << ": " << message.error().message;
  }
}

TEST(LmcacheWire, UnknownFieldsAreSkippedWhateverTheyHold) {
  Decoder decoder;
  const auto message = decoder.decode(
      R"({"later":{"key":[1,{"type":"x"}]},"type":"ErrorMsg","more":[[1],null],"error":"e"})");
  ASSERT_TRUE(message.ok()) << message.error().message;
  EXPECT_EQ(message.value()->type, Type::kError);
  EXPECT_EQ(message.value()->text, "e");
}

}  // namespace
}  // namespace holdfast::lmcache
