#include "tests/replicas/faulty_group.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace holdfast::test {
namespace {

constexpr int kDeposed = 8;

std::string textOf(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

FaultyGroup::FaultyGroup(std::filesystem::path directory)
    : directory_(std::move(directory)),
      servers_(kNodes, "", [this](size_t from, size_t to, uint16_t port) {
        return relays_.port(betweenServers_[from][to] = relays_.toPort(port));
      }) {
  for (size_t node = 0; node < kNodes; ++node) {
    nodes_[node].faults = mapFaults(node);
    toWorkers_[node] = relays_.toSocket(pathOf("socket", node));
    toReaders_[node] = relays_.toSocket(pathOf("socket", node));
    for (size_t server = 0; server < kNodes; ++server) {
      toServer_[node][server] = relays_.toPort(servers_.port(server));
    }
  }
  for (size_t node = 0; node < kNodes; ++node) start(node);
}

FaultyGroup::~FaultyGroup() {
  for (Node& node : nodes_) {
    node.process.reset();
    munmap(node.faults, sizeof(MachineFaults));
  }
}

std::filesystem::path FaultyGroup::pathOf(const std::string& what, size_t node) const {
  return directory_ / (what + "-" + std::to_string(node));
}

std::string FaultyGroup::addressOf(size_t relay) const {
  return "127.0.0.1:" + std::to_string(relays_.port(relay));
}

MachineFaults* FaultyGroup::mapFaults(size_t node) const {
  const int file = open(pathOf("faults", node).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file == -1 || ftruncate(file, sizeof(MachineFaults)) != 0) std::abort();
  void* const mapped =
      mmap(nullptr, sizeof(MachineFaults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) std::abort();
  return static_cast<MachineFaults*>(mapped);
}

void FaultyGroup::start(size_t node) {
  DaemonStart what;
  what.arguments = {"--data-dir",
                    pathOf("data", node),
                    "--create",
                    "--listen",
                    "unix:" + pathOf("socket", node).string(),
                    "--cluster",
                    "test",
                    "--node",
                    std::to_string(node),
                    "--advertise",
                    addressForWorkers(node),
                    "--lead-after",
                    "600ms",
                    "--nats-size",
                    "64MiB",
                    "--heartbeat-interval",
                    "500ms",
                    "--heartbeat-timeout",
                    "10m"};
  for (const size_t relay : toServer_[node]) {
    what.arguments.insert(what.arguments.end(), {"--replicate-nats", "nats://" + addressOf(relay)});
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Sanitizers want to be first themselves.
  what.environment = {{"LD_PRELOAD", MACHINE_FAULTS},
                      {kFaultsFile, pathOf("faults", node)},
                      {kFaultsDirectory, pathOf("data", node)}};
#endif
  Node& of = nodes_[node];
  of.diskWasFull = of.faults->diskFull != 0;
  of.logs.push_back(pathOf("log", node).string() + "-" + std::to_string(of.logs.size()));
  ++lives_[node];
  of.process = std::make_unique<DaemonProcess>(of.logs.back(), what);
}

void FaultyGroup::killNode(size_t node) {
  Node& of = nodes_[node];
  of.killed = true;
  if (of.process == nullptr) return;
  of.process->signal(SIGKILL);
  of.process->wait();
  of.process.reset();
}

void FaultyGroup::startAgain(size_t node) {
  if (!std::exchange(nodes_[node].killed, false)) return;
  start(node);
}

void FaultyGroup::cut(size_t relay, bool reset, bool begins) {
  if (cuts_.size() <= relay) cuts_.resize(relay + 1);
  Cuts& of = cuts_[relay];
  uint32_t& count = reset ? of.resets : of.silent;
  count += begins ? 1 : -1;
  relays_.set(relay, of.resets != 0 ? Wire::kReset : of.silent != 0 ? Wire::kSilent : Wire::kWhole);
}

void FaultyGroup::cutBy(const Step& step, bool begins) {
  const auto whole = [&](size_t relay) { cut(relay, step.reset, begins); };
  switch (step.fault) {
    case Fault::kCutController:
      return whole(toServer_[step.who][step.other]);
    case Fault::kIsolateController:
      for (const size_t relay : toServer_[step.who]) whole(relay);
      return;
    case Fault::kCutWorkers:
      return whole(toWorkers_[step.who]);
    case Fault::kCutReaders:
      return whole(toReaders_[step.who]);
    case Fault::kCutServers:
      whole(betweenServers_[step.who][step.other]);
      return whole(betweenServers_[step.other][step.who]);
    case Fault::kIsolateServer:
      for (size_t other = 0; other < kNodes; ++other) {
        if (other == step.who) continue;
        whole(betweenServers_[step.who][other]);
        whole(betweenServers_[other][step.who]);
      }
      return;
    default:
      return;
  }
}

void FaultyGroup::begin(const Step& step) {
  Node& node = nodes_[step.who];
  switch (step.fault) {
    case Fault::kKillController:
      return killNode(step.who);
    case Fault::kKillAllControllers:
      for (size_t all = 0; all < kNodes; ++all) killNode(all);
      return;
    case Fault::kStopController:
      if (node.process != nullptr) node.process->signal(SIGSTOP);
      return;
    case Fault::kStepClock:
      node.faults->clockStepSeconds += step.amount;
      return;
    case Fault::kFillDisk:
      node.faults->diskFull = 1;
      node.diskWasFull = true;
      return;
    case Fault::kKillServer:
      return servers_.kill(step.who);
    case Fault::kStopServer:
      return servers_.stop(step.who);
    default:
      return cutBy(step, true);
  }
}

void FaultyGroup::end(const Step& step) {
  Node& node = nodes_[step.who];
  switch (step.fault) {
    case Fault::kKillController:
      return startAgain(step.who);
    case Fault::kKillAllControllers:
      for (size_t all = 0; all < kNodes; ++all) startAgain(all);
      return;
    case Fault::kStopController:
      if (node.process != nullptr) node.process->signal(SIGCONT);
      return;
    case Fault::kStepClock:
      return;
    case Fault::kFillDisk:
      node.faults->diskFull = 0;
      return;
    case Fault::kKillServer:
      return servers_.start(step.who);
    case Fault::kStopServer:
      return servers_.resume(step.who);
    default:
      return cutBy(step, false);
  }
}

void FaultyGroup::heal() {
  for (Node& node : nodes_) node.faults->clockStepSeconds = 0;
}

std::optional<std::string> FaultyGroup::look() {
  for (size_t node = 0; node < kNodes; ++node) {
    Node& of = nodes_[node];
    if (of.process == nullptr || of.process->running()) continue;
    const int code = of.process->wait();
    of.process.reset();
    // Without room for a store none can start.
    if (code != kDeposed && !of.diskWasFull) {
      return "controller " + std::to_string(node) + " has ended with " + std::to_string(code);
    }
    start(node);
  }
  return std::nullopt;
}

bool FaultyGroup::says(size_t node, const std::string& text) const {
  return textOf(nodes_[node].logs.back()).find(text) != std::string::npos;
}

std::string FaultyGroup::logs() const {
  std::string all;
  for (const Node& node : nodes_) {
    for (const auto& log : node.logs) all += log.filename().string() + ":\n" + textOf(log);
  }
  for (size_t server = 0; server < kNodes; ++server) {
    all += "server " + std::to_string(server) + ":\n" + servers_.log(server);
  }
  return all;
}

}  // namespace holdfast::test
