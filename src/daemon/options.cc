#include "daemon/options.h"

#include <cstdint>

#include "command_line/duration.h"
#include "core/ids.h"

namespace holdfast {
namespace {

std::string durationError(const std::string& text) {
  if (parseDurationMs(text)) return {};
  return quotedForPeople(text) + " is no duration: use 500ms, 5s, 10m or 1h";
}

void asDuration(CLI::Option* option) {
  option->check(CLI::Validator(durationError, "DURATION", "duration"))->type_name("");
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
  asDuration(app.add_option("--wal-sync-interval", t.walSyncInterval, "For --wal-sync interval")
                 ->capture_default_str()
                 ->group(kGroup));
  app.add_option("--fold-floor", c.foldFloor,
                 "Operations in a location's journal below which it is not folded into segments")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->type_name("OPERATIONS")
      ->capture_default_str()
      ->group(kGroup);
}

void addClientOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Clients";
  app.add_option("--listen", c.listen,
                 "Address to listen on: host:port, [v6]:port or unix:PATH; may be repeated. "
                 "Port 0 takes a free one")
      ->type_name("ADDR")
      ->delimiter(',')
      ->take_all()
      ->capture_default_str()
      ->group(kGroup);
  asDuration(app.add_option("--heartbeat-interval", t.heartbeatInterval,
                            "How often workers are told to send a heartbeat")
                 ->capture_default_str()
                 ->group(kGroup));
  asDuration(app.add_option("--heartbeat-timeout", t.heartbeatTimeout,
                            "Silence after which a worker is LOST: out of look-ups, its state kept")
                 ->capture_default_str()
                 ->group(kGroup));
  asDuration(app.add_option("--lost-grace", t.lostGrace,
                            "Time as LOST after which a worker's state is dropped; also counts "
                            "while the controller is down")
                 ->capture_default_str()
                 ->group(kGroup));
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
  app.add_option("--default-model", c.defaultModel,
                 "Model of workers and look-ups that name none; look-ups never cross models")
      ->type_name("NAME")
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
  app.add_option("--peer-memory", c.peerMemoryBytes,
                 "What all clients together may make the controller keep of messages that came in "
                 "part, calls without an answer and answers that nobody reads; over it, the "
                 "connection that holds most is closed")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{64} << 20, uint64_t{1} << 40))
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(kGroup);
}

void addOperationOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Cache operations";
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    const std::string name(operationName(static_cast<OperationKind>(kind)));
    asDuration(app.add_option("--" + name + "-timeout", t.operationTimeouts[kind],
                              "Until every rank has answered a " + name +
                                  "; those that have not are reported")
                   ->capture_default_str()
                   ->group(kGroup));
  }
  asDuration(app.add_option("--event-retention", t.eventRetention,
                            "How long the outcome of an operation is remembered")
                 ->capture_default_str()
                 ->group(kGroup));
  app.add_option("--events-max", c.executor.eventsKeptMax, "Outcomes that are remembered")
      ->check(CLI::Range(size_t{1}, size_t{10'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
}

void addRepairOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Repair";
  asDuration(app.add_option("--replay-timeout", t.replayTimeout,
                            "Time without any of the operations that a worker was asked to send "
                            "again, after which it must sync the location")
                 ->capture_default_str()
                 ->group(kGroup));
  app.add_option("--full-syncs", c.fullSyncs, "Full syncs at a time; the rest queue")
      ->check(CLI::Range(uint32_t{1}, uint32_t{4096}))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  asDuration(app.add_option("--full-sync-start-timeout", t.fullSyncStartTimeout,
                            "Time that a worker has to begin; then another one is asked")
                 ->capture_default_str()
                 ->group(kGroup));
  asDuration(app.add_option("--full-sync-timeout", t.fullSyncTimeout,
                            "Time without any message of a full sync after which it has failed")
                 ->capture_default_str()
                 ->group(kGroup));
  app.add_option("--full-sync-threshold", c.fullSyncThreshold,
                 "Share of the active workers without a sync to do from which engines that froze "
                 "their caches may thaw")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE")
      ->capture_default_str()
      ->group(kGroup);
}

void addTokenOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup =
      "Tokens to chunk hashes (as the engines have it, or nothing matches)";
  app.add_option("--chunk-size", c.hashing.chunkSize, "Tokens per chunk")
      ->type_name("TOKENS")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--hash-algorithm", t.algorithm, "'builtin' or 'sha256_cbor_64bit'")
      ->check(CLI::IsMember({"builtin", "sha256_cbor_64bit"}))
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

void addCaptureOptions(CLI::App& app, Configuration& c) {
  constexpr const char* kGroup = "Capture (a log of everything that comes in, for holdfast-replay)";
  app.add_option("--capture", c.capture.directory,
                 "Directory of capture logs; each start begins one in a folder of its own")
      ->type_name("DIR")
      ->group(kGroup);
  app.add_flag("--capture-redact", c.captureRedact, "Leave the tokens of prompts out")
      ->group(kGroup);
  app.add_option("--capture-file-size", c.capture.fileBytesMax,
                 "Size from which the log goes on in its next file")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1} << 16, uint64_t{1} << 40))
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--capture-retain", c.capture.totalBytesMax,
                 "Size of all logs in the directory, for which the oldest are deleted; a log that "
                 "reaches it by itself ends")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1} << 20, uint64_t{1} << 50))
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(kGroup);
}

void addLogOptions(CLI::App& app, Configuration& c, OptionTexts& t) {
  constexpr const char* kGroup = "Logs (to stderr)";
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

}  // namespace

void addOptions(CLI::App& app, Configuration& configuration, OptionTexts& texts) {
  addStoreOptions(app, configuration, texts);
  addClientOptions(app, configuration, texts);
  addNetworkOptions(app, configuration, texts);
  addOperationOptions(app, configuration, texts);
  addRepairOptions(app, configuration, texts);
  addTokenOptions(app, configuration, texts);
  addCaptureOptions(app, configuration);
  addLogOptions(app, configuration, texts);
}

}  // namespace holdfast
