#include "daemon/configuration.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string_view>

#include "command_line/duration.h"
#include "command_line/output_end.h"
#include "command_line/usage.h"
#include "core/address.h"
#include "core/ids.h"
#include "daemon/options.h"

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
  holdfastd --data-dir /var/lib/holdfast --listen 0.0.0.0:7440 --tls-cert FILE --tls-key FILE
      on the network, by TLS
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
  4  an address cannot be listened on, or the files of --tls-cert and its like cannot be used
  5  the disk lost what had been confirmed, or what was queued at the end could not be written
  6  the log that --capture asks for cannot be begun
  7  the output of --help or --version could not be written

Everything that can be wrong with 2 and 4 is checked before the data directory is touched.)";

const std::map<std::string, WalSync, std::less<>> kWalSyncs = {
    {"interval", WalSync::kInterval}, {"always", WalSync::kAlways}, {"never", WalSync::kNever}};

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
  OptionTexts texts;
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
    // Of the clients.
    if (name == "HOLDFAST_CONTROLLER" || name == "HOLDFAST_TOKEN_FILE") continue;
    if (name == "HOLDFAST_TLS_CA") continue;
    warnings.push_back("the environment variable " + name + " names no option" +
                       didYouMean(name, names));
  }
  return warnings;
}

void checkNetwork(Configuration& c, const OptionTexts& t) {
  const auto fail = [](const std::string& text) { throw CLI::ValidationError(text); };
  if (c.tls.certificate.empty() != c.tls.key.empty()) {
    fail("--tls-cert and --tls-key go together: " +
         std::string(c.tls.key.empty() ? "the key" : "the certificate") + " is missing");
  }
  if (!c.tls.clientCa.empty() && c.tls.certificate.empty()) {
    fail("--tls-client-ca asks for TLS: give --tls-cert and --tls-key as well");
  }
  if (t.socketMode.empty()) return;
  char* end = nullptr;
  const unsigned long mode = std::strtoul(t.socketMode.c_str(), &end, 8);
  if (*end != '\0' || mode > 0777 || t.socketMode.front() == '-') {
    fail("--socket-mode: " + quotedForPeople(t.socketMode) +
         " is no mode: use three octal digits, such as 660");
  }
  c.unixSockets.mode = static_cast<mode_t>(mode);
}

void checkTogether(Configuration& c, const OptionTexts& t) {
  const auto fail = [](const std::string& text) { throw CLI::ValidationError(text); };
  for (const std::string& address : c.listen) {
    if (const auto parsed = parseAddress(address); !parsed.ok()) {
      fail("--listen: " + parsed.error().message);
    }
  }
  checkNetwork(c, t);
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
  OptionTexts texts;
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
