#include "tests/replicas/schedule.h"

#include <algorithm>
#include <array>

namespace holdfast::test {
namespace {

constexpr uint32_t kOfEachKind = 3;

constexpr std::array<const char*, kFaults> kNames = {
    "kill controller",
    "stop controller",
    "cut controller from server",
    "isolate controller",
    "cut workers from controller",
    "cut readers from controller",
    "step clock of controller",
    "fill disk of controller",
    "kill server",
    "stop server",
    "cut servers",
    "isolate server",
    "kill all controllers",
};

bool isOfServer(Fault fault) {
  return fault == Fault::kKillServer || fault == Fault::kStopServer ||
         fault == Fault::kCutServers || fault == Fault::kIsolateServer;
}

// What is done to a process, and cannot be done twice at once.
bool isOfController(Fault fault) {
  return fault == Fault::kKillController || fault == Fault::kStopController ||
         fault == Fault::kKillAllControllers;
}

bool overlap(const Step& a, const Step& b) {
  return a.fromMs < b.untilMs && b.fromMs < a.untilMs;
}

bool fits(const std::vector<Step>& steps, const Step& step, size_t serversAtOnce) {
  size_t servers = isOfServer(step.fault) ? 1 : 0;
  for (const Step& other : steps) {
    if (!overlap(step, other)) continue;
    const bool everybody =
        step.fault == Fault::kKillAllControllers || other.fault == Fault::kKillAllControllers;
    if (isOfController(step.fault) && isOfController(other.fault) &&
        (everybody || step.who == other.who)) {
      return false;
    }
    if (step.fault == other.fault && step.who == other.who) return false;
    if (isOfServer(step.fault) && isOfServer(other.fault)) {
      if (step.who == other.who) return false;
      ++servers;
    }
  }
  return servers <= serversAtOnce;
}

uint32_t between(std::mt19937_64& random, uint32_t least, uint32_t most) {
  return least + static_cast<uint32_t>(random() % (most - least + 1));
}

Step drawStep(std::mt19937_64& random, uint32_t fromMs) {
  constexpr std::array<int64_t, 8> kSeconds = {-86'400, -3'600, -30, -1, 1, 30, 3'600, 86'400};
  Step step;
  step.fault = static_cast<Fault>(random() % kFaults);
  step.who = between(random, 0, kOfEachKind - 1);
  step.other = (step.who + between(random, 1, kOfEachKind - 1)) % kOfEachKind;
  if (step.fault == Fault::kCutController) step.other = between(random, 0, kOfEachKind - 1);
  step.reset = random() % 2 == 0;
  step.amount = kSeconds[random() % kSeconds.size()];
  step.fromMs = fromMs;
  step.untilMs =
      fromMs + (random() % 3 == 0 ? between(random, 1'000, 3'000) : between(random, 50, 1'000));
  return step;
}

}  // namespace

std::string Step::describe() const {
  std::string text = std::to_string(fromMs) + " to " + std::to_string(untilMs) +
                     " ms: " + kNames[static_cast<size_t>(fault)];
  if (fault != Fault::kKillAllControllers) text += " " + std::to_string(who);
  if (fault == Fault::kCutController || fault == Fault::kCutServers) {
    text += " and " + std::to_string(other);
  }
  if (fault == Fault::kStepClock) return text + " by " + std::to_string(amount) + " s";
  const bool cuts = fault == Fault::kCutController || fault == Fault::kIsolateController ||
                    fault == Fault::kCutWorkers || fault == Fault::kCutReaders ||
                    fault == Fault::kCutServers || fault == Fault::kIsolateServer;
  if (cuts) text += reset ? ", with resets" : ", silently";
  return text;
}

std::string Schedule::describe() const {
  std::string text;
  for (const Step& step : steps) text += "  " + step.describe() + "\n";
  return text;
}

Schedule drawSchedule(std::mt19937_64& random, size_t serversAtOnce) {
  Schedule schedule;
  const uint32_t count = between(random, 4, 8);
  uint32_t fromMs = between(random, 100, 400);
  while (schedule.steps.size() < count) {
    const Step step = drawStep(random, fromMs);
    if (!fits(schedule.steps, step, serversAtOnce)) continue;
    schedule.steps.push_back(step);
    fromMs += between(random, 50, 900);
  }
  return schedule;
}

}  // namespace holdfast::test
