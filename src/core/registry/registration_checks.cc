#include "core/registry/registration_checks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/ids.h"
#include "core/labels.h"
#include "core/limits.h"

namespace holdfast {
namespace {

std::string describe(const Registration& registration) {
  return "instance " + quotedForPeople(registration.instance) + " worker " +
         std::to_string(registration.worker);
}

std::optional<Error> asError(std::optional<std::string> wrong) {
  if (!wrong) return std::nullopt;
  return Error{ErrorCode::kInvalid, std::move(*wrong)};
}

std::optional<std::string> wrongStatements(const std::vector<LocationStatement>& statements) {
  if (statements.size() > kLocationsPerWorkerMax) {
    return "a worker may have " + std::to_string(kLocationsPerWorkerMax) + " locations, not " +
           std::to_string(statements.size());
  }
  for (size_t i = 0; i < statements.size(); ++i) {
    const LocationStatement& one = statements[i];
    if (auto bad = invalidId("location name", one.location, kLocationNameBytesMax)) return bad;
    for (size_t j = 0; j < i; ++j) {
      if (statements[j].location == one.location) {
        return "location '" + one.location + "' is stated twice";
      }
    }
    if (one.lastSeq == UINT64_MAX) return "location '" + one.location + "': lastSeq is over 2^64-2";
    if (one.replayableFrom == 0 || one.replayableFrom > one.lastSeq + 1) {
      return "location '" + one.location + "': replayableFrom " +
             std::to_string(one.replayableFrom) +
             " is not within 1 to lastSeq + 1 = " + std::to_string(one.lastSeq + 1);
    }
  }
  return std::nullopt;
}

std::optional<std::string> wrongRegistration(const Registration& r) {
  if (auto bad = invalidId("instance id", r.instance, kInstanceIdBytesMax)) return bad;
  if (auto bad = invalidText("ip", r.ip, kIpBytesMax)) return bad;
  if (auto bad = invalidText("peer URL", r.peerUrl, kPeerUrlBytesMax)) return bad;
  if (auto bad = invalidText("model", r.model, kModelBytesMax)) return bad;
  if (r.port > 65535) return "port " + std::to_string(r.port) + " is over 65535";
  if (r.worldSize != 0 && r.worker >= r.worldSize) {
    return "worker " + std::to_string(r.worker) + " of a world size of " +
           std::to_string(r.worldSize) + ": ranks count from 0 and are below the world size";
  }
  if (r.run == 0) return "run must be a random number, not 0";
  if (r.attempt == 0) return "attempt counts from 1";
  if (auto bad = invalidLabels(r.labels)) return bad;
  return wrongStatements(r.locations);
}

}  // namespace

std::optional<Error> invalidRegistration(const Registration& registration) {
  return asError(wrongRegistration(registration));
}

std::optional<Error> invalidStatements(const std::vector<LocationStatement>& statements) {
  return asError(wrongStatements(statements));
}

// Another process has the run id of the former one (a seeded generator draws the same again), and
// its incarnations may be the same as well: nothing that is known of them can be trusted. A delayed
// message of the former one looks alike, but comes over an older connection.
bool repeatsRun(const Registration& registration, const Worker& worker) {
  return registration.run == worker.record.run && registration.attempt <= worker.record.attempt &&
         registration.onLaterConnection;
}

std::optional<Error> notAcceptable(const RegistryTree& tree, const Registration& registration,
                                   const Worker* worker, size_t workersMax) {
  const LocationNames& names = tree.locationNames();
  const auto newNames = static_cast<size_t>(
      std::count_if(registration.locations.begin(), registration.locations.end(),
                    [&](const LocationStatement& one) { return !names.knows(one.location); }));
  if (names.size() + newNames > kLocationNamesMax) {
    return Error{ErrorCode::kUnavailable,
                 describe(registration) + ": " + std::to_string(newNames) +
                     " of its location names are new, and " + std::to_string(names.size()) +
                     " of at most " + std::to_string(kLocationNamesMax) +
                     " are in use; try again later, name the locations of all workers alike, or "
                     "forget workers that do not come back"};
  }
  if (worker == nullptr) {
    // A LOST one makes room.
    if (tree.workers() < workersMax || tree.workersLost() > 0) return std::nullopt;
    return Error{ErrorCode::kUnavailable,
                 "this controller takes " + std::to_string(workersMax) +
                     " workers and has as many, none of them LOST; try again later, raise "
                     "--workers-max, or deregister some"};
  }
  if (registration.run == worker->record.run) {
    if (registration.attempt > worker->record.attempt || repeatsRun(registration, *worker)) {
      return std::nullopt;
    }
    return Error{ErrorCode::kSuperseded,
                 describe(*worker) + ": attempt " + std::to_string(registration.attempt) +
                     " of this run came after attempt " + std::to_string(worker->record.attempt)};
  }
  const auto& superseded = worker->supersededRuns;
  if (worker->session != kNoSession &&
      std::find(superseded.begin(), superseded.end(), registration.run) != superseded.end()) {
    return Error{ErrorCode::kSuperseded,
                 describe(*worker) + ": another process took this worker over and is active"};
  }
  return std::nullopt;
}

uint64_t chunksOf(const Worker& worker) {
  uint64_t chunks = 0;
  for (const auto& location : worker.locations) chunks += location->count;
  return chunks;
}

Worker* lostWorkerToForget(const RegistryTree& tree) {
  using Rank = std::pair<bool, uint64_t>;  // holds content, LOST since
  Worker* least = nullptr;
  Rank leastRank;
  for (const auto& [name, instance] : tree.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      if (worker->record.state != WorkerState::kLost || worker->record.source) continue;
      const Rank rank{chunksOf(*worker) != 0, worker->record.lostMs()};
      if (least != nullptr && rank >= leastRank) continue;
      least = worker.get();
      leastRank = rank;
    }
  }
  return least;
}

}  // namespace holdfast
