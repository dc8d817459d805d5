// holdfast-ctl: asks a running controller what it knows.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "command_line/duration.h"
#include "command_line/output_end.h"
#include "command_line/usage.h"
#include "commands.h"
#include "exit_code.h"
#include "number_arguments.h"
#include "operation_line.h"
#include "reach/addresses.h"
#include "reach/security_options.h"
#include "text/json_writer.h"

namespace holdfast::ctl {
namespace {

// On stderr, for people or, with --json, for programs.
int fail(bool json, ExitCode code, std::string_view word, std::string_view message,
         std::string_view hint = {}) {
  if (!json) {
    std::cerr << "holdfast-ctl: " << message << '\n' << hint;
    return code;
  }
  text::JsonWriter writer(std::cerr);
  writer.beginObject();
  writer.beginObject("error");
  writer.text("code", word);
  writer.text("message", message);
  writer.endObject();
  writer.endObject();
  return code;
}

constexpr std::string_view kExamples = R"(Examples:
  holdfast-ctl status                         is it well, and what does it hold
  holdfast-ctl status --json | jq .chunks     every command can answer in JSON
  holdfast-ctl status --check > /dev/null     for scripts: 0 if it can be reached and can write
  holdfast-ctl instances                      who is there, drained or hidden, how busy, where
  holdfast-ctl workers --instance llama-0     what each rank of an instance holds, and in sync or not
  holdfast-ctl lookup 128000 9906 1917 ...    who has the longest prefix of this prompt
  holdfast-ctl lookup --file prompt.txt       tokens from a file ('-': from stdin)
  holdfast-ctl lookup --hashes 0x1f 77        by chunk hashes instead of tokens
  holdfast-ctl lookup --lora sql --lora-path /adapters/sql --salt tenant-17 --file prompt.txt
                                              a prompt of an adapter, and with a cache salt
  holdfast-ctl hashing                        how engines hash, and which of them differ
  holdfast-ctl query 10.0.0.7                 which instance runs at this ip
  holdfast-ctl diverged                       what needs a repair, why, and what is being done
  holdfast-ctl sync llama-0 3                 has rank 3 send everything it holds anew
  holdfast-ctl sync llama-0 3 gpu             the same of one location
  holdfast-ctl health llama-0                 how each rank of it is
  holdfast-ctl clear llama-0 gpu              empty a location of all its ranks
  holdfast-ctl pin llama-0 gpu --file prompt.txt
                                              keep a prompt's chunks from being evicted
  holdfast-ctl pin llama-0 gpu --ttl 2h --hashes 0x1f 77
                                              for two hours
  holdfast-ctl pins --instance llama-0        what is pinned, by which event, until when
  holdfast-ctl lookup --pins --file prompt.txt
                                              also how much of the prefix is pinned
  holdfast-ctl compress llama-0 cpu cachegen  everything there; or name tokens behind it
  holdfast-ctl move llama-0 gpu llama-1 cpu 128000 9906 ...
                                              a prompt's chunks to another instance
  holdfast-ctl clear llama-0 gpu --no-wait --event-id nightly
  holdfast-ctl check-finish nightly           what became of it
  holdfast-ctl events --unfinished            operations that have not ended
  holdfast-ctl drain llama-0                  no look-up names it any more (--undo ends that)
  holdfast-ctl forget llama-0 3               drop what is known of rank 3
  holdfast-ctl capture on /var/log/holdfast   log everything that comes in, for holdfast-replay
  holdfast-ctl capture off
  holdfast-ctl backup /var/backups/holdfast-1 a copy of its store, while it goes on: a new directory
                                              on the controller's machine, on the store's disk
  holdfast-ctl token new worker llama-pool --instances 'llama-*'
                                              a token, and its line for holdfastd --tokens FILE
  holdfast-ctl log-level debug                have its log tell more, until 'log-level info'
  holdfast-ctl --controller a:7440,b:7440,c:7440 replicas
                                              how each controller of a group is, and who leads it
  holdfast-ctl --controller a:7440,b:7440,c:7440 step-down
                                              have the leader hand over to another one
  holdfast-ctl --controller unix:/run/holdfast.sock status
  holdfast-ctl --controller controller.example:7440 --tls-ca ca.pem --token-file token status
                                              over the network
)";

constexpr std::string_view kExitCodes = R"(
Exit codes:
  0  done
  1  what was named (instance, rank, location, event, ip, model) is not there
  2  the command line is wrong
  3  no controller could be reached, or it did not answer in time (--timeout); replicas: one of them
  4  the controller answered with an error
  5  an operation on caches: not every rank did it
  6  check-finish: it has not ended yet
  7  status --check: the store is read-only, reports are refused
  8  the output could not be written
  9  replicas: two of them lead, or have something else at the same place of the log)";

// Those of one command, with the lines that continue them.
std::string examplesOf(const std::string& command) {
  std::string examples;
  std::istringstream lines{std::string(kExamples)};
  std::string line;
  bool wanted = false;
  while (std::getline(lines, line)) {
    constexpr std::string_view kBegin = "  holdfast-ctl ";
    if (line.starts_with(kBegin)) {
      const std::string rest = line.substr(kBegin.size()) + " ";
      // Options of the program may stand in front: an address, which ends with its port.
      wanted = rest.starts_with(command + " ") || rest.ends_with("0 " + command + " ");
    } else if (!line.starts_with("   ")) {
      wanted = false;
    }
    if (wanted) examples += line + "\n";
  }
  return (examples.empty() ? "" : "Examples:\n" + examples + "\n") +
         "--json, --controller ADDR, --token-file, --tls-ca, --timeout and the exit codes: "
         "holdfast-ctl --help";
}

// Of --timeout; nothing unless it was given. Throws CLI::ParseError.
std::optional<Patience> patienceOf(const std::string& timeout) {
  if (timeout.empty()) return std::nullopt;
  const auto ms = parseDurationMs(timeout);
  if (!ms)
    throw CLI::ValidationError("--timeout: '" + timeout + "' is no duration: use 500ms, 5s or 1m");
  return Patience(*ms);
}

// The exit code, once everything has been written.
int written(ExitCode code) {
  return outputWritten("holdfast-ctl") ? code : kExitOutput;
}

int run(int argc, const char* const* argv) {
  CLI::App app(
      "holdfast-ctl: asks a running Holdfast controller what it knows, and has it do things with "
      "the "
      "caches of its workers.",
      "holdfast-ctl");
  std::string address = "127.0.0.1:7440";
  bool json = false;
  app.set_version_flag("--version", "holdfast-ctl " HOLDFAST_VERSION);
  app.add_option("--controller", address,
                 "host:port, [v6]:port or unix:PATH; several of a group, separated by commas: the "
                 "one that leads is asked")
      ->type_name("ADDR")
      ->envname("HOLDFAST_CONTROLLER")
      ->capture_default_str();
  app.add_flag("--json", json,
               "Answer in JSON; errors, too: {\"error\": {\"code\", \"message\"}} on stderr");
  std::string timeout;
  app.add_option(
         "--timeout", timeout,
         "How long to wait for the controller's answer: 500ms, 5s, 1m. Unless given 5s, 30s "
         "for what changes something, 1m for health and 1h for backup")
      ->type_name("DURATION");
  ClientSecurity security;
  reach::addSecurityOptions(app, security);
  app.require_subcommand(1);
  // Options of the program may stand behind the command: "status --json".
  app.fallthrough();

  bool resetWindow = false;
  bool check = false;
  CLI::App* status = app.add_subcommand("status", "How the controller is, and what it holds");
  status->add_flag("--check", check, "Exit code 7 if its store is read-only");
  status->add_flag("--reset-lookup-window", resetWindow,
                   "Begin a new window of look-up latencies (lookupWindow in JSON)");
  std::string instance;
  CLI::App* instances = app.add_subcommand(
      "instances", "The instances, whether look-ups name them, their load, address and labels");
  instances->add_option("--instance", instance, "Only this one")->type_name("ID");

  std::vector<uint32_t> ranks;
  CLI::App* workers = app.add_subcommand("workers", "Every worker with its locations");
  workers->add_option("--instance", instance, "Only of this instance")->type_name("ID");
  workers->add_option("--worker", ranks, "Only these ranks; may be repeated")->type_name("RANK");

  NumberArguments prompt;
  std::string model;
  CLI::App* lookup = app.add_subcommand("lookup", "Who holds the longest prefix of a prompt");
  prompt.addTo(*lookup, "");
  lookup->add_option("--model", model, "Default: the controller's default model")
      ->type_name("NAME");

  Prompt lookupKeys;
  lookup->add_option("--lora", lookupKeys.loraName, "The adapter that the prompt is for")
      ->type_name("NAME");
  lookup
      ->add_option("--lora-path", lookupKeys.loraPath,
                   "Where the engines loaded it from, which vLLM hashes as well")
      ->type_name("PATH");
  lookup->add_option("--salt", lookupKeys.cacheSalt, "The cache salt of the prompt")
      ->type_name("TEXT");
  CLI::App* hashing = app.add_subcommand(
      "hashing", "How the engines of each model hash, as they publish it, and which differ");

  bool withPins = false;
  lookup->add_flag("--pins", withPins, "Also how much of each prefix is pinned");

  PinFilter pinFilter;
  CLI::App* pins = app.add_subcommand("pins", "What is pinned, by which operation, until when");
  pins->add_option("--instance", pinFilter.instance, "Only of this instance")->type_name("ID");
  pins->add_option("--worker", pinFilter.workers, "Only of these ranks; may be repeated")
      ->type_name("RANK");
  pins->add_option("--location", pinFilter.location, "Only in this location")->type_name("NAME");
  pins->add_flag("--chunks", pinFilter.withChunks, "Each chunk by its hash");
  pins->add_option("--max", pinFilter.max, "At most so many entries")
      ->type_name("N")
      ->check(CLI::Range(1u, 10'000u))
      ->capture_default_str();

  std::string ip;
  CLI::App* query = app.add_subcommand("query", "The instance that runs at an ip");
  query->add_option("ip", ip, "As workers registered it")->required();
  CLI::App* diverged = app.add_subcommand("diverged", "Locations that need a repair");

  std::string syncInstance;
  uint32_t syncWorker = 0;
  std::string syncLocation;
  CLI::App* sync = app.add_subcommand(
      "sync", "Have a worker send all its keys anew; it and look-ups go on meanwhile");
  sync->add_option("INSTANCE", syncInstance, "Of the worker")->required();
  sync->add_option("WORKER", syncWorker, "Its rank")->required();
  sync->add_option("LOCATION", syncLocation, "Only this one; all of them unless given");

  CLI::App* capture = app.add_subcommand(
      "capture", "A log of everything that comes in to the controller, for holdfast-replay");
  capture->require_subcommand(1);
  std::string captureDirectory;
  bool redact = false;
  CLI::App* captureOn = capture->add_subcommand(
      "on", "Begin one; the sessions of all workers end, and they register again by themselves");
  captureOn->add_option("DIR", captureDirectory,
                        "On the controller's machine; default: its --capture");
  captureOn->add_flag("--redact", redact, "Leave the tokens of prompts out");
  CLI::App* captureOff = capture->add_subcommand("off", "End it");
  std::string backupPath;
  CLI::App* backup = app.add_subcommand("backup", "Copy the controller's store, while it goes on");
  backup
      ->add_option("DIR", backupPath,
                   "Absolute, new, on the controller's machine and the file system of its store")
      ->required();

  TokenWish wish;
  CLI::App* token = app.add_subcommand("token", "Who may come in to a controller");
  token->require_subcommand(1);
  CLI::App* tokenNew = token->add_subcommand(
      "new",
      "Make a token; prints it once, and the line for the file that holdfastd --tokens names");
  tokenNew->add_option("ROLE", wish.role, "'worker', 'router', 'operator', 'viewer' or 'replica'")
      ->check(CLI::IsMember({"worker", "router", "operator", "viewer", "replica"}))
      ->type_name("")
      ->required();
  tokenNew->add_option("NAME", wish.name, "Of whoever gets it, for logs: each name once")
      ->required();
  tokenNew
      ->add_option("--instances", wish.instances,
                   "A worker of these instances only; * stands for any characters")
      ->type_name("PATTERN,...")
      ->delimiter(',');

  std::string logLevel;
  CLI::App* level = app.add_subcommand("log-level", "What the controller's log tells, or is to");
  level
      ->add_option("LEVEL", logLevel,
                   "'debug', 'info', 'warning' or 'error', until it is set again or the "
                   "controller restarts; none: which one is in force")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->type_name("");

  CLI::App* replicas = app.add_subcommand(
      "replicas", "Every controller of --controller: its role, place in the log, and digest");
  CLI::App* handOver =
      app.add_subcommand("step-down", "Have the leader of a group hand over to another controller");

  OperationLine operations(app);
  for (CLI::App* command : app.get_subcommands({})) {
    command->footer(examplesOf(command->get_name()));
  }
  app.footer(std::string(kExamples) + std::string(kExitCodes));

  try {
    app.parse(argc, argv);
    NumberArguments::Numbers numbers;
    if (lookup->parsed()) numbers = prompt.read(true);
    const auto operation = operations.command();
    const auto patience = patienceOf(timeout);
    const auto addresses = reach::addressesIn(address);
    if (!addresses.ok()) {
      throw CLI::ValidationError("--controller: " + addresses.error().message);
    }
    if (const auto wrong = security.validate()) throw CLI::ValidationError(wrong->message);
    const Output output{std::cout, json};
    if (tokenNew->parsed()) {
      makeToken(output, wish);
      return written(kExitDone);
    }
    if (replicas->parsed()) {
      return written(showReplicas(addresses.value(), security, patience, output));
    }
    Controller controller(address, security, patience);
    if (operation) return written((*operation)(controller, output));
    bool found = false;
    if (captureOn->parsed() || captureOff->parsed()) {
      switchCapture(controller, output, captureOff->parsed(), captureDirectory, redact);
      found = true;
    }
    if (status->parsed()) {
      const bool writable = showStatus(controller, output, resetWindow);
      if (check && !writable) return written(kExitReadOnly);
      found = true;
    }
    if (instances->parsed()) found = showInstances(controller, output, instance);
    if (workers->parsed()) found = showWorkers(controller, output, instance, ranks);
    if (lookup->parsed()) {
      lookupKeys.model = model;
      lookupKeys.withPins = withPins;
      lookupKeys.tokens = numbers.tokens;
      lookupKeys.hashes = numbers.hashes;
      found = showLookup(controller, output, lookupKeys);
    }
    if (pins->parsed()) {
      showPins(controller, output, pinFilter);
      found = true;
    }
    if (hashing->parsed()) {
      showHashing(controller, output);
      found = true;
    }
    if (query->parsed()) found = showInstanceOfIp(controller, output, ip);
    if (level->parsed()) {
      showLogLevel(controller, output, logLevel);
      found = true;
    }
    if (handOver->parsed()) {
      stepDown(controller, output);
      found = true;
    }
    if (backup->parsed()) found = backUp(controller, output, backupPath);
    if (diverged->parsed()) found = showDiverged(controller, output);
    if (sync->parsed()) {
      found = forceSync(controller, output, syncInstance, syncWorker, syncLocation);
    }
    return written(found ? kExitDone : kExitNothingFound);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) {
      // It may stand behind what is wrong.
      const bool wantsJson =
          json || std::find(argv, argv + argc, std::string("--json")) != argv + argc;
      if (wantsJson) return fail(true, kExitUsage, "invalid", e.what());
      std::cerr << usageText(app, e);
      return kExitUsage;
    }
    app.exit(e);  // --help, --version
    return written(kExitDone);
  } catch (const Unreachable& e) {
    return fail(json, kExitUnreachable, "unavailable", e.what(),
                "Another address is named by --controller ADDR or HOLDFAST_CONTROLLER, another "
                "time to wait by --timeout.\n");
  } catch (const NotFound& e) {
    return fail(json, kExitNothingFound, "unknown", e.what());
  } catch (const Refused& e) {
    return fail(json, kExitRefused, "refused", e.what());
  }
}

}  // namespace
}  // namespace holdfast::ctl

int main(int argc, char** argv) {
  return holdfast::ctl::run(argc, argv);
}
