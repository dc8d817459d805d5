#include "daemon/configuration.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <initializer_list>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include "command_line/duration.h"
#include "command_line/usage.h"
#include "core/address.h"
#include "core/ids.h"
#include "daemon/config_text.h"
#include "daemon/option_values.h"
#include "daemon/options.h"
#include "daemon/settings.h"
#include "replication/records.h"

namespace holdfast {
namespace {

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
  holdfastd --data-dir /var/lib/holdfast --lmcache-pull 127.0.0.1:8300 \
            --lmcache-reply 127.0.0.1:8400 --lmcache-heartbeat 127.0.0.1:8082
      for LMCache's workers as well, as they are
  holdfastd --config /etc/holdfast.toml
      every option by its long name, in TOML; tables are as in holdfastd --sample-config, or left
      out:                            [store]
                                      data-dir = "/var/lib/holdfast"
                                      [clients]
                                      listen = ["127.0.0.1:7440", "unix:/run/holdfast.sock"]
                                      lost-grace = "1h30m"
  holdfastd --config /etc/holdfast.toml --check-config
      0 if it is right, else 2 and what is wrong, with line and column; opens no store
  holdfastd --config /etc/holdfast.toml --print-config
      what is in effect, and where each value comes from
  HOLDFAST_DATA_DIR=/var/lib/holdfast HOLDFAST_LISTEN=127.0.0.1:7440,unix:/run/h.sock holdfastd
      every option from the environment; several addresses are separated by commas

The command line wins over the environment, the environment over the file. A key of the file that
is no option is an error. Durations are written 500ms, 5s, 1h30m, 1d; sizes 64MiB, 1GiB.

Then:
  holdfast-ctl status             what the controller knows
  kill -TERM PID                  ends it: what is queued is written first
  kill -9 PID                     harms nothing: what was confirmed is there at the next start

Who connects to a loopback address or a Unix socket needs no token and has every right. To listen on
an address that other machines reach, let in whom you know:
  holdfast-ctl token new worker llama-pool --instances 'llama-*'
  holdfastd --data-dir /var/lib/holdfast --listen 0.0.0.0:7440 --tokens /etc/holdfast/tokens

Exit codes:
  0  ended by SIGTERM or SIGINT, everything written
  2  the command line, environment, configuration file or token file is wrong (also of
     --check-config)
  3  the data directory cannot be opened (missing, of something else, in use, not writable,
     damaged, of a newer version)
  4  an address cannot be listened on, or the files of --tls-cert and its like cannot be used
  5  the disk lost what had been confirmed, or what was queued at the end could not be written
  6  the log that --capture asks for cannot be begun
  7  the output of --help, --version, --print-config or --sample-config could not be written
  8  another controller of the group leads now: to be started again, it follows then
  9  it cannot be part of the group: the log is not there, or not the one that its store is of; the
     last line of the log says what to do

Everything that can be wrong with 2 and 4 is checked before the data directory is touched.)";

const std::map<std::string, WalSync, std::less<>> kWalSyncs = {
    {"interval", WalSync::kInterval}, {"always", WalSync::kAlways}, {"never", WalSync::kNever}};

template <typename Fail>
void checkNetwork(Configuration& c, const OptionTexts& t, const Fail& fail) {
  if (c.tls.certificate.empty() != c.tls.key.empty()) {
    fail("--tls-cert and --tls-key go together: " +
             std::string(c.tls.key.empty() ? "the key" : "the certificate") + " is missing",
         {"tls-cert", "tls-key"});
  }
  if (!c.tls.clientCa.empty() && c.tls.certificate.empty()) {
    fail("--tls-client-ca asks for TLS: give --tls-cert and --tls-key as well", {"tls-client-ca"});
  }
  if (t.socketMode.empty()) return;
  char* end = nullptr;
  const unsigned long mode = std::strtoul(t.socketMode.c_str(), &end, 8);
  if (*end != '\0' || mode > 0777 || t.socketMode.front() == '-') {
    fail("--socket-mode: " + quotedForPeople(t.socketMode) +
             " is no mode: use three octal digits, such as 660",
         {"socket-mode"});
  }
  c.unixSockets.mode = static_cast<mode_t>(mode);
}

template <typename Fail>
void checkLmcache(const Configuration::Lmcache& c, const Fail& fail) {
  if (c.pull.empty() != c.reply.empty()) {
    fail(
        "--lmcache-pull and --lmcache-reply go together: workers report to the one and register "
        "at the other",
        {"lmcache-pull", "lmcache-reply"});
  }
  if (!c.heartbeat.empty() && !c.on()) {
    fail("--lmcache-heartbeat needs --lmcache-pull and --lmcache-reply", {"lmcache-heartbeat"});
  }
  if (!c.heartbeatUrl.empty() && c.heartbeat.empty()) {
    fail("--lmcache-heartbeat-url is what workers are told of --lmcache-heartbeat: give that, too",
         {"lmcache-heartbeat-url"});
  }
  const auto heartbeat = parseAddress(c.heartbeat);
  const bool all =
      heartbeat.ok() && (heartbeat.value().host == "0.0.0.0" || heartbeat.value().host == "::");
  if (all && c.heartbeatUrl.empty()) {
    fail("--lmcache-heartbeat " + c.heartbeat +
             " is no address that workers could be told: say which one with "
             "--lmcache-heartbeat-url",
         {"lmcache-heartbeat"});
  }
}

template <typename Fail>
void checkReplication(const Configuration& c, const Fail& fail) {
  const Configuration::Replication& r = c.replication;
  if (!r.on()) return;
  if (!c.capture.directory.empty()) {
    fail("--capture is not there in a group: what a follower has comes of no input",
         {"capture", "replicate-nats"});
  }
  if (r.certificateFile.empty() != r.keyFile.empty()) {
    fail("--nats-cert and --nats-key go together", {"nats-cert", "nats-key"});
  }
  // A take-over with more of it would be none to anybody.
  const auto tooLong = [&](const char* key, const std::string& value, size_t most) {
    if (value.size() <= most) return;
    fail("--" + std::string(key) + " has " + std::to_string(value.size()) + " bytes, at most " +
             std::to_string(most) + " go into the group's log",
         {key});
  };
  using replication::kAddressBytesMax;
  using replication::kNodeBytesMax;
  tooLong("advertise", r.advertise, r.node.empty() ? kNodeBytesMax : kAddressBytesMax);
  tooLong("node", r.node, kNodeBytesMax);
  if (r.advertise.empty()) tooLong("listen", c.listen.front(), kNodeBytesMax);
  const auto listens = parseAddress(c.listen.front());
  const bool all =
      listens.ok() && (listens.value().host == "0.0.0.0" || listens.value().host == "::");
  if (all && r.advertise.empty()) {
    fail("--listen " + c.listen.front() +
             " is no address that workers could be told: say which one with --advertise",
         {"listen", "replicate-nats"});
  }
}

// What options mean together, of which each is right by itself. Throws CLI::ValidationError.
void checkTogether(Configuration& c, const OptionTexts& t, const Settings& settings) {
  // `keys` take part in it: which variable or file sets them is told.
  const auto fail = [&](const std::string& text, std::initializer_list<const char*> keys) {
    std::string where;
    for (const char* key : keys) {
      const auto from = settings.from.find(key);
      if (from == settings.from.end() || from->second == kCommandLine) continue;
      where += (where.empty() ? " (" : ", ") + std::string(key) + ": " + from->second;
    }
    throw CLI::ValidationError(text + where + (where.empty() ? "" : ")"));
  };
  c.authOff = t.auth == "off";
  c.keepAfterLoss = t.engineLoss == "keep";
  c.clearMeansAll = t.clearMeans == "all";
  checkNetwork(c, t, fail);
  checkLmcache(c.lmcache, fail);
  checkReplication(c, fail);
  if (c.http == std::vector<std::string>{"off"}) c.http.clear();
  c.hashing.algorithm = *parseHashAlgorithm(t.algorithm);
  const auto noneHash = parseNoneHash(t.noneHash, c.hashing.algorithm);
  if (!noneHash) {
    fail("--none-hash: " + quotedForPeople(t.noneHash) + " is no number that " + t.algorithm +
             " can take (builtin ones: signed 64 bits, sha256 ones: unsigned)",
         {"none-hash", "hash-algorithm"});
  }
  c.hashing.noneHash = *noneHash;
  if (const auto wrong = c.hashing.validate()) fail(wrong->message, {"chunk-size"});
  if (c.heartbeatIntervalMs >= c.heartbeatTimeoutMs) {
    fail("--heartbeat-interval " + durationText(c.heartbeatIntervalMs) +
             " is not below --heartbeat-timeout " + durationText(c.heartbeatTimeoutMs) +
             ": every worker would be LOST now and then",
         {"heartbeat-interval", "heartbeat-timeout"});
  }
  c.walSync = kWalSyncs.at(t.walSync);
  c.logFormat = t.logFormat == "json" ? LogFormat::kJson : LogFormat::kText;
  if (const auto bad = invalidId("--default-model", c.defaultModel, kModelBytesMax)) {
    fail(*bad, {"default-model"});
  }
}

std::vector<EffectiveOption> effectiveOptions(CLI::App& app, const Settings& settings) {
  std::vector<EffectiveOption> options;
  for (const CLI::Option* option : optionsOfFiles(app)) {
    const std::string key = keyOf(*option);
    const auto from = settings.from.find(key);
    const auto values = valuesOf(*option);
    options.push_back({key, values, from == settings.from.end() ? "" : from->second,
                       values == defaultsOf(*option)});
  }
  return options;
}

ParsedConfiguration parseAll(CLI::App& app, const std::vector<std::string>& commandLine) {
  Configuration configuration;
  OptionTexts texts;
  ProgramOptions program;
  addOptions(app, configuration, texts, program);
  for (CLI::Option* option : optionsOfFiles(app)) option->envname(variableOf(keyOf(*option)));
  app.get_option("--config")->envname(variableOf("config"));
  auto settings = settingsOf(commandLine);
  if (!settings.ok()) throw CLI::ValidationError(settings.error().message);
  const std::vector<std::string>& arguments = settings.value().arguments;
  const bool sample =
      std::find(arguments.begin(), arguments.end(), "--sample-config") != arguments.end();
  if (sample) app.get_option("--data-dir")->required(false);
  // Before parsing: defaults are those of the program, whatever the environment sets.
  const std::string text = sample ? sampleConfig(app) : std::string();
  app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  if (sample) return {.configuration = std::nullopt, .output = text, .error = {}};
  checkTogether(configuration, texts, settings.value());
  configuration.options = effectiveOptions(app, settings.value());
  configuration.warnings = settings.value().warnings;
  configuration.engines = std::move(settings.value().engines);
  if (program.printConfig) {
    return {.configuration = std::nullopt,
            .output = printedConfig(app, configuration.options),
            .error = {}};
  }
  if (program.checkConfig) {
    return {.configuration = std::nullopt, .output = "the configuration is right\n", .error = {}};
  }
  return {.configuration = std::move(configuration), .output = {}, .error = {}};
}

}  // namespace

ParsedConfiguration parseConfiguration(int argc, const char* const* argv) {
  CLI::App app(kDescription, "holdfastd");
  app.set_version_flag("--version", "holdfastd " HOLDFAST_VERSION);
  app.footer(kFooter);
  try {
    return parseAll(app, {argv + 1, argv + argc});
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) {
      return {.configuration = std::nullopt, .output = {}, .error = usageText(app, e)};
    }
    std::ostringstream output;
    app.exit(e, output, output);  // --help, --version
    return {.configuration = std::nullopt, .output = output.str(), .error = {}};
  }
}

std::string changedOptions(const Configuration& configuration) {
  std::string changed;
  for (const EffectiveOption& option : configuration.options) {
    if (option.byDefault) continue;
    std::string value;
    for (const std::string& one : option.values) value += (value.empty() ? "" : ",") + one;
    changed += (changed.empty() ? "--" : " --") + option.key + "=" + value;
  }
  return changed;
}

std::string differentOptions(const Configuration& one, const Configuration& other,
                             const std::set<std::string>& leftOut) {
  std::string different;
  for (size_t i = 0; i < one.options.size(); ++i) {
    const std::string& key = one.options[i].key;
    if (one.options[i].values == other.options[i].values || leftOut.contains(key)) continue;
    different += (different.empty() ? "" : ", ") + key;
  }
  return different;
}

}  // namespace holdfast
