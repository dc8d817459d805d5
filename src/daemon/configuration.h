// What an operator sets: command line over environment over configuration file over defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/log_writer.h"
#include "core/limits.h"
#include "core/operations/executor.h"
#include "net/door_limits.h"
#include "net/listen_address.h"
#include "net/tls.h"
#include "store/rocks_store.h"
#include "tokens/token_hasher.h"

namespace holdfast {

// How the process ends; documented in --help.
enum class ExitCode : int {
  kClean = 0,
  kUsage = 2,    // command line, environment or configuration file
  kStore = 3,    // the data directory cannot be opened
  kListen = 4,   // no address could be bound, or one is refused
  kFatal = 5,    // the store lost what it had confirmed, or could not write everything at the end
  kCapture = 6,  // the log that --capture asks for cannot be begun
  kOutput = 7,   // --help or --version could not be printed
};

enum class LogFormat { kText, kJson };

struct Configuration {
  std::string dataDir;
  bool create = false;
  std::vector<std::string> listen = {"127.0.0.1:7440"};
  SocketAccess unixSockets;
  TlsFiles tls;  // no certificate: IP listeners are plain

  HashSettings hashing;

  uint32_t heartbeatIntervalMs = 5'000;
  uint32_t heartbeatTimeoutMs = 30'000;
  uint64_t lostGraceMs = 3'600'000;

  WalSync walSync = WalSync::kInterval;
  uint32_t walSyncIntervalMs = 100;
  uint64_t foldFloor = 65'536;

  Executor::Options executor;
  uint32_t replayTimeoutMs = 10'000;
  uint32_t fullSyncs = 8;
  uint32_t fullSyncStartTimeoutMs = 10'000;
  uint32_t fullSyncTimeoutMs = 300'000;
  double fullSyncThreshold = 0.8;

  uint32_t workersMax = kWorkersMaxDefault;
  uint32_t connectionsMax = kConnectionsMaxDefault;
  uint32_t connectionsPerAddress = kConnectionsPerAddressDefault;
  uint64_t peerMemoryBytes = kHeldByPeersBytesDefault;
  std::string defaultModel = "default";

  LogOptions capture;  // no directory: no log
  bool captureRedact = false;

  LogFormat logFormat = LogFormat::kText;
  std::string logLevel = "info";

  // For the log, once it is set up.
  std::vector<std::string> warnings;
};

// Either a configuration, or the process is to end: --help and --version were printed to stdout,
// an error to stderr.
struct ParsedConfiguration {
  std::optional<Configuration> configuration;
  ExitCode exitCode = ExitCode::kClean;
};

ParsedConfiguration parseConfiguration(int argc, const char* const* argv);

}  // namespace holdfast
