#include "tests/crash/busy_worker.h"

#include <vector>

namespace holdfast::test {
namespace {

ClientOptions clientOptions(const BusyWorkerOptions& worker) {
  ClientOptions options;
  options.controller = worker.controller;
  options.instance = worker.instance;
  options.worker = worker.rank;
  options.worldSize = worker.ranks;
  options.locations = {{.name = "cpu", .contents = {}}};
  options.backoffMaxMs = worker.backoffMaxMs;
  return options;
}

}  // namespace

BusyWorker::BusyWorker(ClientThread& thread, const BusyWorkerOptions& options)
    : options_(options),
      random_(options.seed),
      client_(thread, clientOptions(options)),
      cpu_(client_.location("cpu")) {}

void BusyWorker::resume() {
  running_ = true;
  thread_ = std::thread([this] {
    while (running_) {
      work();
      std::this_thread::yield();
    }
  });
}

void BusyWorker::pause() {
  running_ = false;
  if (thread_.joinable()) thread_.join();
}

void BusyWorker::work() {
  if (options_.clearOneIn != 0 && random_() % options_.clearOneIn == 0) {
    held_.clear();
    order_.clear();
    client_.clear(cpu_);
  }
  std::vector<ChunkHash> admitted;
  std::vector<ChunkHash> evicted;
  for (int i = 0; i < 20; ++i) {
    const ChunkHash key = splitmix64Finalise(random_() % (7 * options_.capacity));
    if (!held_.insert(key).second) continue;
    order_.push_back(key);
    admitted.push_back(key);
  }
  while (order_.size() > options_.capacity) {
    evicted.push_back(order_.front());
    held_.erase(order_.front());
    order_.pop_front();
  }
  client_.admit(cpu_, admitted);
  client_.evict(cpu_, evicted);
  // As fast as the controller takes it, and no faster: a queue that overflows loses its order.
  while (running_ && client_.locations()[0].queued > 20'000) std::this_thread::yield();
}

void BusyWorker::addTo(RegistryDigest& digest) const {
  if (held_.empty()) return;
  KeyDigest keys;
  for (const ChunkHash key : held_) keys.add(key);
  digest.addContent(options_.instance, options_.rank, "cpu", held_.size(), keys);
}

std::string BusyWorker::describe() {
  const ClientLocationStatus cpu = client_.locations()[0];
  return options_.instance + " worker " + std::to_string(options_.rank) + " is " +
         std::string(clientStateName(client_.state())) + ", last seq " +
         std::to_string(cpu.lastSeq) + ", committed " + std::to_string(cpu.committedSeq) +
         ", queued " + std::to_string(cpu.queued) + ", last decision " +
         std::string(reasonName(cpu.reason)) + "\n";
}

std::vector<std::unique_ptr<BusyWorker>> busyWorkers(ClientThread& thread, uint32_t instances,
                                                     uint32_t ranks, const BusyWorkerOptions& of) {
  std::vector<std::unique_ptr<BusyWorker>> workers;
  for (uint32_t i = 0; i < instances * ranks; ++i) {
    BusyWorkerOptions one = of;
    one.instance = "instance-" + std::to_string(i / ranks);
    one.rank = i % ranks;
    one.ranks = ranks;
    one.seed = of.seed + i;
    workers.push_back(std::make_unique<BusyWorker>(thread, one));
  }
  return workers;
}

}  // namespace holdfast::test
