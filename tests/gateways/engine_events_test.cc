// Runs engine_events.json beside this file (make_engine_events.py made it) and, if the environment
// variable HOLDFAST_KV_EVENTS names one, a further file of the same format.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gateways/engine_events/decoder.h"

namespace holdfast::engines {
namespace {

using Element = simdjson::dom::element;
using simdjson::SUCCESS;

std::string bytesOfHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

struct EventSample {
  std::string id;
  std::string bytes;
  Element batch;
};

// Keeps the document that the samples refer to.
class EventSamples {
 public:
  explicit EventSamples(const std::string& path) : root_(parser_.load(path)) {
    add("payloads", "payload_hex");
    Element frames;
    if (root_["frames"].get(frames) == SUCCESS) add("frames", "payload_hex");
  }
  const std::vector<EventSample>& all() const { return all_; }

 private:
  void add(const char* list, const char* payload) {
    for (const Element one : simdjson::dom::array(root_[list])) {
      std::string_view hex;
      Element batch;
      if (one[payload].get(hex) != SUCCESS || one["batch"].get(batch) != SUCCESS) continue;
      all_.push_back({std::string(std::string_view(one["id"])), bytesOfHex(hex), batch});
    }
  }

  simdjson::dom::parser parser_;
  Element root_;
  std::vector<EventSample> all_;
};

std::vector<std::string> eventFiles() {
  std::vector<std::string> all{HOLDFAST_OWN_ENGINE_EVENTS};
  const char* more = std::getenv("HOLDFAST_KV_EVENTS");
  if (more != nullptr && *more != '\0') all.emplace_back(more);
  return all;
}

// An integer, or the bytes of {"bytes_hex"}.
struct SampleHash {
  uint64_t integer = 0;
  std::string bytes;
};

SampleHash hashIn(Element value) {
  SampleHash hash;
  std::string_view hex;
  if (value["bytes_hex"].get(hex) == SUCCESS) {
    hash.bytes = bytesOfHex(hex);
    for (const char byte : hash.bytes.substr(hash.bytes.size() - 8)) {
      hash.integer = hash.integer << 8 | static_cast<uint8_t>(byte);
    }
  } else if (value.get(hash.integer) != SUCCESS) {
    hash.integer = static_cast<uint64_t>(int64_t(value));
  }
  return hash;
}

std::string textIn(Element event, const char* name) {
  std::string_view text;
  return event[name].get(text) == SUCCESS ? std::string(text) : std::string();
}

std::optional<uint64_t> numberIn(Element event, const char* name) {
  int64_t number = 0;
  if (event[name].get(number) != SUCCESS) return std::nullopt;
  return static_cast<uint64_t>(number);
}

void expectHash(Element expected, const Details::Hash& found) {
  const SampleHash hash = hashIn(expected);
  EXPECT_EQ(found.integer, hash.integer);
  EXPECT_EQ(found.bytes, hash.bytes);
}

void expectDetails(Element expected, const Event& event) {
  Details details;
  ASSERT_TRUE(detailsOf(event, details));
  simdjson::dom::array list;
  ASSERT_EQ(expected["block_hashes"].get(list), SUCCESS);
  ASSERT_EQ(details.hashes.size(), list.size());
  size_t at = 0;
  for (const Element hash : list) expectHash(hash, details.hashes[at++]);
  Element parent;
  const bool hasParent = expected["parent_block_hash"].get(parent) == SUCCESS && !parent.is_null();
  ASSERT_EQ(details.parent.has_value(), hasParent);
  if (hasParent) expectHash(parent, *details.parent);
  std::vector<uint32_t> tokens;
  if (expected["token_ids"].get(list) == SUCCESS) {
    for (const Element token : list) {
      uint64_t number = 0;
      if (token.get(number) == SUCCESS) tokens.push_back(static_cast<uint32_t>(number));
    }
    EXPECT_EQ(event.tokens, list.size());
  }
  EXPECT_EQ(details.tokens, tokens);
  EXPECT_EQ(details.loraId ? std::optional<uint64_t>(static_cast<uint64_t>(*details.loraId))
                           : std::nullopt,
            numberIn(expected, "lora_id"));
  EXPECT_EQ(details.loraName, textIn(expected, "lora_name"));
  EXPECT_EQ(details.cacheSalt, textIn(expected, "cache_salt"));
  Element extra;
  EXPECT_EQ(!details.extraKeys.empty(),
            expected["extra_keys"].get(extra) == SUCCESS && !extra.is_null());
}

void expectEvent(Element expected, const Batch& batch, const Event& event) {
  const std::string type = textIn(expected, "type");
  if (type == "AllBlocksCleared") {
    EXPECT_EQ(event.kind, EventKind::kCleared);
    return;
  }
  EXPECT_EQ(event.kind, type == "BlockStored" ? EventKind::kStored : EventKind::kRemoved);
  std::vector<ChunkHash> hashes;
  for (const Element hash : simdjson::dom::array(expected["block_hashes"])) {
    hashes.push_back(hashIn(hash).integer);
  }
  const auto found = batch.hashesOf(event);
  EXPECT_EQ(std::vector<ChunkHash>(found.begin(), found.end()), hashes);
  EXPECT_EQ(event.medium, textIn(expected, "medium"));
  EXPECT_EQ(event.group ? std::optional<uint64_t>(*event.group) : std::nullopt,
            numberIn(expected, "group_idx"));
  EXPECT_EQ(event.groupKind, textIn(expected, "kv_cache_spec_kind"));
  if (event.kind == EventKind::kRemoved) return;
  EXPECT_EQ(event.blockSize, numberIn(expected, "block_size").value_or(0));
  Element parent;
  EXPECT_EQ(event.begins, expected["parent_block_hash"].get(parent) != SUCCESS || parent.is_null());
  expectDetails(expected, event);
}

TEST(engineEvents, EveryFormOfEveryEventIsRead) {
  for (const std::string& file : eventFiles()) {
    const EventSamples samples(file);
    EXPECT_GE(samples.all().size(), 19u) << file;
    Batch batch;
    for (const EventSample& sample : samples.all()) {
      SCOPED_TRACE(sample.id);
      const auto error = decode(sample.bytes, batch);
      ASSERT_FALSE(error) << error->message;
      std::vector<Element> known;
      for (const Element event : simdjson::dom::array(sample.batch["events"])) {
        if (textIn(event, "type") != "BlockMoved") known.push_back(event);
      }
      ASSERT_EQ(batch.events.size(), known.size());
      for (size_t i = 0; i < known.size(); ++i) {
        // Of frames, arrays are given as they are, without the names of their fields.
        if (known[i].is_array()) continue;
        expectEvent(known[i], batch, batch.events[i]);
      }
      const char* rank =
          numberIn(sample.batch, "attn_dp_rank") ? "attn_dp_rank" : "data_parallel_rank";
      EXPECT_EQ(batch.rank ? std::optional<uint64_t>(*batch.rank) : std::nullopt,
                numberIn(sample.batch, rank));
    }
  }
}

TEST(engineEvents, WhatIsNotKnownIsPassedOverAndCounted) {
  Batch batch;
  const EventSamples samples(HOLDFAST_OWN_ENGINE_EVENTS);
  for (const EventSample& sample : samples.all()) {
    if (sample.id != "map-11") continue;
    ASSERT_FALSE(decode(sample.bytes, batch));
    EXPECT_EQ(batch.unknownEvents, 1u);
    EXPECT_EQ(batch.unknownFields, 2u);
    EXPECT_EQ(batch.hashes.size(), 7u);
    return;
  }
  FAIL() << "no sample";
}

TEST(engineEvents, WhatIsCutAnywhereIsAnErrorThatSaysSo) {
  for (const std::string& file : eventFiles()) {
    const EventSamples samples(file);
    Batch batch;
    for (const EventSample& sample : samples.all()) {
      for (size_t size = 0; size < sample.bytes.size(); ++size) {
        const auto error = decode(std::string_view(sample.bytes).substr(0, size), batch);
        ASSERT_TRUE(error) << sample.id << " cut at " << size;
        ASSERT_NE(error->message, "");
      }
      ASSERT_TRUE(decode(sample.bytes + '\0', batch)) << sample.id;
    }
  }
}

TEST(engineEvents, DamagedBytesAreReadOrRefusedAndTheNextMessageIsRead) {
  const EventSamples samples(HOLDFAST_OWN_ENGINE_EVENTS);
  std::mt19937_64 random(5);
  Batch batch;
  Details details;
  for (const EventSample& sample : samples.all()) {
    for (int round = 0; round < 300; ++round) {
      std::string payload = sample.bytes;
      for (int i = 0; i < 3; ++i) payload[random() % payload.size()] = static_cast<char>(random());
      if (decode(payload, batch)) continue;
      ASSERT_LE(batch.hashes.size(), payload.size());
      for (const Event& event : batch.events) (void)detailsOf(event, details);
    }
    ASSERT_FALSE(decode(samples.all().front().bytes, batch));
  }
}

TEST(engineEvents, ErrorsNameWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no list of a time and events at byte 0"},
      {"c1", "no list of a time and events"},
      {"91c0", "no list of a time and events"},
      {"92c0c0", "no list of events at byte 2"},
      {"92c09101", "an event whose type is not one"},
      {"92c09181a4747970650a", "an event whose type is not one"},
      {"92c09181a474797065ab426c6f636b53746f726564", "an event whose block_hashes is not one"},
      {"92c09192ac426c6f636b52656d6f76656407", "an event whose block_hashes is not one"},
      {"92c09192ac426c6f636b52656d6f76656491c403010203", "an event whose block_hashes is not one"},
      // A list that claims four thousand million hashes.
      {"92c09192ac426c6f636b52656d6f766564ddffffffff", "an event whose block_hashes is not one"},
      {"93c090a0", "no data-parallel rank"},
      {"93c090c0c0", "more follows the message"},
  };
  Batch batch;
  for (const auto& [hex, says] : cases) {
    const auto error = decode(bytesOfHex(hex), batch);
    ASSERT_TRUE(error) << hex;
    EXPECT_NE(error->message.find(says), std::string::npos) << hex << ": " << error->message;
  }
}

}  // namespace
}  // namespace holdfast::engines
