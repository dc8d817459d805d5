#include "daemon/configuration.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string_view>

#include "command_line/duration.h"
#include "command_line/output_end.h"
#include "command_line/usage.h"
#include "core/address.h"
#include "core/ids.h"

namespace holdfast {
namespace {

constexpr std::string_view kVariablePrefix = "HOLDFAST_";

constexpr const char* kDescription =
    R"(holdfastd: the Holdfast controller.

It knows which worker of an LLM fleet holds which KV-cache chunk, answers prefix look-ups, and
writes what it knows through to a store, so that it survives its own crash without asking the
fleet for anything again.)";

constexpr const char* kFooter = R"(Examples:
  holdfastd --data-dir /var/lib/holdfast
      the store in that directory, or a new one if it is empty, clients at 127.0.0.1:7440
  holdfastd --data-dir /mnt/disk1/holdfast --create
      the first time, on a disk of its own: a directory below the mount point, so that later starts
      without --create refuse as long as the disk is not mounted
  holdfastd --data-dir /var/lib/holdfast --listen unix:/run/holdfast.sock --listen '[::1]:7440'
      a Unix socket and IPv6 loopback instead
  holdfastd --config /etc/holdfast.toml
      every option by its long name:  data-dir = "/var/lib/holdfast"
                                      listen = ["127.0.0.1:7440", "unix:/run/holdfast.sock"]
                                      wal-sync = "always"
  HOLDFAST_DATA_DIR=/var/lib/holdfast HOLDFAST_LISTEN=127.0.0.1:7440,unix:/run/h.sock holdfastd
      every option from the environment; several addresses are separated by commas

The command line wins over the environment, the environment over the file. A key of the file that
is no option is an error.

Then:
  holdfast-ctl status             what the controller knows
  kill -TERM PID                  ends it: what is queued is written first
  kill -9 PID                     harms nothing: what was confirmed is there at the next start

Authentication is off in this version: whoever can connect has every right. So only loopback
addresses and Unix sockets are accepted.

Exit codes:
  0  ended by SIGTERM or SIGINT, everything written
  2  the command line, environment or configuration file is wrong
  3  the data directory cannot be opened (missing, of something else, in use, not writable,
     damaged, of a newer version)
  4  an address cannot be listened on
  5  the disk lost what had been confirmed, or what was queued at the end could not be written
  6  the log that --capture asks for cannot be begun
  7  the output of --help or --version could not be written

Everything that can be wrong with 2 and 4 is checked before the data directory is touched.)";

// Options as text, before their ranges are checked together.
struct Texts {
  std::string algorithm = "builtin";
  std::string noneHash = "0";
  std::string heartbeatInterval = "5s";
  std::string heartbeatTimeout = "30s";
  std::string lostGrace = "1h";
  std::string replayTimeout = "10s";
  std::string fullSyncStartTimeout = "10s";
  std::string fullSyncTimeout = "5m";
  std::string walSync = "interval";
  std::string walSyncInterval = "100ms";
  // By OperationKind.
  std::array<std::string, kOperationKinds> operationTimeouts = {"1m",  "1m",  "10m",
                                                                "10m", "10m", "5s"};
  std::string eventRetention = "24h";
  std::string logFormat = "text";
  std::string configFile;
};

const std::map<std::string, WalSync, std::less<>> kWalSyncs = {
    {"interval", WalSync::kInterval}, {"always", WalSync::kAlways}, {"never", WalSync::kNever}};

std::string durationError(const std::string& text) {
  if (parseDurationMs(text)) return {};
  return quotedForPeople(text) + " is no duration: use 500ms, 5s, 10m or 1h";
}

void addOptions(CLI::App& app, Configuration& c, Texts& t) {
  const auto duration = [](CLI::Option* option) {
    option->check(CLI::Validator(durationError, "DURATION", "duration"))->type_name("");
  };
  const std::string store = "Store";
  app.add_option("--data-dir", c.dataDir, "Directory of the store; one controller each. Required")
      ->type_name("DIR")
      ->required()
      ->group(store);
  app.add_flag("--create", c.create,
               "Make that directory if there is none. Without it there must be one, so that no "
               "start takes a disk that is not mounted for a new store; an empty directory gets a "
               "new store in any case")
      ->group(store);
  app.add_option("--wal-sync", t.walSync,
                 "When the log reaches the disk: 'interval', 'always' (before a report counts as "
                 "confirmed) or 'never' (when the system likes). The end of the process alone "
                 "never loses anything; a power loss may lose what was not synced")
      ->check(CLI::IsMember({"interval", "always", "never"}))
      ->type_name("")
      ->capture_default_str()
      ->group(store);
  duration(app.add_option("--wal-sync-interval", t.walSyncInterval, "For --wal-sync interval")
               ->capture_default_str()
               ->group(store));
  app.add_option("--fold-floor", c.foldFloor,
                 "Operations in a location's journal below which it is not folded into segments")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->type_name("OPERATIONS")
      ->capture_default_str()
      ->group(store);

  const std::string clients = "Clients";
  app.add_option("--listen", c.listen,
                 "Address to listen on: host:port, [v6]:port or unix:PATH; may be repeated. "
                 "Loopback and Unix sockets only; port 0 takes a free one")
      ->type_name("ADDR")
      ->delimiter(',')
      ->take_all()
      ->capture_default_str()
      ->group(clients);
  duration(app.add_option("--heartbeat-interval", t.heartbeatInterval,
                          "How often workers are told to send a heartbeat")
               ->capture_default_str()
               ->group(clients));
  duration(app.add_option("--heartbeat-timeout", t.heartbeatTimeout,
                          "Silence after which a worker is LOST: out of look-ups, its state kept")
               ->capture_default_str()
               ->group(clients));
  duration(app.add_option("--lost-grace", t.lostGrace,
                          "Time as LOST after which a worker's state is dropped; also counts "
                          "while the controller is down")
               ->capture_default_str()
               ->group(clients));
  app.add_option("--workers-max", c.workersMax,
                 "Workers that may register; LOST ones make room for new ones")
      ->check(CLI::Range(uint32_t{1}, uint32_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(clients);
  app.add_option("--connections-max", c.connectionsMax, "Connections open at a time")
      ->check(CLI::Range(uint32_t{1}, uint32_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(clients);
  app.add_option("--default-model", c.defaultModel,
                 "Model of workers and look-ups that name none; look-ups never cross models")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(clients);

  const std::string operations = "Cache operations";
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    const std::string name(operationName(static_cast<OperationKind>(kind)));
    duration(app.add_option("--" + name + "-timeout", t.operationTimeouts[kind],
                            "Until every rank has answered a " + name +
                                "; those that have not are reported")
                 ->capture_default_str()
                 ->group(operations));
  }
  duration(app.add_option("--event-retention", t.eventRetention,
                          "How long the outcome of an operation is remembered")
               ->capture_default_str()
               ->group(operations));
  app.add_option("--events-max", c.executor.eventsKeptMax, "Outcomes that are remembered")
      ->check(CLI::Range(size_t{1}, size_t{10'000'000}))
      ->type_name("N")
      ->capture_default_str()
      ->group(operations);

  const std::string repair = "Repair";
  duration(app.add_option("--replay-timeout", t.replayTimeout,
                          "Time without any of the operations that a worker was asked to send "
                          "again, after which it must sync the location")
               ->capture_default_str()
               ->group(repair));
  app.add_option("--full-syncs", c.fullSyncs, "Full syncs at a time; the rest queue")
      ->check(CLI::Range(uint32_t{1}, uint32_t{4096}))
      ->type_name("N")
      ->capture_default_str()
      ->group(repair);
  duration(app.add_option("--full-sync-start-timeout", t.fullSyncStartTimeout,
                          "Time that a worker has to begin; then another one is asked")
               ->capture_default_str()
               ->group(repair));
  duration(app.add_option("--full-sync-timeout", t.fullSyncTimeout,
                          "Time without any message of a full sync after which it has failed")
               ->capture_default_str()
               ->group(repair));
  app.add_option("--full-sync-threshold", c.fullSyncThreshold,
                 "Share of the active workers without a sync to do from which engines that froze "
                 "their caches may thaw")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE")
      ->capture_default_str()
      ->group(repair);

  const std::string tokens = "Tokens to chunk hashes (as the engines have it, or nothing matches)";
  app.add_option("--chunk-size", c.hashing.chunkSize, "Tokens a chunk")
      ->type_name("TOKENS")
      ->capture_default_str()
      ->group(tokens);
  app.add_option("--hash-algorithm", t.algorithm, "'builtin' or 'sha256_cbor_64bit'")
      ->check(CLI::IsMember({"builtin", "sha256_cbor_64bit"}))
      ->type_name("")
      ->capture_default_str()
      ->group(tokens);
  app.add_option("--none-hash", t.noneHash, "Hash before the first chunk, in decimal")
      ->type_name("N")
      ->capture_default_str()
      ->group(tokens);
  app.add_flag("--save-unfull-chunk,!--no-save-unfull-chunk", c.hashing.saveUnfullChunk,
               "Whether a last, shorter chunk counts")
      ->group(tokens);

  const std::string capture = "Capture (a log of everything that comes in, for holdfast-replay)";
  app.add_option("--capture", c.capture.directory,
                 "Directory of capture logs; each start begins one in a folder of its own")
      ->type_name("DIR")
      ->group(capture);
  app.add_flag("--capture-redact", c.captureRedact, "Leave the tokens of prompts out")
      ->group(capture);
  app.add_option("--capture-file-size", c.capture.fileBytesMax,
                 "Size from which the log goes on in its next file")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1} << 16, uint64_t{1} << 40))
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(capture);
  app.add_option("--capture-retain", c.capture.totalBytesMax,
                 "Size of all logs in the directory, for which the oldest are deleted; a log that "
                 "reaches it by itself ends")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1} << 20, uint64_t{1} << 50))
      ->type_name("SIZE")
      ->capture_default_str()
      ->group(capture);

  const std::string logs = "Logs (to stderr)";
  app.add_option("--log-format", t.logFormat, "'text' or 'json' (an object a line)")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("")
      ->capture_default_str()
      ->group(logs);
  app.add_option("--log-level", c.logLevel, "'debug', 'info', 'warning' or 'error'")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->type_name("")
      ->capture_default_str()
      ->group(logs);
}

std::string variableOf(const std::string& longName) {
  std::string name(kVariablePrefix);
  for (const char c : longName) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

// The options that have a variable, by its name.
std::map<std::string, CLI::Option*> byVariable(CLI::App& app) {
  std::map<std::string, CLI::Option*> options;
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (name != "help" && name != "version") options.emplace(variableOf(name), option);
  }
  return options;
}

void addConfig(CLI::App& app) {
  app.set_version_flag("--version", "holdfastd " HOLDFAST_VERSION);
  app.set_config("--config", "", "Configuration file: option names and values, TOML or INI")
      ->type_name("FILE");
  // Silently ignored otherwise.
  app.allow_config_extras(CLI::config_extras_mode::error);
}

// The arguments, with those variables appended that no argument overrides: CLI11 by itself would
// let the file win over the environment.
std::vector<std::string> withVariables(std::vector<std::string> arguments) {
  CLI::App probe;
  Configuration configuration;
  Texts texts;
  addOptions(probe, configuration, texts);
  probe.get_option("--data-dir")->required(false);
  probe.add_option("--config", texts.configFile);
  const auto options = byVariable(probe);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    probe.parse(reversed);
  } catch (const CLI::ParseError&) {
    return arguments;  // --help, or an error that the real parse will find
  }
  for (const auto& [variable, option] : options) {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0' || option->count() != 0) continue;
    arguments.push_back("--" + option->get_lnames().front() + "=" + value);
  }
  return arguments;
}

// HOLDFAST_* variables that name no option: one may be misspelt.
std::vector<std::string> warningsOfVariables(const std::map<std::string, CLI::Option*>& known) {
  std::vector<std::string> names;
  for (const auto& [name, option] : known) names.push_back(name);
  std::vector<std::string> warnings;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    const std::string name(variable.substr(0, variable.find('=')));
    if (!name.starts_with(kVariablePrefix) || known.contains(name)) continue;
    if (name == "HOLDFAST_CONTROLLER") continue;  // of the clients
    warnings.push_back("the environment variable " + name + " names no option" +
                       didYouMean(name, names));
  }
  return warnings;
}

void checkTogether(Configuration& c, const Texts& t) {
  const auto fail = [](const std::string& text) { throw CLI::ValidationError(text); };
  for (const std::string& address : c.listen) {
    if (const auto parsed = parseAddress(address); !parsed.ok()) {
      fail("--listen: " + parsed.error().message);
    }
  }
  c.hashing.algorithm = *parseHashAlgorithm(t.algorithm);
  const auto noneHash = parseNoneHash(t.noneHash, c.hashing.algorithm);
  if (!noneHash) {
    fail("--none-hash: " + quotedForPeople(t.noneHash) + " is no number that " + t.algorithm +
         " can take (builtin: signed 64 bits, sha256_cbor_64bit: unsigned)");
  }
  c.hashing.noneHash = *noneHash;
  if (const auto wrong = c.hashing.validate()) fail(wrong->message);

  constexpr uint64_t kIntervalMsMax = 86'400'000;
  const auto bounded = [&](const std::string& text, const char* option) {
    const uint64_t ms = *parseDurationMs(text);
    if (ms > kIntervalMsMax) fail(std::string(option) + ": " + text + " is more than a day");
    return static_cast<uint32_t>(ms);
  };
  c.heartbeatIntervalMs = bounded(t.heartbeatInterval, "--heartbeat-interval");
  c.heartbeatTimeoutMs = bounded(t.heartbeatTimeout, "--heartbeat-timeout");
  c.walSyncIntervalMs = bounded(t.walSyncInterval, "--wal-sync-interval");
  c.lostGraceMs = *parseDurationMs(t.lostGrace);
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    c.executor.timeoutMs[kind] = *parseDurationMs(t.operationTimeouts[kind]);
  }
  c.executor.retentionMs = *parseDurationMs(t.eventRetention);
  c.replayTimeoutMs = bounded(t.replayTimeout, "--replay-timeout");
  c.fullSyncStartTimeoutMs = bounded(t.fullSyncStartTimeout, "--full-sync-start-timeout");
  c.fullSyncTimeoutMs = bounded(t.fullSyncTimeout, "--full-sync-timeout");
  if (c.heartbeatIntervalMs >= c.heartbeatTimeoutMs) {
    fail("--heartbeat-interval " + t.heartbeatInterval + " is not below --heartbeat-timeout " +
         t.heartbeatTimeout + ": every worker would be LOST now and then");
  }
  c.walSync = kWalSyncs.at(t.walSync);
  c.logFormat = t.logFormat == "json" ? LogFormat::kJson : LogFormat::kText;
  if (const auto bad = invalidId("--default-model", c.defaultModel, kModelBytesMax)) fail(*bad);
}

}  // namespace

ParsedConfiguration parseConfiguration(int argc, const char* const* argv) {
  CLI::App app(kDescription, "holdfastd");
  Configuration configuration;
  Texts texts;
  addOptions(app, configuration, texts);
  addConfig(app);
  app.footer(kFooter);
  const auto variables = byVariable(app);
  for (const auto& [variable, option] : variables) option->envname(variable);  // for the help
  try {
    const std::vector<std::string> arguments = withVariables({argv + 1, argv + argc});
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    checkTogether(configuration, texts);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {
      app.exit(e);  // --help, --version
      return {.configuration = std::nullopt,
              .exitCode = outputWritten("holdfastd") ? ExitCode::kClean : ExitCode::kOutput};
    }
    std::cerr << usageText(app, e);
    return {.configuration = std::nullopt, .exitCode = ExitCode::kUsage};
  }
  configuration.warnings = warningsOfVariables(variables);
  return {.configuration = std::move(configuration)};
}

}  // namespace holdfast
