// A server that things happen to, and what a scrape says of it.
#include "metrics/scrape.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "metrics/table.h"
#include "tests/metrics/scraped.h"
#include "tests/rpc/server_fixture.h"

namespace holdfast::test {
namespace {

class ScrapeTest : public ServerTest {
 protected:
  explicit ScrapeTest(const ServerOptions& options = {}) : ServerTest(options, manyWorkers()) {}

  static ControllerOptions manyWorkers() {
    ControllerOptions options;
    options.registry.lifeCycle.workersMax = 10'000;
    return options;
  }

  std::string text() { return await(metrics::scrape(server->services())); }
  Scraped scrape() { return Scraped(text()); }
};

class InstancesTest : public ScrapeTest {
 protected:
  InstancesTest() : ScrapeTest({.hashing = {}, .metricsOfInstances = true}) {}
};

class LmcacheMetricsTest : public ScrapeTest {
 protected:
  LmcacheMetricsTest() : ScrapeTest({.hashing = {}, .metricsOfLmcache = true}) {}
};

TEST_F(ScrapeTest, HasEveryMetricOfTheTableWithItsTypeAndHelp) {
  const Scraped scraped = scrape();
  size_t expected = 0;
  for (const metrics::Metric& metric : metrics::table()) {
    if (metric.group >= metrics::Group::kInstances) continue;  // only where they are asked for
    ++expected;
    ASSERT_TRUE(scraped.help.contains(std::string(metric.name))) << metric.name;
    EXPECT_EQ(scraped.help.at(std::string(metric.name)), metric.help);
  }
  EXPECT_EQ(scraped.types.size(), expected);
  EXPECT_EQ(scraped.types.at("holdfast_reports_total"), "counter");
  EXPECT_EQ(scraped.types.at("holdfast_workers"), "gauge");
  EXPECT_EQ(scraped.types.at("holdfast_lookup_duration_seconds"), "histogram");
}

TEST_F(ScrapeTest, HasNoMetricOfLmcachesWithoutItsGateway) {
  EXPECT_THAT(text(), testing::Not(testing::HasSubstr("lmcache:")));
}

TEST_F(LmcacheMetricsTest, AreThereUnderTheNamesOfItsController) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  await(report(session, "gpu", kIncarnation, 1, {1, 2, 3}));
  settle();
  server->services().measured.lmcache = {
      .registrations = 2, .deregistrations = 1, .reports = 5, .peerLookups = 3, .gaps = 1};
  const Scraped scraped = scrape();
  const std::string of = "lmcache:cache_controller_";
  const std::string role = "{role=\"controller\"}";
  EXPECT_EQ(scraped[of + "kv_pool_keys_count" + role], 3);
  EXPECT_EQ(scraped[of + "registered_workers_count" + role], 1);
  EXPECT_EQ(scraped[of + "pull_socket_message_count" + role], 6);
  EXPECT_EQ(scraped[of + "reply_socket_message_count" + role], 5);
  EXPECT_EQ(scraped[of + "kv_op_seq_discontinuity_count" + role], 1);
  EXPECT_EQ(scraped[of + "full_sync_global_progress" + role], 1);
  EXPECT_EQ(std::count_if(scraped.types.begin(), scraped.types.end(),
                          [&](const auto& one) { return one.first.starts_with(of); }),
            13);
}

TEST_F(ScrapeTest, PleasesPromtool) {
  const std::filesystem::path file = directory / "metrics";
  std::ofstream(file) << text();
  const std::string command = "promtool check metrics < " + file.string() + " 2>&1";
  FILE* const pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) said += static_cast<char>(c);
  EXPECT_EQ(pclose(pipe), 0) << said << "(tools/setup installs promtool)";
}

TEST_F(ScrapeTest, CountsWhatWorkersReportAndRoutersFind) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  await(report(session, "gpu", kIncarnation, 1, {1, 2, 3}));
  await(report(session, "gpu", kIncarnation, 4, {4, 1}, {0b10}));
  lookup(*peer, {2, 3, 9});
  lookup(*peer, {77});
  settle();
  const Scraped scraped = scrape();
  EXPECT_EQ(scraped["holdfast_workers{state=\"active\"}"], 1);
  EXPECT_EQ(scraped["holdfast_workers{state=\"lost\"}"], 0);
  EXPECT_EQ(scraped["holdfast_memberships"], 3);
  EXPECT_EQ(scraped["holdfast_chunks"], 3);
  EXPECT_EQ(scraped["holdfast_reports_total{outcome=\"applied\"}"], 2);
  EXPECT_EQ(scraped["holdfast_operations_total{kind=\"admit\"}"], 4);
  EXPECT_EQ(scraped["holdfast_operations_total{kind=\"evict\"}"], 1);
  EXPECT_EQ(scraped["holdfast_lookups_total{result=\"hit\"}"], 1);
  EXPECT_EQ(scraped["holdfast_lookup_chunks_total"], 4);
  EXPECT_EQ(scraped["holdfast_lookup_matched_chunks_bucket{le=\"0\"}"], 1);
  EXPECT_EQ(scraped["holdfast_lookup_matched_chunks_bucket{le=\"1\"}"], 1);
  EXPECT_EQ(scraped["holdfast_lookup_matched_chunks_bucket{le=\"2\"}"], 2);
  EXPECT_EQ(scraped["holdfast_lookup_matched_chunks_sum"], 2);
  EXPECT_EQ(scraped["holdfast_lookup_duration_seconds_count"], 2);
  EXPECT_EQ(scraped["holdfast_lookup_duration_seconds_bucket{le=\"+Inf\"}"], 2);
  EXPECT_GT(scraped["holdfast_lookup_duration_seconds_sum"], 0);
  EXPECT_EQ(scraped["holdfast_connections{door=\"rpc\"}"], 1);
  EXPECT_EQ(scraped["holdfast_build_info{version=\"1.2.3\"}"], 1);
  EXPECT_EQ(scraped["holdfast_store_writable"], 1);
  EXPECT_GT(scraped["process_open_fds"], 3);
  EXPECT_GT(scraped["process_resident_memory_bytes"], 1 << 20);
}

TEST_F(ScrapeTest, SaysThatTheStoreCannotWrite) {
  store.setHealth({.writable = false, .reason = "the disk is full"});
  settle();
  EXPECT_EQ(scrape()["holdfast_store_writable"], 0);
}

TEST_F(ScrapeTest, CountsWhatItTookOfTheLoopAndOfWhatTheLoopDid) {
  scrape();
  const Scraped second = scrape();
  EXPECT_GT(second["holdfast_scrape_turn_duration_seconds_count"], 3);
  EXPECT_GT(second["holdfast_loop_turn_duration_seconds_count"], 0);
}

TEST_F(ScrapeTest, ShowsNoInstancesUnlessAsked) {
  const auto peer = connect();
  registerWorker(*peer, registration("llama"));
  EXPECT_EQ(text().find("llama"), std::string::npos);
}

TEST_F(InstancesTest, AreShownEachOnceUnderOneDescription) {
  const auto peer = connect();
  constexpr int kInstances = 300;
  for (int i = 0; i < kInstances; ++i) {
    registerWorker(*peer, registration("i" + std::to_string(i), 0));
    registerWorker(*peer, registration("i" + std::to_string(i), 1));
  }
  auto session = registerWorker(*peer, registration("a \"quoted\" \\name"));
  await(report(session, "gpu", kIncarnation, 1, {1, 2, 3}));
  settle();
  const Scraped scraped = scrape();
  for (int i = 0; i < kInstances; ++i) {
    const std::string instance = "instance_id=\"i" + std::to_string(i) + "\"";
    EXPECT_EQ(scraped["holdfast_instance_workers{" + instance + ",state=\"active\"}"], 2);
    EXPECT_EQ(scraped["holdfast_instance_memberships{" + instance + "}"], 0);
    EXPECT_EQ(scraped["holdfast_instance_locations_behind{" + instance + "}"], 0);
  }
  EXPECT_EQ(scraped[R"(holdfast_instance_memberships{instance_id="a \"quoted\" \\name"})"], 3);
}

TEST_F(ScrapeTest, GoesOnWhileTheFleetChanges) {
  const auto peer = connect();
  registerWorker(*peer, registration("a"));
  metrics::Scrape scrape(server->services());
  int pieces = 1;
  while (scrape.step()) {
    registerWorker(*peer, registration("b" + std::to_string(pieces++)));
  }
  EXPECT_GT(pieces, 4);
  // As of one moment: that of its snapshot.
  const Scraped scraped(scrape.take());
  EXPECT_EQ(scraped["holdfast_workers{state=\"active\"}"], scraped["holdfast_instances"]);
}

}  // namespace
}  // namespace holdfast::test
