#include "fleet/engines/engine_run.h"

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "command_line/output_end.h"
#include "fleet/engines/controller_http.h"
#include "fleet/engines/engine_fleet.h"
#include "fleet/report.h"
#include "text/json_writer.h"
#include "text/numbers.h"
#include "text/table.h"

namespace holdfast::fleet {
namespace {

using Clock = std::chrono::steady_clock;
using text::grouped;

constexpr int kRegisterMs = 20'000;
constexpr int kPauseMs = 100;
constexpr size_t kPromptsAsked = 32;

struct EngineReport {
  uint64_t requests = 0;
  HitCount hits;
  PublisherCounts messages;
  uint64_t stored = 0;
  uint64_t removed = 0;
  uint64_t restarts = 0;
  uint64_t engines = 0;
  uint64_t enginesEqual = 0;
  uint64_t blocks = 0;
  double settledSeconds = 0;
  uint64_t prompts = 0;
  uint64_t promptsRight = 0;
  std::string problem;  // why it could not be compared

  bool equal() const {
    return problem.empty() && engines == enginesEqual && prompts == promptsRight;
  }
};

std::string idOf(const EngineFleet::Engine& engine, const Options& options) {
  return R"({"instance_id":")" + engine.instance + R"(","model_name":")" + options.engines.model +
         R"(","dp_rank":)" + std::to_string(engine.rank);
}

// Empty: it is registered.
std::string registerAll(const Options& options, const EngineFleet& fleet, ControllerHttp& http) {
  for (const auto& engine : fleet.engines()) {
    const std::string body = idOf(*engine, options) + R"(,"endpoint":")" +
                             engine->publisher.endpoint() + R"(","replay_endpoint":")" +
                             engine->publisher.replayEndpoint() + R"(","block_size":)" +
                             std::to_string(options.engines.blockSize) + "}";
    const auto answer = http.ask("/register", body);
    if (!answer.ok()) return answer.error().message;
    if (answer.value().status != 201) return answer.value().body;
  }
  return {};
}

void unregisterAll(const Options& options, const EngineFleet& fleet, ControllerHttp& http) {
  for (const auto& engine : fleet.engines()) {
    const auto answer = http.ask("/unregister", idOf(*engine, options) + "}");
    if (answer.ok() && answer.value().status == 200) continue;
    std::fprintf(stderr, "holdfast-fleet: %s cannot be unregistered: %s\n",
                 engine->instance.c_str(),
                 (answer.ok() ? answer.value().body : answer.error().message).c_str());
  }
}

// Digest of what the controller has of each engine's GPU, by instance and rank.
using Digests = std::map<std::pair<std::string, uint32_t>, std::string>;

Result<Digests> askDigests(ControllerHttp& http) {
  Digests digests;
  std::string page;
  simdjson::dom::parser parser;
  do {
    const auto answer = http.ask("/v1/workers?max=10000" + (page.empty() ? "" : "&page=" + page));
    if (!answer.ok()) return answer.error();
    simdjson::dom::element document;
    if (parser.parse(answer.value().body).get(document) != simdjson::SUCCESS) {
      return Error{ErrorCode::kUnavailable, "unreadable: " + answer.value().body.substr(0, 200)};
    }
    simdjson::dom::array workers;
    if (document["workers"].get(workers) != simdjson::SUCCESS) {
      return Error{ErrorCode::kUnavailable, answer.value().body.substr(0, 200)};
    }
    for (const simdjson::dom::element worker : workers) {
      const std::string instance(worker["instanceId"].get_string().value());
      const auto rank = static_cast<uint32_t>(worker["workerId"].get_uint64().value());
      const simdjson::dom::array locations = worker["locations"].get_array();
      for (const simdjson::dom::element location : locations) {
        if (location["name"].get_string().value() != "GPU") continue;
        digests[{instance, rank}] = location["digest"].get_string().value();
      }
    }
    std::string_view next;
    page = document["next"].get(next) == simdjson::SUCCESS ? std::string(next) : std::string();
  } while (!page.empty());
  return digests;
}

// Those engines of which the controller has exactly what they hold.
uint64_t countEqual(const EngineFleet& fleet, const Digests& digests) {
  uint64_t equal = 0;
  for (const auto& engine : fleet.engines()) {
    const auto found = digests.find({engine->instance, engine->rank});
    if (found == digests.end()) {
      equal += engine->cache.blocks() == 0;
      continue;
    }
    const KeyDigest digest = engine->cache.digest();
    equal += found->second == text::hexText(digest.a) + text::hexText(digest.b);
  }
  return equal;
}

// Waits until the controller has what the caches hold, and answers replays meanwhile.
void settle(const Options& options, EngineFleet& fleet, ControllerHttp& http,
            EngineReport& report) {
  const auto began = Clock::now();
  const auto end = began + std::chrono::duration<double>(options.faults.settleSeconds);
  while (true) {
    const auto digests = askDigests(http);
    report.problem = digests.ok() ? std::string() : digests.error().message;
    if (digests.ok()) report.enginesEqual = countEqual(fleet, digests.value());
    report.settledSeconds = std::chrono::duration<double>(Clock::now() - began).count();
    if (report.enginesEqual == report.engines || Clock::now() >= end) return;
    fleet.answer(kPauseMs);
  }
}

// Whether the answer has for each engine of the fleet as many tokens as that holds.
bool isRight(const EngineFleet& fleet, uint32_t blockSize, const Request& request,
             const std::string& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  simdjson::dom::object instances;
  if (parser.parse(answer).get(document) != simdjson::SUCCESS) return false;
  if (document["instances"].get(instances) != simdjson::SUCCESS) return false;
  for (const auto& engine : fleet.engines()) {
    uint64_t tokens = 0;
    simdjson::dom::element found;
    if (instances[engine->instance]["dp"][std::to_string(engine->rank)].get(found) ==
        simdjson::SUCCESS) {
      tokens = found.get_uint64().value();
    }
    if (tokens != engine->cache.heldPrefix(request.chunks) * blockSize) return false;
  }
  return true;
}

void askPrompts(const Options& options, const EngineFleet& fleet,
                const std::vector<Request>& requests, ControllerHttp& http, EngineReport& report) {
  const uint32_t blockSize = options.engines.blockSize;
  const size_t asked = std::min<size_t>(kPromptsAsked, report.requests);
  std::vector<uint32_t> tokens;
  for (size_t i = report.requests - asked; i < report.requests; ++i) {
    tokens.clear();
    for (const ChunkHash chunk : requests[i].chunks) appendTokens(chunk, blockSize, tokens);
    std::string body = R"({"model_name":")" + options.engines.model + R"(","token_ids":[)";
    for (const uint32_t token : tokens) body += std::to_string(token) + ",";
    body.back() = ']';
    const auto answer = http.ask("/query", body + "}");
    ++report.prompts;
    if (answer.ok() && isRight(fleet, blockSize, requests[i], answer.value().body)) {
      ++report.promptsRight;
    } else if (report.prompts == report.promptsRight + 1) {
      std::fprintf(stderr, "holdfast-fleet: a look-up by tokens is not right: %s\n",
                   (answer.ok() ? answer.value().body : answer.error().message).c_str());
    }
  }
}

// The requests on schedule; replays are answered in between.
std::optional<Error> serve(const Options& options, EngineFleet& fleet,
                           const std::vector<Request>& requests, const std::atomic<bool>& stop,
                           EngineReport& report) {
  const uint64_t spanMs = std::max<uint64_t>(1, requests.back().timestampMs);
  const double scale = options.seconds * 1000 / static_cast<double>(spanMs);
  const auto began = Clock::now();
  const auto elapsedMs = [&]() {
    return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
  };
  double nextRestartMs = options.faults.restartEvery * 1000;
  for (const Request& request : requests) {
    if (stop) break;
    const double dueMs = static_cast<double>(request.timestampMs) * scale;
    do {
      fleet.answer(std::max(0, static_cast<int>(std::min(dueMs - elapsedMs(), double{kPauseMs}))));
    } while (!stop && elapsedMs() < dueMs);
    if (options.faults.restartEvery > 0 && elapsedMs() >= nextRestartMs) {
      nextRestartMs += options.faults.restartEvery * 1000;
      if (auto error = fleet.restartOne()) return error;
    }
    report.hits.add(request.chunks.size(), fleet.serve(request.chunks));
    ++report.requests;
  }
  return std::nullopt;
}

void print(const EngineReport& report, bool json) {
  const auto share = report.hits.ratio();
  if (json) {
    text::JsonWriter writer(std::cout);
    writer.beginObject();
    writer.number("requests", report.requests);
    if (share) writer.real("hit_ratio", *share);
    writer.number("blocks_stored", report.stored);
    writer.number("blocks_removed", report.removed);
    writer.number("messages", report.messages.published);
    writer.number("messages_lost", report.messages.lost);
    writer.number("engine_restarts", report.restarts);
    writer.number("replays_asked", report.messages.replays);
    writer.number("messages_replayed", report.messages.replayed);
    writer.number("blocks_replayed", report.messages.replayedBlocks);
    writer.number("engines", report.engines);
    writer.number("engines_equal", report.enginesEqual);
    writer.number("blocks_held", report.blocks);
    writer.real("settled_seconds", report.settledSeconds);
    writer.number("prompts_asked", report.prompts);
    writer.number("prompts_right", report.promptsRight);
    writer.text("problem", report.problem);
    writer.endObject();
    return;
  }
  text::Table table({{""}, {"", text::kRight}});
  table.add({"requests served", grouped(report.requests)});
  table.add({"blocks stored, removed", grouped(report.stored) + ", " + grouped(report.removed)});
  table.add({"messages published", grouped(report.messages.published)});
  table.add({"of these lost on the way", grouped(report.messages.lost)});
  table.add({"engines restarted", grouped(report.restarts)});
  table.add({"messages asked for again", grouped(report.messages.replayed)});
  table.add({"blocks of these", grouped(report.messages.replayedBlocks)});
  table.add({"engines that the controller knows exactly",
             grouped(report.enginesEqual) + " of " + grouped(report.engines)});
  table.add({"blocks that they hold", grouped(report.blocks)});
  table.add({"look-ups by tokens answered right",
             grouped(report.promptsRight) + " of " + grouped(report.prompts)});
  table.print(std::cout);
  if (!report.problem.empty()) std::cout << "not compared: " << report.problem << "\n";
}

}  // namespace

int runEngines(const Options& options, const std::vector<Request>& requests,
               const std::atomic<bool>& stop) {
  EngineFleet fleet(options);
  if (const auto error = fleet.open()) {
    std::fprintf(stderr, "holdfast-fleet: %s\n", error->message.c_str());
    return kExitUsage;
  }
  ControllerHttp http(options.engines.http, options.security.token);
  if (options.engines.registers) {
    std::string why;
    const auto end = Clock::now() + std::chrono::milliseconds(kRegisterMs);
    while (!(why = registerAll(options, fleet, http)).empty() && Clock::now() < end && !stop) {
      fleet.answer(kPauseMs);
    }
    if (!why.empty()) {
      std::fprintf(stderr, "holdfast-fleet: the engines cannot be registered: %s\n", why.c_str());
      return kExitNoController;
    }
  }
  EngineReport report;
  report.engines = fleet.engines().size();
  if (const auto error = serve(options, fleet, requests, stop, report)) {
    std::fprintf(stderr, "holdfast-fleet: %s\n", error->message.c_str());
    return kExitDifferent;
  }
  fleet.stopLosing();
  fleet.publishLast();
  for (const auto& engine : fleet.engines()) report.blocks += engine->cache.blocks();
  settle(options, fleet, http, report);
  askPrompts(options, fleet, requests, http, report);
  report.messages = fleet.counts();
  report.stored = fleet.stored();
  report.removed = fleet.removed();
  report.restarts = fleet.restarts();
  if (options.engines.registers && !options.leave) unregisterAll(options, fleet, http);
  print(report, options.json);
  if (!outputWritten("holdfast-fleet")) return kExitOutput;
  return report.equal() ? kExitEqual : kExitDifferent;
}

}  // namespace holdfast::fleet
