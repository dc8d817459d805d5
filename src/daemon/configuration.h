// What an operator sets: command line over environment over configuration file over defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "capture/log_writer.h"
#include "core/engine_source.h"
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
  kDeposed = 8,  // another controller of the group leads now: to be started again, as a follower
  kGroup = 9,    // it cannot be part of the group as it is
};

enum class LogFormat { kText, kJson };

// An option as it is in force.
struct EffectiveOption {
  std::string key;                  // its long name
  std::vector<std::string> values;  // as a command line has them; none: it is not set
  std::string from;                 // what sets it: "the command line"; empty: nothing does
  bool byDefault = true;            // it has the value that it has where nothing sets it

  friend bool operator==(const EffectiveOption&, const EffectiveOption&) = default;
};

struct Configuration {
  std::string dataDir;
  bool create = false;
  std::vector<std::string> listen = {"127.0.0.1:7440"};
  std::vector<std::string> http = {"127.0.0.1:7441"};  // none: HTTP is off
  SocketAccess unixSockets;
  TlsFiles tls;  // no certificate: IP listeners are plain

  std::string tokenFile;  // empty: none
  bool authOff = false;   // who comes over the network needs no token

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
  bool metricsOfInstances = false;
  std::optional<uint32_t> loopCpu;  // that the loop has for itself

  // The gateway for LMCache's workers; addresses as --listen has them. Empty: it is off.
  struct Lmcache {
    std::string pull;
    std::string reply;
    std::string heartbeat;          // empty: workers are told to send none
    std::string heartbeatUrl;       // "HOST:PORT" that they are told; empty: that address
    std::vector<std::string> http;  // of LMCache's HTTP routes; with or without the others
    bool insecure = false;          // other machines may reach these addresses
    std::vector<std::string> allow;
    std::string gap = "keep";
    std::vector<std::string> models;      // "PATTERN=MODEL"
    std::vector<std::string> worldSizes;  // "PATTERN=N"

    bool on() const { return !pull.empty(); }
  };
  Lmcache lmcache;

  std::vector<EngineSource> engines;  // of the file's [[engine]] tables
  bool keepAfterLoss = false;         // what engines said, when messages of theirs are lost
  bool clearMeansAll = false;
  bool engineGroups = false;
  bool engineReset = false;

  // A group of controllers with one log, on NATS JetStream. No server: it is alone.
  struct Replication {
    std::vector<std::string> servers;
    std::string cluster = "holdfast";
    std::string node;       // for people; empty: its address
    std::string advertise;  // where workers find it; empty: its first address
    uint64_t silenceMs = 300;
    std::string user;
    std::string passwordFile;
    std::string credentialsFile;
    bool tls = false;
    std::string caFile;
    std::string certificateFile;
    std::string keyFile;
    uint32_t replicas = 3;
    uint64_t bytesMax = uint64_t{8} << 30;
    std::vector<std::string> join;  // controllers of the group that may give a copy of their store
    // What it says of itself to them, and to the leader.
    std::string replicaTokenFile;
    std::string replicaCaFile;  // or "system"; empty: no TLS
    std::string replicaCertificateFile;
    std::string replicaKeyFile;

    bool on() const { return !servers.empty(); }
  };
  Replication replication;

  LogOptions capture;  // no directory: no log
  bool captureRedact = false;

  LogFormat logFormat = LogFormat::kText;
  std::string logLevel = "info";

  // Every option that a file can set, in the order of their declaration.
  std::vector<EffectiveOption> options;
  // For the log, once it is set up.
  std::vector<std::string> warnings;
};

// Either a configuration, or the process is to end: with what --help, --version and the like print,
// or with an error.
struct ParsedConfiguration {
  std::optional<Configuration> configuration;
  std::string output;  // for standard output
  std::string error;   // for standard error; empty: there is none
};

// Of a command line with the program's name, the environment and the file that one of them names.
// May be called again while the program runs.
ParsedConfiguration parseConfiguration(int argc, const char* const* argv);

// Those that are not as by default, as a command line has them: "--workers-max=8 --create=true".
std::string changedOptions(const Configuration& configuration);
// Keys whose values differ, but for those that are left out: "listen, workers-max".
std::string differentOptions(const Configuration& one, const Configuration& other,
                             const std::set<std::string>& leftOut);

}  // namespace holdfast
