#include "daemon/part_options.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "daemon/logging.h"

namespace holdfast {
namespace {

// Adds so much to a cache operation or a registration, and look-ups notice less of the disk.
constexpr std::chrono::microseconds kSyncedWriteInterval{2'000};

// Of the files that the process may still open, half.
size_t connectionsMax(const Configuration& configuration) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return configuration.connectionsMax;
  std::error_code failed;
  const std::filesystem::directory_iterator open("/proc/self/fd", failed);
  const auto inUse = static_cast<rlim_t>(std::distance(begin(open), end(open)));
  const size_t most = std::max<rlim_t>(2, files.rlim_cur - std::min(files.rlim_cur, inUse)) / 2;
  if (most >= configuration.connectionsMax) return configuration.connectionsMax;
  spdlog::warn(
      "taking {} connections at most, not {} (--connections-max): the process may open {} files, "
      "{} are open, and the store will need more; raise the hard limit (ulimit -Hn, LimitNOFILE)",
      most, configuration.connectionsMax, files.rlim_cur, inUse);
  return most;
}

}  // namespace

StoreOptions storeOptions(const Configuration& configuration, Wakeup& wakeup,
                          const StartReports& reports, HttpDoor& http) {
  StoreOptions options;
  options.dataDir = configuration.dataDir;
  options.create = configuration.create;
  options.walSync = configuration.walSync;
  options.syncInterval = std::chrono::milliseconds(configuration.walSyncIntervalMs);
  options.syncedWriteInterval = kSyncedWriteInterval;
  options.followsLog = configuration.replication.on();
  options.createdBy = "holdfastd " HOLDFAST_VERSION;
  options.notify = [&wakeup]() { wakeup.signal(); };
  options.log = logFromStore;
  options.progress = [&reports, &http](const StartProgress& progress) {
    http.report(progress);
    reports.recovering(progress);
  };
  options.migrationProgress = [&reports, &http](const MigrationProgress& progress) {
    http.report(progress);
    reports.migrating(progress);
  };
  options.fatal = [](const std::string& text) {
    spdlog::critical("{}; ending, so that the next start recovers what is on the disk", text);
    std::_Exit(static_cast<int>(ExitCode::kFatal));
  };
  return options;
}

RegistryOptions registryOptions(const Configuration& configuration, FaultAhead& faultAhead) {
  RegistryOptions options;
  options.index.faulter = &faultAhead;
  options.defaultModel = configuration.defaultModel;
  options.lifeCycle.heartbeatTimeoutMs = configuration.heartbeatTimeoutMs;
  options.lifeCycle.lostGraceMs = configuration.lostGraceMs;
  options.lifeCycle.workersMax = configuration.workersMax;
  options.repair.replayTimeoutMs = configuration.replayTimeoutMs;
  options.repair.completionThreshold = configuration.fullSyncThreshold;
  options.repair.fullSync.slots = configuration.fullSyncs;
  options.repair.fullSync.startTimeoutMs = configuration.fullSyncStartTimeoutMs;
  if (!configuration.lmcache.heartbeat.empty()) {
    // One of LMCache's hears of it with its next heartbeat, and begins up to 5 s later.
    options.repair.fullSync.startTimeoutMs = std::max<uint64_t>(
        configuration.fullSyncStartTimeoutMs, uint64_t{2} * configuration.heartbeatTimeoutMs);
  }
  options.repair.fullSync.inactivityMs = configuration.fullSyncTimeoutMs;
  options.foldFloorOperations = configuration.foldFloor;
  return options;
}

ServerOptions serverOptions(const Configuration& configuration, const ServerTls* tls) {
  return {.hashing = configuration.hashing,
          .heartbeatIntervalMs = configuration.heartbeatIntervalMs,
          .heartbeatTimeoutMs = configuration.heartbeatTimeoutMs,
          .connectionsMax = connectionsMax(configuration),
          .authenticationMs = ServerOptions().authenticationMs,
          .connectionsPerAddress = configuration.connectionsPerAddress,
          .heldByOneMax = ServerOptions().heldByOneMax,
          .heldByAllMax = configuration.peerMemoryBytes,
          .handshakeTimeoutMs = ServerOptions().handshakeTimeoutMs,
          .tls = tls,
          .crowdIntervalUs = ServerOptions().crowdIntervalUs,
          .metricsOfInstances = configuration.metricsOfInstances,
          .metricsOfLmcache = configuration.lmcache.on()};
}

engines::IntakeOptions intakeOptions(const Configuration& configuration,
                                     engines::CacheResets& resets) {
  engines::IntakeOptions options;
  options.streams.reading.clearMeansAll = configuration.clearMeansAll;
  options.streams.reading.keepGroups = configuration.engineGroups;
  options.keepAfterLoss = configuration.keepAfterLoss;
  options.heartbeatTimeoutMs = configuration.heartbeatTimeoutMs;
  if (configuration.engineReset) {
    options.onLost = [&resets](const EngineSource& source) { resets.ask(source); };
  }
  return options;
}

ClientSecurity replicaSecurity(const Configuration& configuration) {
  const Configuration::Replication& from = configuration.replication;
  return {.tokenFile = from.replicaTokenFile,
          .tlsCa = from.replicaCaFile,
          .tlsCert = from.replicaCertificateFile,
          .tlsKey = from.replicaKeyFile};
}

LogOptions logOptions(const Configuration& configuration) {
  LogOptions options = configuration.capture;
  options.program = "holdfastd " HOLDFAST_VERSION;
  return options;
}

}  // namespace holdfast
