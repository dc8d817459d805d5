#include "daemon/options.h"

#include <cstdint>

#include "core/cache_operations.h"
#include "daemon/gateway_options.h"
#include "daemon/option_kinds.h"
#include "daemon/option_values.h"

namespace holdfast {
namespace {

constexpr uint64_t kDurationMsMax = 1'000 * kDayMs;

std::string addressErrorOrOff(const std::string& text) {
  const std::string error = text == "off" ? "" : addressError(text);
  return error.empty() ? "" : error + ", or off";
}

void addStoreOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Store";
  app.add_option("--data-dir", c.dataDir, "Directory of the store; one controller each. Required")
      ->type_name("DIR")
      ->required()
      ->group(kGroup);
  app.add_flag("--create", c.create,
               "Make that directory if there is none. Without it there must be one, so that no "
               "start takes a disk that is not mounted for a new store; an empty directory gets a "
               "new store in any case")
      ->group(kGroup);
  app.add_option(
         "--wal-sync", t.walSync,
         "When the log reaches the disk: 'interval', 'always' (before a report counts as "
         "confirmed) or 'never' (whenever the system decides). The end of the process alone "
         "never loses anything; a power loss may lose what was not synced")
      ->check(CLI::IsMember({"interval", "always", "never"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
  addDuration(app, "--wal-sync-interval", c.walSyncIntervalMs, "For --wal-sync interval")
      ->group(kGroup);
  app.add_option("--fold-floor", c.foldFloor,
                 "Operations in a location's journal below which it is not folded into segments")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
}

void addClientOptions(CLI::App& app, Configuration& c) {
  constexpr const char* kGroup = "Clients";
  app.add_option("--listen", c.listen,
                 "Address to listen on: host:port, [v6]:port or unix:PATH; may be repeated. "
                 "One that other machines reach needs --tokens; port 0 takes a free one")
      ->check(CLI::Validator(addressError, "", "address"))
      ->type_name("ADDR")
      ->delimiter(',')
      ->take_all()
      ->capture_default_str()
      ->group(kGroup);
  app.add_option(
         "--http", c.http,
         "Address of the HTTP interface: probes, look-ups, metrics and what operators need; "
         "like --listen, or 'off'. It answers from before the store is recovered")
      ->check(CLI::Validator(addressErrorOrOff, "", "address"))
      ->type_name("ADDR")
      ->delimiter(',')
      ->take_all()
      ->capture_default_str()
      ->group(kGroup);
  addDuration(app, "--heartbeat-interval", c.heartbeatIntervalMs,
              "How often workers are told to send a heartbeat")
      ->group(kGroup);
  addDuration(app, "--heartbeat-timeout", c.heartbeatTimeoutMs,
              "Silence after which a worker is LOST: out of look-ups, its state kept")
      ->group(kGroup);
  addDuration(app, "--lost-grace", c.lostGraceMs,
              "Time as LOST after which a worker's state is dropped; also counts "
              "while the controller is down",
              kDurationMsMax)
      ->group(kGroup);
  app.add_option("--workers-max", c.workersMax,
                 "Workers that may register; LOST ones make room for new ones")
      ->check(CLI::Range(uint32_t{1}, uint32_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--connections-max", c.connectionsMax, "Connections open at a time")
      ->check(CLI::Range(uint32_t{1}, uint32_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--loop-cpu", c.loopCpu,
                 "Processor (0, 1, ...) that answers requests and does nothing else: other threads "
                 "of the controller keep off it. For machines with few processors, where look-ups "
                 "would wait for what is stored or decoded meanwhile. Default: any of them does "
                 "everything")
      ->check(CLI::Range(uint32_t{0}, uint32_t{1023}))
      ->type_name("N")
      ->group(kGroup);
  app.add_flag("--metrics-instances", c.metricsOfInstances,
               "Numbers of each instance in metrics: a few series for every instance that ever "
               "registers, which a monitoring system may find many")
      ->group(kGroup);
  app.add_option("--default-model", c.defaultModel,
                 "Model of workers and look-ups that name none; look-ups never cross models")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(kGroup);
}

void addAccessOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Access (who may come in)";
  app.add_option("--tokens", c.tokenFile,
                 "File of the tokens, one of which everybody needs who comes over the network: a "
                 "line 'role name sha256-of-token [instances=PATTERN,...]' for each, made by "
                 "'holdfast-ctl token new'. Over loopback addresses and Unix sockets none is "
                 "needed, but one that is sent must be right")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--auth", t.auth,
                 "'tokens', or 'off': whoever reaches the controller has every right, for networks "
                 "that nobody else can reach")
      ->check(CLI::IsMember({"tokens", "off"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
}

void addNetworkOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Network";
  app.add_option(
         "--tls-cert", c.tls.certificate,
         "Certificate of this server (PEM, with those between it and its authority): every "
         "IP address then speaks TLS 1.2 or later and nothing else; Unix sockets stay plain")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-key", c.tls.key, "Its private key (PEM, without a password)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--tls-client-ca", c.tls.clientCa,
                 "Authorities (PEM): clients must have a certificate of one of them. It grants no "
                 "role, that takes a token all the same")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--socket-mode", t.socketMode,
                 "Mode of Unix sockets, in octal: 0660 for owner and group. Default: as the umask "
                 "says, or 0660 where --socket-group is given")
      ->type_name("MODE")
      ->group(kGroup);
  app.add_option("--socket-group", c.unixSockets.group, "Group of Unix sockets, by name or number")
      ->type_name("GROUP")
      ->group(kGroup);
  app.add_option("--connections-per-address", c.connectionsPerAddress,
                 "Connections open at a time from one IPv4 address or IPv6 network (/64)")
      ->check(CLI::Range(uint32_t{1}, uint32_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  addSize(app, "--peer-memory", c.peerMemoryBytes, uint64_t{64} << 20, uint64_t{1} << 40,
          "What all clients together may make the controller keep of messages that came in "
          "part, calls without an answer and answers that nobody reads; over it, the "
          "connection that holds most is closed")
      ->capture_default_str()
      ->group(kGroup);
}

void addOperationOptions(CLI::App& app, Configuration& c) {
  constexpr const char* kGroup = "Operations on caches";
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    const std::string name(operationName(static_cast<OperationKind>(kind)));
    addDuration(app, "--" + name + "-timeout", c.executor.timeoutMs[kind],
                "Until every rank has answered a " + name + "; those that have not are reported",
                kDurationMsMax)
        ->group(kGroup);
  }
  addDuration(app, "--event-retention", c.executor.retentionMs,
              "How long the outcome of an operation is remembered", kDurationMsMax)
      ->group(kGroup);
  app.add_option("--events-max", c.executor.eventsKeptMax, "Outcomes that are remembered")
      ->check(CLI::Range(size_t{1}, size_t{10'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
}

void addRepairOptions(CLI::App& app, Configuration& c) {
  constexpr const char* kGroup = "Repair";
  addDuration(app, "--replay-timeout", c.replayTimeoutMs,
              "Time without any of the operations that a worker was asked to send "
              "again, after which it must sync the location")
      ->group(kGroup);
  app.add_option("--full-syncs", c.fullSyncs, "Full syncs at a time; the rest queue")
      ->check(CLI::Range(uint32_t{1}, uint32_t{4096}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  addDuration(app, "--full-sync-start-timeout", c.fullSyncStartTimeoutMs,
              "Time that a worker has to begin; then another one is asked")
      ->group(kGroup);
  addDuration(app, "--full-sync-timeout", c.fullSyncTimeoutMs,
              "Time without any message of a full sync after which it has failed")
      ->group(kGroup);
  app.add_option("--full-sync-threshold", c.fullSyncThreshold,
                 "Share of the active workers without a sync to do from which engines that froze "
                 "their caches may thaw")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE")
      ->capture_default_str()
      ->group(kGroup);
}

void addHashingOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup =
      "Hashing of tokens to chunks (as the engines have it, or nothing matches)";
  app.add_option("--chunk-size", c.hashing.chunkSize, "Tokens per chunk")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--hash-algorithm", t.algorithm,
                 "As LMCache hashes: 'builtin' or 'sha256_cbor'; as LMCache up to 0.3.15 did: "
                 "'builtin_none' or 'sha256_cbor_64bit'")
      ->check(CLI::IsMember({"builtin", "sha256_cbor", "builtin_none", "sha256_cbor_64bit"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--none-hash", t.noneHash, "Hash before the first chunk, in decimal")
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  app.add_flag("--save-unfull-chunk,!--no-save-unfull-chunk", c.hashing.saveUnfullChunk,
               "Whether a last, shorter chunk counts")
      ->group(kGroup);
}

void addReplicationOptions(CLI::App& app, Configuration& c) {
  constexpr const char* kGroup =
      "Replication (a group of controllers with one log; off by default)";
  Configuration::Replication& r = c.replication;
  const auto text = [&](const char* name, std::string& to, const char* type, const char* help) {
    app.add_option(name, to, help)->type_name(type)->capture_default_str()->group(kGroup);
  };
  app.add_option("--replicate-nats", r.servers,
                 "NATS servers with JetStream that have the group's log: nats://HOST:PORT or "
                 "tls://HOST:PORT; may be repeated. One controller of the group leads, the others "
                 "follow it and one of them takes over when it is gone")
      ->type_name("URL")
      ->delimiter(',')
      ->take_all()
      ->group(kGroup);
  text("--cluster", r.cluster, "NAME",
       "Name of the group: controllers with the same one share a log. Letters, digits, - and _");
  text("--node", r.node, "NAME", "Name of this controller, for people. Default: its address");
  text("--advertise", r.advertise, "ADDR",
       "Where workers and routers find this controller, as the others tell them while it leads: "
       "host:port. Default: the first address of --listen");
  addDuration(app, "--lead-after", r.silenceMs,
              "Silence of the leader after which a follower takes over; a leader says something "
              "every 100ms")
      ->group(kGroup);
  text("--nats-user", r.user, "NAME", "User at the NATS servers");
  text("--nats-password-file", r.passwordFile, "FILE", "Its password, as the file's first line");
  text("--nats-credentials", r.credentialsFile, "FILE",
       "Credentials (a JWT and its seed), in place of user and password");
  app.add_flag("--nats-tls", r.tls, "TLS, also where no URL says so")->group(kGroup);
  text("--nats-ca", r.caFile, "FILE",
       "Authorities (PEM) of the servers' certificates. Default: the system's");
  text("--nats-cert", r.certificateFile, "FILE", "Certificate for the servers (PEM)");
  text("--nats-key", r.keyFile, "FILE", "Its private key (PEM)");
  app.add_option("--nats-replicas", r.replicas,
                 "Copies of the log, each on a server of its own, where this controller makes it")
      ->check(CLI::Range(uint32_t{1}, uint32_t{5}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  addSize(app, "--nats-size", r.bytesMax, uint64_t{64} << 20, uint64_t{1} << 50,
          "Size of the log, over which its oldest records go, where this controller makes it")
      ->group(kGroup);
  app.add_option("--join", r.join,
                 "Controllers of the group, host:port, that are asked for a copy of their store "
                 "where the data directory is empty: a follower rather than the leader, else in "
                 "this order; may be repeated")
      ->type_name("ADDR")
      ->delimiter(',')
      ->take_all()
      ->group(kGroup);
  text("--replica-token-file", r.replicaTokenFile, "FILE",
       "Token, of the role replica, by which this controller asks the others of its group");
  text("--replica-tls-ca", r.replicaCaFile, "FILE",
       "Authorities (PEM) of their certificates, or 'system': they are asked over TLS");
  text("--replica-tls-cert", r.replicaCertificateFile, "FILE",
       "Certificate for them (PEM), where they ask for one");
  text("--replica-tls-key", r.replicaKeyFile, "FILE", "Its private key (PEM)");
}

void addCaptureOptions(CLI::App& app, Configuration& c) {
  constexpr const char* kGroup = "Capture (a log of everything that comes in, for holdfast-replay)";
  app.add_option("--capture", c.capture.directory,
                 "Directory of capture logs; each start begins one in a folder of its own")
      ->type_name("DIR")
      ->group(kGroup);
  app.add_flag("--capture-redact", c.captureRedact, "Leave the tokens of prompts out")
      ->group(kGroup);
  addSize(app, "--capture-file-size", c.capture.fileBytesMax, uint64_t{1} << 16, uint64_t{1} << 40,
          "Size from which the log goes on in its next file")
      ->group(kGroup);
  addSize(app, "--capture-retain", c.capture.totalBytesMax, uint64_t{1} << 20, uint64_t{1} << 50,
          "Size of all logs in the directory, for which the oldest are deleted; a log that "
          "reaches it by itself ends")
      ->group(kGroup);
}

void addLogOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Log (to stderr)";
  app.add_option("--log-format", t.logFormat, "'text' or 'json' (an object a line)")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--log-level", c.logLevel, "'debug', 'info', 'warning' or 'error'")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->type_name("")
      ->capture_default_str()
      ->group(kGroup);
}

void addProgramOptions(CLI::App& app, ProgramOptions& p) {
  app.add_option("--config", p.configFile, "Configuration file, in TOML")
      ->type_name("FILE")
      ->group(kCommandLineGroup);
  app.add_flag("--check-config", p.checkConfig,
               "Say whether command line, environment and file are right, and end; no store is "
               "opened")
      ->group(kCommandLineGroup);
  app.add_flag("--print-config", p.printConfig,
               "Print the configuration in effect, as a file that --config takes, with where each "
               "value comes from, and end")
      ->group(kCommandLineGroup);
  app.add_flag("--sample-config", p.sampleConfig,
               "Print a file with every option, its meaning and its default, and end")
      ->group(kCommandLineGroup);
}

}  // namespace

void addOptions(CLI::App& app, Configuration& configuration, OptionTexts& texts,
                ProgramOptions& program) {
  addProgramOptions(app, program);
  addStoreOptions(app, configuration, texts);
  addClientOptions(app, configuration);
  addNetworkOptions(app, configuration, texts);
  addAccessOptions(app, configuration, texts);
  addOperationOptions(app, configuration);
  addRepairOptions(app, configuration);
  addHashingOptions(app, configuration, texts);
  addLmcacheOptions(app, configuration);
  addEngineOptions(app, configuration, texts);
  addReplicationOptions(app, configuration);
  addCaptureOptions(app, configuration);
  addLogOptions(app, configuration, texts);
}

}  // namespace holdfast
