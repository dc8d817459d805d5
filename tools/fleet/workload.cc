#include "fleet/workload.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "core/check.h"
#include "fleet/random.h"

namespace holdfast::fleet {

namespace {

// What was measured on the trace. All lengths in chunks.
constexpr double kHourMs = 3'537'000;
constexpr double kHourRequests = 12'031;
// First prompts of conversations, the common chunk included.
constexpr Quantiles<14> kFirstLength = {{{{0, 2},
                                          {0.20, 3},
                                          {0.30, 4},
                                          {0.40, 8},
                                          {0.50, 11},
                                          {0.60, 15},
                                          {0.75, 26},
                                          {0.85, 38},
                                          {0.90, 50},
                                          {0.95, 76},
                                          {0.97, 102},
                                          {0.99, 176},
                                          {0.995, 219},
                                          {1, 248}}}};
// What a later turn adds to the finished chunks of the turn before.
constexpr Quantiles<12> kGrowth = {{{{0, 1},
                                     {0.20, 1},
                                     {0.25, 2},
                                     {0.60, 2},
                                     {0.70, 4},
                                     {0.75, 7},
                                     {0.80, 10},
                                     {0.85, 15},
                                     {0.90, 20},
                                     {0.95, 29},
                                     {0.99, 53},
                                     {1, 110}}}};
// Milliseconds until a conversation comes back.
constexpr Quantiles<7> kPauseMs = {{{{0, 10'000},
                                     {0.10, 42'000},
                                     {0.25, 66'000},
                                     {0.50, 123'000},
                                     {0.75, 264'000},
                                     {0.90, 483'000},
                                     {1, 900'000}}}};
// How often a turn is followed by another one, and how often after a long prompt.
constexpr double kComesBack = 0.45;
constexpr size_t kLongPrompt = 40;
constexpr double kComesBackLong = 0.31;
// System prompts beyond the common chunk: how often one is used, how many there are (the k-th most
// popular is used in proportion to 1/k), how long they are.
constexpr double kSystemPromptUse = 0.04;
constexpr size_t kSystemPrompts = 40;
constexpr size_t kSystemPromptMin = 2;
constexpr size_t kSystemPromptMax = 12;

struct Conversation {
  double dueMs = 0;
  size_t order = 0;  // breaks ties, so that the result depends on the seed alone
  std::vector<ChunkHash> chunks;
};

struct DueLater {
  bool operator()(const Conversation& a, const Conversation& b) const {
    return a.dueMs != b.dueMs ? a.dueMs > b.dueMs : a.order > b.order;
  }
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {
    double weight = 0;
    for (size_t k = 1; k <= kSystemPrompts; ++k) {
      weight += 1 / static_cast<double>(k);
      systemPromptWeights_.push_back(weight);
    }
    systemPrompts_.resize(kSystemPrompts);
  }

  std::vector<Request> run(size_t count) {
    std::vector<Request> requests(count);
    const double stepMs = kHourMs / std::min(kHourRequests, static_cast<double>(count));
    for (size_t i = 0; i < count; ++i) {
      // Jitter below one step keeps the order.
      const double nowMs = (static_cast<double>(i) + random_.share()) * stepMs;
      requests[i].timestampMs = static_cast<uint64_t>(nowMs);
      requests[i].chunks = nextPrompt(nowMs, i);
    }
    return requests;
  }

 private:
  std::vector<ChunkHash> nextPrompt(double nowMs, size_t order) {
    Conversation conversation;
    if (!waiting_.empty() && waiting_.top().dueMs <= nowMs) {
      conversation = waiting_.top();
      waiting_.pop();
      continueConversation(conversation.chunks);
    } else {
      conversation.chunks = newConversation();
    }
    std::vector<ChunkHash> prompt = conversation.chunks;
    if (prompt.size() < kPromptChunksMax &&
        random_.chance(prompt.size() < kLongPrompt ? kComesBack : kComesBackLong)) {
      conversation.dueMs = nowMs + kPauseMs.draw(random_);
      conversation.order = order;
      waiting_.push(std::move(conversation));
    }
    return prompt;
  }

  std::vector<ChunkHash> newConversation() {
    std::vector<ChunkHash> chunks{kCommonChunk};
    if (random_.chance(kSystemPromptUse)) {
      const auto& systemPrompt = drawSystemPrompt();
      chunks.insert(chunks.end(), systemPrompt.begin(), systemPrompt.end());
    }
    const size_t length = static_cast<size_t>(kFirstLength.draw(random_));
    append(chunks, std::max(length, chunks.size() + 1) - chunks.size());
    return chunks;
  }

  void continueConversation(std::vector<ChunkHash>& chunks) {
    // The last chunk was not full: with more tokens in it, it is another chunk.
    if (chunks.size() > 1) chunks.pop_back();
    append(chunks, static_cast<size_t>(kGrowth.draw(random_)));
  }

  void append(std::vector<ChunkHash>& chunks, size_t count) {
    const size_t end = std::min(chunks.size() + count, kPromptChunksMax);
    while (chunks.size() < end) chunks.push_back(chunkHashOf(nextId_++));
  }

  const std::vector<ChunkHash>& drawSystemPrompt() {
    const double at = random_.share() * systemPromptWeights_.back();
    const auto found =
        std::upper_bound(systemPromptWeights_.begin(), systemPromptWeights_.end() - 1, at);
    auto& prompt = systemPrompts_[static_cast<size_t>(found - systemPromptWeights_.begin())];
    if (prompt.empty()) {
      append(prompt, kSystemPromptMin + random_.below(kSystemPromptMax - kSystemPromptMin + 1));
    }
    return prompt;
  }

  static constexpr ChunkHash kCommonChunk = chunkHashOf(0);

  Random random_;
  uint64_t nextId_ = 1;
  std::priority_queue<Conversation, std::vector<Conversation>, DueLater> waiting_;
  std::vector<double> systemPromptWeights_;  // running sums
  std::vector<std::vector<ChunkHash>> systemPrompts_;
};

}  // namespace

std::vector<Request> generateWorkload(size_t requests, uint64_t seed) {
  HOLDFAST_CHECK(requests >= 1 && requests <= kRequestsMax, "%zu requests", requests);
  return Generator(seed).run(requests);
}

}  // namespace holdfast::fleet
