#include "tests/replicas/asker.h"

#include <algorithm>
#include <chrono>

namespace holdfast::test {
namespace {

constexpr size_t kPrompts = 64;  // in one call
constexpr size_t kWrongMax = 10;
constexpr auto kBetweenCalls = std::chrono::milliseconds(5);
// A leader says that it is 0 old as long as no beat is overdue, which is 200 ms.
constexpr Moment kBeatsMs = 250;

LookupClientOptions lookupOptionsOf(const AskerOptions& asker) {
  LookupClientOptions options;
  options.controller = asker.controllers;
  options.timeoutMs = 1'000;
  options.backoffMaxMs = 100;
  return options;
}

bool holds(const LookupAnswer& answer, const std::string& instance) {
  return std::any_of(answer.layouts.begin(), answer.layouts.end(),
                     [&](const InstanceLayout& one) { return one.instance == instance; });
}

std::string describe(const LookupAnswer& answer) {
  return answer.role + ", epoch " + std::to_string(answer.epoch) + ", index " +
         std::to_string(answer.index) + ", " + std::to_string(answer.ageMs) + " ms old" +
         (answer.miss == "none" ? "" : ", " + answer.miss + ": " + answer.message);
}

}  // namespace

Asker::Asker(ClientThread& thread, const Workers& workers, const AskerOptions& options)
    : workers_(workers),
      options_(options),
      random_(options.seed),
      client_(thread, lookupOptionsOf(options)),
      thread_([this] {
        while (asking_) ask();
      }) {}

void Asker::rest() {
  asking_ = false;
  if (thread_.joinable()) thread_.join();
}

// A key that is held, was until a while ago, or will be.
Asker::Question Asker::draw() {
  const RecordingWorker& worker = *workers_[random_() % workers_.size()];
  const uint64_t newest = worker.history().told() + 20;
  const uint64_t span = std::min(newest, 3 * worker.history().capacity());
  return {&worker, newest - random_() % (span + 1)};
}

void Asker::ask() {
  std::vector<Question> questions;
  std::vector<LookupPrompt> prompts;
  for (size_t i = 0; i < kPrompts; ++i) {
    questions.push_back(draw());
    LookupPrompt prompt;
    prompt.hashes = {questions.back().worker->history().key(questions.back().n)};
    prompt.options.maxAgeMs = options_.maxAgeMs;
    prompt.options.withEndpoints = false;
    prompts.push_back(std::move(prompt));
  }
  const uint64_t life = options_.life ? options_.life() : 0;
  const Moment asked = nowMs();
  const auto answers = client_.lookups(std::move(prompts));
  if (answers.ok()) {
    check(questions, answers.value(), asked);
    if (options_.life && life == options_.life()) checkOrder(life, answers.value().front());
  }
  std::this_thread::sleep_for(kBetweenCalls);
}

void Asker::check(const std::vector<Question>& questions, const std::vector<LookupAnswer>& answers,
                  Moment asked) {
  for (size_t i = 0; i < questions.size(); ++i) {
    const LookupAnswer& answer = answers[i];
    const bool leads = answer.role == "leader" || answer.role == "cutOff";
    if (!leads && !options_.believesFollowers) continue;
    // It knows nothing of the log yet.
    if (answer.ageMs > static_cast<uint64_t>(asked)) continue;
    ++checked_;
    const auto& [worker, n] = questions[i];
    const Moment knows = asked - static_cast<Moment>(answer.ageMs) - kBeatsMs;
    const bool held = holds(answer, worker->instance());
    // It has it, and says that it does not name a worker whose connection is gone.
    if (!held && answer.miss == "hidden") continue;
    const std::string wrong = worker->history().wrong(n, held, knows);
    if (!wrong.empty()) {
      note("an answer " + wrong + " of " + worker->instance() + "; " + describe(answer));
    }
  }
}

void Asker::checkOrder(uint64_t life, const LookupAnswer& answer) {
  const std::pair<uint64_t, uint64_t> now{answer.epoch, answer.index};
  if (life == life_ && now < seen_) {
    note("epoch " + std::to_string(seen_.first) + ", index " + std::to_string(seen_.second) +
         " were seen before: " + describe(answer));
  }
  life_ = life;
  seen_ = now;
}

void Asker::note(std::string what) {
  const std::lock_guard lock(mutex_);
  if (wrong_.size() < kWrongMax) wrong_.push_back(options_.controllers + ": " + std::move(what));
}

std::vector<std::string> Asker::wrong() const {
  const std::lock_guard lock(mutex_);
  return wrong_;
}

}  // namespace holdfast::test
