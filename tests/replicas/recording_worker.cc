#include "tests/replicas/recording_worker.h"

#include <chrono>

namespace holdfast::test {
namespace {

constexpr size_t kCapacity = 2'000;  // keys
constexpr size_t kQueuedMax = 20'000;
constexpr auto kBetweenTurns = std::chrono::milliseconds(4);
constexpr const char* kLocation = "cpu";

ClientOptions workerOptionsOf(const RecordingWorkerOptions& worker) {
  ClientOptions options;
  options.controller = worker.controllers;
  options.instance = worker.instance;
  options.worker = worker.rank;
  options.worldSize = worker.ranks;
  options.locations = {{.name = kLocation, .contents = {}}};
  options.backoffMaxMs = 200;
  options.callTimeoutMs = 2'000;
  return options;
}

}  // namespace

RecordingWorker::RecordingWorker(ClientThread& thread, const RecordingWorkerOptions& options)
    : options_(options),
      random_(options.seed),
      history_(options.number, kCapacity),
      client_(thread, workerOptionsOf(options)),
      location_(client_.location(kLocation)),
      thread_([this] {
        while (working_) work();
      }) {}

void RecordingWorker::rest() {
  working_ = false;
  if (thread_.joinable()) thread_.join();
}

void RecordingWorker::work() {
  const History::Turn turn = history_.take(random_() % 200 == 0 ? kCapacity : 1 + random_() % 20);
  client_.admit(location_, turn.admits);
  client_.evict(location_, turn.evicts);
  if (random_() % 100 == 0) {
    const uint64_t told = history_.operations();
    if (client_.flush(500)) history_.confirmed(told, nowMs());
  }
  do {
    noteConfirmed();
    std::this_thread::sleep_for(kBetweenTurns);
  } while (working_ && client_.locations()[0].queued > kQueuedMax);
}

void RecordingWorker::noteConfirmed() {
  const uint64_t seq = client_.locations()[0].committedSeq;
  history_.confirmed(seq, nowMs());
}

void RecordingWorker::addTo(RegistryDigest& digest) const {
  history_.addTo(digest, options_.instance, options_.rank, kLocation);
}

std::string RecordingWorker::wrong() {
  const ClientCounters counters = client_.counters();
  const ClientLocationStatus location = client_.locations()[0];
  std::string text;
  const auto expect = [&](uint64_t value, uint64_t expected, const char* what) {
    if (value == expected) return;
    text += std::to_string(value) + " " + what + " instead of " + std::to_string(expected) + "; ";
  };
  expect(location.lastSeq, history_.operations(), "operations numbered");
  expect(counters.operationsResent, 0, "confirmed operations sent again");
  expect(counters.losses, 0, "losses of its numbering");
  expect(counters.fullSyncs, 0, "full syncs");
  expect(counters.decisionsDiverged, 0, "registrations found diverged");
  expect(counters.replaysRefused, 0, "replays refused");
  return text.empty() ? text : describe() + ": " + text;
}

std::string RecordingWorker::describe() {
  const ClientLocationStatus location = client_.locations()[0];
  return options_.instance + " worker " + std::to_string(options_.rank) + " (" +
         std::string(clientStateName(client_.state())) + ", " + client_.lastError() +
         "; last seq " + std::to_string(location.lastSeq) + ", committed " +
         std::to_string(location.committedSeq) + ", queued " + std::to_string(location.queued) +
         ", last decision " + std::string(reasonName(location.reason)) + ")";
}

}  // namespace holdfast::test
