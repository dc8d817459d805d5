#include "fleet/report.h"

#include <capnp/compat/json.h>
#include <capnp/message.h>
#include <gtest/gtest.h>

namespace holdfast::fleet {
namespace {

TEST(LatencyLog, PercentilesAreNearestRanks) {
  LatencyLog log;
  EXPECT_EQ(log.percentile(0.5), 0u);
  for (uint64_t us = 1000; us >= 1; --us) log.add(us);
  EXPECT_EQ(log.percentile(0.5), 500u);
  EXPECT_EQ(log.percentile(0.99), 990u);
  EXPECT_EQ(log.percentile(0.999), 999u);
  EXPECT_EQ(log.percentile(0), 1u);
  EXPECT_EQ(log.percentile(1), 1000u);
  LatencyLog three;
  for (uint64_t us = 1; us <= 3; ++us) three.add(us);
  EXPECT_EQ(three.percentile(0.5), 2u);
  log.add(uint64_t{1} << 40);
  EXPECT_EQ(log.percentile(1), UINT32_MAX);
}

TEST(Report, HitRatioOfNothingIsNothing) {
  HitCount hits;
  EXPECT_EQ(hits.ratio(), std::nullopt);
  hits.add(4, 1);
  EXPECT_EQ(hits.ratio(), 0.25);
}

Report example() {
  Report report;
  report.requests = 12'000;
  report.lookups = 11'000;
  report.operations = 1'234'567;
  report.seconds = 20;
  report.hits.add(1000, 366);
  report.hitsBefore.add(500, 200);
  report.chunks = 640'000;
  report.digestFleet = "00ff";
  report.digestController = "00ff";
  return report;
}

TEST(Report, DigestsAreEqualOnlyIfBothAreThere) {
  Report report = example();
  EXPECT_TRUE(report.digestsEqual());
  EXPECT_NE(toTable(report).find(" equal\n"), std::string::npos);
  report.problem = "not everything was committed";
  EXPECT_FALSE(report.digestsEqual());
  EXPECT_NE(toTable(report).find("NOT EQUAL: not everything was committed"), std::string::npos);
  report = example();
  report.digestController = "00fe";
  EXPECT_FALSE(report.digestsEqual());
  EXPECT_NE(toTable(report).find("NOT EQUAL\n"), std::string::npos);
}

TEST(Report, JsonIsOneObjectWithTheDocumentedNames) {
  const std::string text = toJson(example());
  capnp::MallocMessageBuilder arena;
  auto root = arena.initRoot<capnp::JsonValue>();
  capnp::JsonCodec().decodeRaw(kj::arrayPtr(text.data(), text.size()), root);
  std::vector<std::string> names;
  for (const auto field : root.asReader().getObject()) names.push_back(field.getName().cStr());
  EXPECT_EQ(names, (std::vector<std::string>{"requests",
                                             "lookups_per_second",
                                             "operations",
                                             "operations_per_second",
                                             "hit_ratio",
                                             "lookup_p50_us",
                                             "lookup_p99_us",
                                             "lookup_p999_us",
                                             "chunks",
                                             "chunks_pinned",
                                             "chunks_compressed",
                                             "digest_fleet",
                                             "digest_controller",
                                             "lookups_failed",
                                             "lookups_blind",
                                             "hit_ratio_before",
                                             "hit_ratio_after",
                                             "workers",
                                             "workers_reconnected",
                                             "workers_in_sync_after_restart",
                                             "workers_asked_for_anything",
                                             "keys_resent_after_restart",
                                             "chunks_recovered",
                                             "recovery_ms",
                                             "replays",
                                             "replayed_operations",
                                             "full_syncs",
                                             "resynced_keys",
                                             "restarts",
                                             "cuts",
                                             "corruptions",
                                             "converged"}));
  EXPECT_NE(text.find("\"lookups_per_second\": 550.0,"), std::string::npos) << text;
  EXPECT_NE(text.find("\"hit_ratio\": 0.3660,"), std::string::npos) << text;
  EXPECT_NE(text.find("\"hit_ratio_before\": 0.4000,"), std::string::npos) << text;
  EXPECT_NE(text.find("\"hit_ratio_after\": null,"), std::string::npos) << text;
  EXPECT_NE(text.find("\"converged\": null}"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Report, FaultsAreToldWhereThereWereAny) {
  Report report = example();
  EXPECT_EQ(toTable(report).find("converged"), std::string::npos);
  report.restarts = 1'003;
  report.replays = 2;
  report.replayedOperations = 5'000;
  report.converged = true;
  report.convergedSeconds = 4.25;
  EXPECT_NE(toTable(report).find("1,003, 0, 0\n"), std::string::npos) << toTable(report);
  EXPECT_NE(toTable(report).find("2 of 5,000 operations\n"), std::string::npos);
  EXPECT_NE(toTable(report).find("after 4.2 s\n"), std::string::npos);
  EXPECT_NE(toJson(report).find("\"converged\": true}"), std::string::npos);
  report.converged = false;
  EXPECT_NE(toTable(report).find(" NO\n"), std::string::npos);
  EXPECT_NE(toJson(report).find("\"converged\": false}"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::fleet
