#include "tests/replicas/group_test.h"

#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>

#include "core/registry/registry_digest.h"

namespace holdfast::test {

std::string GroupTest::everyAddress() const {
  std::string all;
  for (size_t node = 0; node < kControllers; ++node) {
    all += (node == 0 ? "" : ",") + addressOf(node);
  }
  return all;
}

DaemonStart GroupTest::onNode(size_t node, const std::string& leadAfter,
                              const std::vector<std::string>& own) const {
  DaemonStart what;
  what.arguments = {"--data-dir",    dataOf(node).string(), "--create", "--listen",
                    addressOf(node), "--cluster",           "test",     "--node",
                    nameOf(node),    "--lead-after",        leadAfter,  "--nats-size",
                    "64MiB"};
  what.arguments.insert(what.arguments.end(), more_.begin(), more_.end());
  what.arguments.insert(what.arguments.end(), own.begin(), own.end());
  for (const std::string& server : log_) {
    what.arguments.insert(what.arguments.end(), {"--replicate-nats", server});
  }
  return what;
}

void GroupTest::startNode(size_t node, const std::string& leadAfter,
                          const std::vector<std::string>& own) {
  nodes_[node] = start(onNode(node, leadAfter, own));
}

void GroupTest::launchNode(size_t node, const std::vector<std::string>& own) {
  nodes_[node] = std::make_unique<DaemonProcess>(directory / ("launched-" + nameOf(node)),
                                                 onNode(node, "1h", own));
}

void GroupTest::kill(size_t node, int signal) {
  nodes_[node]->signal(signal);
  nodes_[node]->wait();
  nodes_[node].reset();
}

std::optional<size_t> GroupTest::leading() const {
  constexpr std::string_view kLeads = "leading group 'test': epoch ";
  std::optional<size_t> leader;
  uint64_t newest = 0;
  for (size_t node = 0; node < kControllers; ++node) {
    if (nodes_[node] == nullptr) continue;
    const std::string log = nodes_[node]->log();
    const size_t at = log.rfind(kLeads);
    if (log.find('\n', at) == std::string::npos) continue;  // not said to its end yet
    const uint64_t epoch = std::stoull(log.substr(at + kLeads.size()));
    if (epoch <= newest) continue;
    newest = epoch;
    leader = node;
  }
  return leader;
}

size_t GroupTest::awaitLeader() {
  std::optional<size_t> found;
  EXPECT_TRUE(eventually([&] { return (found = leading()).has_value(); })) << logs();
  if (!found) return kNoLeader;
  std::filesystem::remove(directory / "leader");
  std::filesystem::create_symlink(socketOf(*found), directory / "leader");
  return *found;
}

bool GroupTest::says(size_t node, const std::string& text) const {
  return nodes_[node]->log().find(text) != std::string::npos;
}

std::string GroupTest::logs() const {
  std::string all;
  for (size_t node = 0; node < kControllers; ++node) {
    if (nodes_[node] != nullptr) all += nameOf(node) + ":\n" + nodes_[node]->log();
  }
  return all;
}

void GroupTest::expectAllHold(const std::string& digest) {
  for (size_t node = 0; node < kControllers; ++node) {
    if (nodes_[node] == nullptr) continue;
    EXPECT_TRUE(eventually([&] { return statusText(addressOf(node), "contentDigest") == digest; }))
        << nameOf(node) << " holds " << statusText(addressOf(node), "contentDigest") << " and not "
        << digest << "\n"
        << logs();
  }
}

GroupTest::Workers GroupTest::workers(BusyWorkerOptions of) {
  of.seed = seed_;
  return busyWorkers(thread_, 2, 2, of);
}

void GroupTest::workFor(Workers& workers, uint64_t ms) {
  for (auto& worker : workers) {
    worker->pause();
    worker->resume();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

std::string GroupTest::truthOf(Workers& workers) {
  for (auto& worker : workers) worker->pause();
  RegistryDigest truth;
  for (auto& worker : workers) {
    EXPECT_TRUE(worker->client().flush(60'000)) << worker->describe() << logs();
    worker->addTo(truth);
  }
  return truth.hex();
}

void GroupTest::expectNothingSentAgain(const Workers& workers) {
  for (const auto& worker : workers) {
    const ClientCounters counters = worker->client().counters();
    EXPECT_EQ(counters.keysResent(), 0u);
    EXPECT_EQ(counters.losses, 0u);
    EXPECT_EQ(counters.decisionsDiverged, 0u);
  }
}

}  // namespace holdfast::test
