// Small look-ups beside a client that sends the largest ones.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/steady_lookups.h"
#include "client/client.h"
#include "core/limits.h"

namespace holdfast::bench {
namespace {

constexpr uint32_t kHolders = 300;
constexpr size_t kSmallPrompt = 32;

std::vector<ChunkHash> largestPrompt(const RunOptions& run) {
  std::vector<ChunkHash> prompt(run.size(kHashesPerLookupMax, 1'024));
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = splitmix64Finalise(i);
  return prompt;
}

// Instances that all hold the prompt, every other chunk in another location: no two chunks in a row
// have the same holders.
struct AlternatingFleet {
  AlternatingFleet(const DaemonProcess& daemon, uint32_t instances,
                   const std::vector<ChunkHash>& prompt) {
    std::vector<ChunkHash> parts[2];
    for (size_t i = 0; i < prompt.size(); ++i) parts[i % 2].push_back(prompt[i]);
    for (uint32_t i = 0; i < instances; ++i) {
      ClientOptions options;
      options.controller = daemon.address();
      options.instance = "instance-" + std::to_string(i);
      options.locations = {{.name = "gpu", .contents = {}}, {.name = "cpu", .contents = {}}};
      clients.push_back(std::make_unique<Client>(thread, std::move(options)));
      clients.back()->admit(LocationHandle{0}, parts[0]);
      clients.back()->admit(LocationHandle{1}, parts[1]);
    }
  }
  bool ready() {
    return std::all_of(clients.begin(), clients.end(),
                       [](const auto& client) { return client->flush(300'000); });
  }

  ClientThread thread;
  std::vector<std::unique_ptr<Client>> clients;
};

// Asks for the same again and again until `lookups` small ones were answered meanwhile. They are
// enough that the large ones, which the daemon counts too, do not show in their p99.
std::string askBeside(const SteadyLookups& load, uint64_t lookups, uint64_t& asked,
                      const std::function<Result<LookupAnswer>()>& ask) {
  constexpr uint64_t kSmallForALarge = 400;
  const uint64_t wanted = load.answered() + lookups;
  while (load.answered() < wanted) {
    const uint64_t before = load.answered();
    const auto answer = ask();
    if (!answer.ok()) return answer.error().message;
    ++asked;
    if (!eventually([&] { return load.answered() >= before + kSmallForALarge; })) {
      return "look-ups were not answered";
    }
  }
  return {};
}

RunResult lookupHeavy(const RunOptions& run) {
  DaemonProcess daemon;
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  const std::vector<ChunkHash> prompt = largestPrompt(run);
  const auto instances = static_cast<uint32_t>(run.size(kHolders, 10));
  std::unique_ptr<AlternatingFleet> fleet;
  elsewhere([&] { fleet = std::make_unique<AlternatingFleet>(daemon, instances, prompt); });
  if (!fleet->ready()) return failed("the controller did not confirm everything");
  // Nobody holds these, so that small look-ups are as small as they get.
  std::vector<ChunkHash> small(kSmallPrompt);
  for (size_t i = 0; i < small.size(); ++i) small[i] = splitmix64Finalise(~i);
  SteadyLookups load(daemon.address(), small);
  const uint64_t lookups = run.size(50'000, 1'000);
  const LookupWindow idle = lookUpAlone(load, lookups);
  if (!idle.error.empty()) return failed(idle.error);
  std::unique_ptr<ClientThread> thread;
  elsewhere([&] { thread = std::make_unique<ClientThread>(); });
  LookupClientOptions options;
  options.controller = daemon.address();
  LookupClient client(*thread, options);
  const std::vector<uint32_t> tokens(run.size(kTokensPerLookupMax, 65'536));
  LookupWindow beside[2];
  uint64_t asked[2] = {};
  for (const bool ofTokens : {false, true}) {
    beside[ofTokens] = lookUpWhile(load, [&] {
      return askBeside(load, lookups, asked[ofTokens], [&] {
        return ofTokens ? client.lookupTokens(tokens) : client.lookup(prompt);
      });
    });
    if (!beside[ofTokens].error.empty()) return failed(beside[ofTokens].error);
  }
  char note[160];
  std::snprintf(
      note, sizeof note,
      "%lu us of %.0f k look-ups/s; %lu us beside %lu of %zu hashes, %lu us beside %lu of "
      "4 M tokens",
      idle.p99Us, idle.perSecond / 1e3, beside[0].p99Us, asked[0], prompt.size(), beside[1].p99Us,
      asked[1]);
  return {.value = static_cast<double>(std::max(beside[0].p99Us, beside[1].p99Us)) /
                   static_cast<double>(idle.p99Us),
          .note = note,
          .error = {}};
}

}  // namespace

std::vector<Row> heavyRows() {
  return {{.name = "lookup_heavy",
           .what =
               "look-up p99 inside the daemon beside a client that sends the largest ones, over "
               "the idle one",
           .unit = "x",
           .floor = 5,
           .aim = 3,
           .better = Better::kLower,
           .run = lookupHeavy}};
}

}  // namespace holdfast::bench
