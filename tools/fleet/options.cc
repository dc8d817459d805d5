#include "fleet/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <iostream>
#include <map>

#include "command_line/output_end.h"
#include "command_line/usage.h"
#include "core/limits.h"
#include "fleet/request.h"
#include "reach/addresses.h"
#include "reach/security_options.h"

namespace holdfast::fleet {

namespace {

// Simulated caches take about 50 bytes a chunk.
constexpr uint64_t kCachedChunksMax = 200'000'000;

constexpr const char* kDescription =
    "Simulates a fleet of LLM instances against a Holdfast controller.\n"
    "\n"
    "Each instance has some ranks, each rank an LRU cache of chunks and a connection to the\n"
    "controller of its own. Every request is routed to the instance that holds the longest prefix\n"
    "of it, which a look-up tells; the ranks of that instance then use the chunks and report what\n"
    "they admit and evict. While the controller is away, requests are routed round-robin and\n"
    "reports wait. In the end, when everything reported is committed, the content digest of the\n"
    "simulated caches is compared with the controller's: the controller must serve this fleet\n"
    "alone.\n"
    "\n"
    "With faults, reports get lost, come twice, late or in another order, connections are cut,\n"
    "workers restarted and reports falsified, all drawn from the seed, while requests are served.\n"
    "Then the faults stop, and the controller has some time to repair what it knows before the\n"
    "digests are compared.\n"
    "\n"
    "With --as, the ranks are engines of that kind: each publishes KV events over ZeroMQ as the\n"
    "engine itself does, answers replays of them, and is registered with the controller over\n"
    "HTTP. A request goes to the rank that holds most of it. In the end the controller must hold\n"
    "exactly what the caches do, and answer look-ups by tokens as they would.";

constexpr const char* kFooter =
    "Exit codes:\n"
    "  0  the digests are equal\n"
    "  1  they differ, or could not be compared, or the fleet did not converge in time\n"
    "  2  wrong options or an unreadable trace\n"
    "  3  the controller could not be reached, or does not accept the workers\n"
    "  4  the output could not be written\n"
    "\n"
    "Examples:\n"
    "  holdfast-fleet                                4 instances x 8 ranks, 20 seconds\n"
    "  holdfast-fleet --trace trace.jsonl --json     a recorded hour in 20 seconds\n"
    "  holdfast-fleet --instances 64 --rate 3000     more load\n"
    "  holdfast-fleet --drop 0.01 --duplicate 0.01 --reorder 0.01 --restart-every 1\n"
    "                                                a bad network, a worker restarted each "
    "second\n"
    "  holdfast-fleet --as vllm --ranks 2            publish KV events as vLLM does\n"
    "  holdfast-fleet --as sglang --drop 0.01 --restart-every 5\n"
    "                                                some lost on the way, engines restarted\n"
    "  holdfast-fleet --drop 0.01 ... --routing oracle\n"
    "                                                the hit share to compare that with\n"
    "\n"
    "A trace has one JSON object a line: timestamp (ms), hash_ids (one for each 512 tokens of the\n"
    "prompt, equal ids being equal prefixes).\n"
    "\n"
    "hit share: chunks of requests found in the chosen instance's cache, of all. In the JSON\n"
    "object, hit_ratio_before and hit_ratio_after are those before the connection was first lost\n"
    "and after all workers had registered again (null: no requests then). Look-up latencies are\n"
    "those that the client sees while all workers are registered. A look-up is blind "
    "(lookups_blind)\n"
    "where it names nobody although somebody holds the prompt's first chunk. chunks counts pairs "
    "of\n"
    "a rank and a chunk (with --disk, for each tier). converged: whether every location was in "
    "sync and\n"
    "the digests were equal in time after the faults had stopped (null: there were none).";

std::string problemOfEngines(const Options& options) {
  const std::string& events = options.engines.events;
  if (!events.starts_with("tcp://") && !events.starts_with("ipc://")) {
    return "--events: " + events + " is neither tcp://HOST:PORT nor ipc://PATH";
  }
  if (events.starts_with("tcp://")) {
    const size_t colon = events.rfind(':');
    uint32_t port = 0;
    const auto parsed =
        std::from_chars(events.data() + colon + 1, events.data() + events.size(), port);
    const uint64_t last = port + uint64_t{2} * options.workers() - 1;
    if (parsed.ec != std::errc() || parsed.ptr != events.data() + events.size() || port == 0 ||
        last > UINT16_MAX) {
      return "--events: " + events + " must have a port that leaves room for two of each rank";
    }
  }
  const FaultOptions& faults = options.faults;
  if (faults.duplicate + faults.reorder + faults.delay + faults.cutEvery + faults.corruptEvery >
      0) {
    return "with --as, faults are --drop and --restart-every";
  }
  return "";
}

std::string problemOf(const Options& options) {
  if (const auto addresses = reach::addressesIn(options.controller); !addresses.ok()) {
    return "--controller: " + addresses.error().message;
  }
  if (const auto wrong = options.security.validate()) return wrong->message;
  const uint64_t workers = uint64_t{options.instances} * options.ranks;
  if (workers > kWorkersMaxDefault) {
    return "--instances times --ranks is " + std::to_string(workers) + ", the limit is " +
           std::to_string(kWorkersMaxDefault);
  }
  if (options.capacity > kCachedChunksMax / workers) {
    return "--capacity of " + std::to_string(options.capacity) + " chunks on " +
           std::to_string(workers) + " ranks is more than " + std::to_string(kCachedChunksMax) +
           " chunks in all";
  }
  if (options.diskCapacity > (kCachedChunksMax - options.capacity * workers) / workers) {
    return "--disk of " + std::to_string(options.diskCapacity) + " chunks and --capacity of " +
           std::to_string(options.capacity) + " on " + std::to_string(workers) +
           " ranks are more than " + std::to_string(kCachedChunksMax) + " chunks in all";
  }
  if (options.engines.kind) {
    if (const std::string problem = problemOfEngines(options); !problem.empty()) return problem;
  }
  const FaultOptions& faults = options.faults;
  if (faults.drop + faults.duplicate + faults.reorder + faults.delay > 1) {
    return "--drop, --duplicate, --reorder and --delay are more than all reports together";
  }
  if (options.trace.empty() && options.rate * options.seconds > double{kRequestsMax}) {
    return "--rate times --duration is more than " + std::to_string(kRequestsMax) + " requests";
  }
  return "";
}

void addFaultOptions(CLI::App& app, FaultOptions& faults) {
  const auto add = [&](const char* name, double& value, const char* unit, double min, double max,
                       const char* what) {
    app.add_option(name, value, what)
        ->type_name(unit)
        ->check(CLI::Range(min, max))
        ->group("Faults");
  };
  add("--drop", faults.drop, "SHARE", 0, 1, "share of reports, 0 to 1, that get lost");
  add("--duplicate", faults.duplicate, "SHARE", 0, 1, "that come twice");
  add("--reorder", faults.reorder, "SHARE", 0, 1, "that come after the next one");
  add("--delay", faults.delay, "SHARE", 0, 1, "that come after 2 to 20 others");
  add("--restart-every", faults.restartEvery, "SECONDS", 0.01, 86'400,
      "a random worker's process is restarted, its memory empty, its disk as it was or empty");
  add("--cut-every", faults.cutEvery, "SECONDS", 0.01, 86'400,
      "a random worker's connection is cut");
  add("--corrupt-every", faults.corruptEvery, "SECONDS", 0.01, 86'400,
      "a random worker's next report names a wrong chunk");
  app.add_option("--settle", faults.settleSeconds,
                 "how long the fleet may take to converge when the faults have stopped")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str()
      ->group("Faults");
}

void addEngineOptions(CLI::App& app, EngineOptions& engines, std::string& kind) {
  app.add_option("--as", kind, "publish KV events as this engine: vllm or sglang")
      ->type_name("ENGINE")
      ->check(CLI::IsMember({"vllm", "sglang"}))
      ->group("KV events");
  app.add_option("--block-size", engines.blockSize, "tokens of a block")
      ->type_name("TOKENS")
      ->check(CLI::Range(1u, 1024u))
      ->capture_default_str()
      ->group("KV events");
  app.add_option("--events", engines.events,
                 "where the first rank publishes, tcp://HOST:PORT or ipc://PATH; the others "
                 "on the next ports, and behind them those that answer replays")
      ->type_name("ENDPOINT")
      ->capture_default_str()
      ->group("KV events");
  app.add_option("--http", engines.http, "the controller's HTTP address")
      ->type_name("URL")
      ->capture_default_str()
      ->group("KV events");
  app.add_option("--model", engines.model, "that the engines serve")
      ->type_name("NAME")
      ->capture_default_str()
      ->group("KV events");
  app.add_flag("!--no-register", engines.registers,
               "do not register the engines: the controller's configuration names them")
      ->group("KV events");
}

}  // namespace

ParsedOptions parseOptions(int argc, char** argv) {
  Options options;
  CLI::App app(kDescription, "holdfast-fleet");
  app.footer(kFooter);
  app.set_version_flag("--version", "holdfast-fleet " HOLDFAST_VERSION);
  app.get_formatter()->column_width(34);

  app.add_option("--controller", options.controller,
                 "where: HOST:PORT or unix:PATH; several of a group, separated by commas")
      ->type_name("ADDR")
      ->capture_default_str();
  app.add_option("--instances", options.instances, "LLM instances")
      ->type_name("N")
      ->check(CLI::Range(1u, 4096u))
      ->capture_default_str();
  app.add_option("--ranks", options.ranks, "ranks of each, all with the same chunks")
      ->type_name("N")
      ->check(CLI::Range(1u, 4096u))
      ->capture_default_str();
  app.add_option("--capacity", options.capacity, "chunks that the cache of a rank holds")
      ->type_name("CHUNKS")
      ->check(CLI::Range(uint64_t{1}, kCachedChunksMax))
      ->capture_default_str();
  app.add_option("--disk", options.diskCapacity,
                 "chunks that a disk tier of each rank holds as well; 0: it has none")
      ->type_name("CHUNKS")
      ->check(CLI::Range(uint64_t{0}, kCachedChunksMax))
      ->capture_default_str();
  app.add_option("--duration", options.seconds,
                 "seconds that the requests are spread over; a trace is compressed to it")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  app.add_option("--rate", options.rate, "requests a second of the built-in workload")
      ->type_name("N")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "decides the built-in workload and the faults")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--trace", options.trace, "requests from this file, not the built-in workload")
      ->type_name("FILE");
  std::string routing = "lookup";
  app.add_option("--routing", routing,
                 "how requests find an instance: lookup, round-robin, or oracle: by what the "
                 "simulated caches hold, without asking the controller")
      ->type_name("HOW")
      ->check(CLI::IsMember({"lookup", "round-robin", "oracle"}))
      ->capture_default_str();
  addFaultOptions(app, options.faults);
  std::string kind;
  addEngineOptions(app, options.engines, kind);
  reach::addSecurityOptions(app, options.security);
  app.add_flag("--leave", options.leave,
               "end without deregistering, as if all engines were cut off");
  app.add_flag("--json", options.json, "print one JSON object, not a table");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      std::cerr << usageText(app, error);
      return {.options = {}, .exitCode = kExitUsage};
    }
    app.exit(error);  // --help, --version
    return {.options = {}, .exitCode = outputWritten("holdfast-fleet") ? kExitEqual : kExitOutput};
  }
  if (!kind.empty()) {
    options.engines.kind = kind == "vllm" ? EngineKind::kVllm : EngineKind::kSglang;
  }
  options.routing = routing == "lookup"   ? Routing::kLookup
                    : routing == "oracle" ? Routing::kOracle
                                          : Routing::kRoundRobin;
  if (const std::string problem = problemOf(options); !problem.empty()) {
    std::fprintf(stderr, "holdfast-fleet: %s\n", problem.c_str());
    return {.options = {}, .exitCode = kExitUsage};
  }
  return {.options = options, .exitCode = kExitEqual};
}

}  // namespace holdfast::fleet
