// Whole streams of caches, and what these held in the end: engine_streams beside this file
// (make_engine_events.py made it) and, if the environment variable HOLDFAST_ENGINE_STREAMS names
// one, a further folder of such files, which may be compressed with gzip.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gateways/engine_events/reader.h"

namespace holdfast::engines {
namespace {

namespace fs = std::filesystem;
using Held = std::map<std::string, std::set<ChunkHash>>;  // by location

std::string readAll(const fs::path& path) {
  const std::string command =
      (path.extension() == ".gz" ? "gzip -dc '" : "cat '") + path.string() + "'";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), &pclose);
  std::string text;
  char chunk[1 << 16];
  while (pipe != nullptr) {
    const size_t size = fread(chunk, 1, sizeof chunk, pipe.get());
    if (size == 0) break;
    text.append(chunk, size);
  }
  return text;
}

std::string unhexed(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  }
  return bytes;
}

// By rank.
std::map<uint64_t, std::vector<std::string>> payloadsIn(const fs::path& path) {
  std::map<uint64_t, std::vector<std::string>> payloads;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(readAll(path));
  for (const simdjson::dom::element line : parser.parse_many(text, size_t{1} << 24)) {
    payloads[uint64_t(line["rank"])].push_back(unhexed(std::string_view(line["payload_hex"])));
  }
  return payloads;
}

ChunkHash truthHash(std::string_view text, std::string_view encoding) {
  if (encoding == "hex of bytes")
    return std::stoull(std::string(text.substr(text.size() - 16)), nullptr, 16);
  const std::string number(text);
  return number.starts_with('-') ? static_cast<uint64_t>(std::stoll(number)) : std::stoull(number);
}

Held heldAfter(const std::vector<std::string>& payloads) {
  Gathering gathering;
  const EngineSource source;
  Reader reader(1, source, {}, gathering);
  for (const std::string& payload : payloads) EXPECT_TRUE(reader.apply(0, payload, false));
  Held held;
  for (const Step& step : gathering.handover.steps) {
    if (step.kind == Step::Kind::kCleared) held[step.location].clear();
    const Operations operations = step.operations();
    for (size_t i = 0; i < operations.size(); ++i) {
      if (operations.evicts.test(i)) {
        held[step.location].erase(operations.keys[i]);
      } else {
        held[step.location].insert(operations.keys[i]);
      }
    }
  }
  return held;
}

TEST(engineStream, WhatIsHeldInTheEndIsWhatTheCacheHeldButForCopies) {
  std::vector<fs::path> folders{HOLDFAST_OWN_ENGINE_STREAMS};
  const char* more = std::getenv("HOLDFAST_ENGINE_STREAMS");
  if (more != nullptr && *more != '\0') folders.emplace_back(more);
  for (const fs::path& folder : folders) {
    for (const auto& file : fs::directory_iterator(folder)) {
      const std::string name = file.path().filename();
      const size_t end = name.find(".jsonl");
      if (end == std::string::npos) continue;
      SCOPED_TRACE(name);
      simdjson::dom::parser parser;
      const simdjson::dom::element truth =
          parser.load((folder / (name.substr(0, end) + ".truth.json")).string());
      const std::string_view encoding(truth["hash_encoding"]);
      for (const auto& [rank, payloads] : payloadsIn(file.path())) {
        Held held = heldAfter(payloads);
        const simdjson::dom::object media(truth["ranks"][std::to_string(rank)]["media"]);
        for (const auto& [medium, hashes] : media) {
          std::set<ChunkHash> expected;
          for (const simdjson::dom::element hash : simdjson::dom::array(hashes)) {
            expected.insert(truthHash(std::string_view(hash), encoding));
          }
          const std::set<ChunkHash>& found = held[std::string(medium)];
          size_t missing = 0;
          for (const ChunkHash hash : expected) missing += found.contains(hash) ? 0 : 1;
          const size_t wrong = found.size() + missing - expected.size();
          std::cout << name << " rank " << rank << " " << medium << ": " << expected.size()
                    << " blocks, " << missing << " missing, " << wrong << " wrong\n";
          EXPECT_EQ(wrong, 0u) << medium;
          EXPECT_LE(missing * 100, expected.size()) << medium;
          if (folder == folders.front()) {
            EXPECT_EQ(missing, 0u) << medium;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::engines
