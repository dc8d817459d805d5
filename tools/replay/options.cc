#include "replay/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <ctime>
#include <iostream>

#include "command_line/output_end.h"
#include "command_line/usage.h"
#include "core/address.h"
#include "reach/security_options.h"
#include "replay/kinds.h"

namespace holdfast::replay {
namespace {

constexpr const char* kFooter = R"(Examples:
  holdfast-replay /var/log/holdfast/capture-00003    into a fresh core, as fast as it goes
  holdfast-replay LOG --check-digest 5f0c...         does it lead to this registry?
  holdfast-replay LOG --until 2026-11-25T02:10:00    as it was then (UTC); or a number: ms since 1970
  holdfast-replay LOG --step --message register --instance llama-0
                                                     stop at those; Enter goes on, q ends
  holdfast-replay LOG --into store:DIR               into a new store, for holdfast-inspect
  holdfast-replay LOG --into rpc:127.0.0.1:7440 --speed recorded
                                                     its messages to a running controller

A log is written by holdfastd --capture DIR or holdfast-ctl capture on DIR. The same log leads to the
same state, always. With a filter and no --step, the entries that match are printed, and everything
is replayed.

Exit codes:
  0  replayed, up to the end or to where the log is cut (which is said)
  1  --check-digest: the registry has another digest
  2  the command line is wrong
  3  the log, its checkpoint or what it is to be replayed into cannot be used, or the output cannot
     be written
  4  what came of the log is not what the log says: it is of another program, or there is a bug)";

std::optional<uint64_t> parseTime(const std::string& text) {
  std::tm time{};
  if (const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time); rest != nullptr) {
    double fraction = 0;
    if (*rest == '.') {
      char* end = nullptr;
      fraction = std::strtod(rest, &end);
      rest = end;
    }
    if (*rest == 'Z') ++rest;
    if (*rest != '\0') return std::nullopt;
    return static_cast<uint64_t>(timegm(&time)) * 1000 +
           static_cast<uint64_t>(std::llround(fraction * 1000));
  }
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::strtoull(text.c_str(), nullptr, 10);
}

void checkTogether(Options& options, const std::string& into, const std::string& speed,
                   const std::string& until) {
  const auto fail = [](const std::string& text) { throw CLI::ValidationError(text); };
  if (into.starts_with("store:")) {
    options.storeDir = into.substr(6);
  } else if (into.starts_with("rpc:")) {
    options.controller = into.substr(4);
  } else if (into != "core") {
    fail("--into " + into + ": use core, store:DIR or rpc:ADDR");
  }
  if (into == "store:" || into == "rpc:")
    fail("--into " + into + ": something is missing behind it");
  if (!options.controller.empty()) {
    const auto address = parseAddress(options.controller);
    if (!address.ok()) fail("--into " + into + ": " + address.error().message);
  }
  if (speed == "recorded") {
    options.speed = 1;
  } else if (speed != "max") {
    char* end = nullptr;
    options.speed = std::strtod(speed.c_str(), &end);
    if (*end != '\0' || !(options.speed > 0) || options.speed > 1e6) {
      fail("--speed " + speed + ": use max, recorded or a number up to 1000000, such as 2 or 0.5");
    }
  }
  if (!until.empty()) {
    const auto time = parseTime(until);
    if (!time) fail("--until " + until + ": use 2026-11-25T02:10:00 (UTC) or ms since 1970");
    options.untilWallMs = *time;
  }
  std::transform(options.checkDigest.begin(), options.checkDigest.end(),
                 options.checkDigest.begin(), [](unsigned char c) { return std::tolower(c); });
  if (!options.checkDigest.empty() &&
      (options.checkDigest.size() != 32 ||
       options.checkDigest.find_first_not_of("0123456789abcdef") != std::string::npos)) {
    fail("--check-digest " + options.checkDigest + ": a digest has 32 hexadecimal digits");
  }
  if (!options.controller.empty() && options.step) fail("--step cannot look into a controller");
}

}  // namespace

ParsedOptions parseOptions(int argc, const char* const* argv) {
  Options options;
  CLI::App app("holdfast-replay: replays a capture log of a Holdfast controller.",
               "holdfast-replay");
  app.footer(kFooter);
  app.set_version_flag("--version", "holdfast-replay " HOLDFAST_VERSION);
  std::string into = "core";
  std::string speed = "max";
  std::string until;
  app.add_option("LOG", options.logs,
                 "The folder of a log, a directory with one log in it, or files of one log")
      ->required();
  app.add_option("--into", into,
                 "core: a core that writes nothing; store:DIR: one with a store, in a new "
                 "directory; rpc:ADDR: a running controller, by calls")
      ->type_name("WHERE")
      ->capture_default_str();
  app.add_option("--speed", speed, "max, recorded, or a multiple of the recorded one")
      ->type_name("SPEED")
      ->capture_default_str();
  app.add_option("--until", until, "Ends before the first entry that is later")->type_name("TIME");
  app.add_option("--instance", options.filter.instance, "Filter: messages about this instance")
      ->type_name("ID");
  app.add_option("--worker", options.filter.worker, "Filter: messages about this rank")
      ->type_name("RANK");
  app.add_option("--message", options.filter.kinds, "Filter: of this kind; may be repeated")
      ->check(CLI::IsMember(kindNames()))
      ->type_name("KIND");
  app.add_flag("--step", options.step, "Stop at each match and show the state around it");
  app.add_option("--check-digest", options.checkDigest, "The registry digest that must come of it")
      ->type_name("HEX");
  app.add_flag("--json", options.json, "Answer in JSON");
  app.add_flag("--progress", options.progressLines,
               "Say how far it is on stderr every second, also where that is no terminal");
  reach::addSecurityOptions(app, options.security);
  try {
    app.parse(argc, argv);
    if (const auto wrong = options.security.validate()) throw CLI::ValidationError(wrong->message);
    checkTogether(options, into, speed, until);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) {
      std::cerr << usageText(app, e);
      return {.options = {}, .exitCode = kUsage};
    }
    app.exit(e);  // --help, --version
    return {.options = {}, .exitCode = outputWritten("holdfast-replay") ? kDone : kUnreadable};
  }
  return {.options = std::move(options)};
}

}  // namespace holdfast::replay
