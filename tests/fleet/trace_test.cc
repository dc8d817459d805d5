#include "fleet/trace.h"

#include <gtest/gtest.h>

#include <sstream>

namespace holdfast::fleet {
namespace {

Result<std::vector<Request>> read(const std::string& text) {
  std::istringstream in(text);
  return readTrace(in, "t.jsonl");
}

std::string errorOf(const std::string& text) {
  const auto result = read(text);
  return result.ok() ? "no error" : result.error().message;
}

TEST(Trace, ReadsRequests) {
  const auto result = read(
      "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1]}\n"
      "\n"
      "{\"hash_ids\": [0, 9007199254740991, 7], \"timestamp\": 3000, \"more\": {\"x\": [null]}}");
  ASSERT_TRUE(result.ok()) << result.error().message;
  const auto& requests = result.value();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].timestampMs, 0u);
  EXPECT_EQ(requests[0].chunks, (std::vector<ChunkHash>{chunkHashOf(0), chunkHashOf(1)}));
  EXPECT_EQ(requests[1].timestampMs, 3000u);
  EXPECT_EQ(requests[1].chunks[1], chunkHashOf((uint64_t{1} << 53) - 1));
  EXPECT_EQ(requests[1].chunks.size(), 3u);
}

TEST(Trace, ChunkHashesAreSplitmix64sOutputs) {
  // The generator's first output from seed 0, and from the seed of its published test vector.
  EXPECT_EQ(chunkHashOf(0), 0xE220A8397B1DCDAFu);
  EXPECT_EQ(chunkHashOf(1234567), 6457827717110365317u);
}

TEST(Trace, ErrorsNameFileAndLine) {
  const std::string good = "{\"timestamp\": 5, \"hash_ids\": [1]}\n";
  EXPECT_EQ(errorOf(""), "t.jsonl: no requests");
  EXPECT_EQ(errorOf(good + "[1]\n"), "t.jsonl:2: not a JSON object");
  EXPECT_EQ(errorOf(good + "\n{}\n"), "t.jsonl:3: no \"timestamp\"");
  EXPECT_EQ(errorOf("{\"timestamp\": 5}"), "t.jsonl:1: no \"hash_ids\"");
  EXPECT_EQ(errorOf("{\"timestamp\": 5, \"hash_ids\": 7}"), "t.jsonl:1: \"hash_ids\" is no array");
  EXPECT_EQ(errorOf("{\"timestamp\": 5, \"hash_ids\": []}"),
            "t.jsonl:1: \"hash_ids\" has 0 entries, outside 1..65536");
  for (const char* bad : {"-1", "1.5", "9007199254740992", "\"1\"", "null", "1e300"}) {
    EXPECT_EQ(errorOf("{\"timestamp\": 5, \"hash_ids\": [1, " + std::string(bad) + "]}"),
              "t.jsonl:1: \"hash_ids\" has an entry that is no whole number from 0 to 2^53-1")
        << bad;
    EXPECT_EQ(errorOf("{\"timestamp\": " + std::string(bad) + ", \"hash_ids\": [1]}"),
              "t.jsonl:1: \"timestamp\" is no whole number of milliseconds")
        << bad;
  }
  EXPECT_EQ(errorOf(good + "{\"timestamp\": 4, \"hash_ids\": [1]}"),
            "t.jsonl:2: \"timestamp\" 4 is before the request above it, 5");
}

TEST(Trace, WhatIsNoJsonIsAnError) {
  for (const char* bad : {"{", "{\"timestamp\": 5, \"hash_ids\": [1]} x", "hello", "{\"a\": }"}) {
    EXPECT_EQ(errorOf(bad).rfind("t.jsonl:1: not JSON: ", 0), 0u) << bad << ": " << errorOf(bad);
  }
}

TEST(Trace, OverlongLinesAndMissingFilesAreErrors) {
  EXPECT_EQ(errorOf(std::string(kTraceLineBytesMax + 1, ' ')),
            "t.jsonl:1: a line of 1048577 bytes, the limit is 1048576");
  const auto missing = readTrace(std::string("/nonexistent/trace.jsonl"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message,
            "/nonexistent/trace.jsonl: cannot open: No such file or directory");
}

}  // namespace
}  // namespace holdfast::fleet
