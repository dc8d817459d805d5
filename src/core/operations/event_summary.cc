#include "core/operations/event_summary.h"

#include <algorithm>

namespace holdfast {
namespace {

// More would not be read; the event has them all.
constexpr size_t kRanksListedMax = 16;

std::string answerOf(const EventRecord& event, const RankRecord& rank) {
  std::string text = "rank " + std::to_string(rank.worker) + ": ";
  if (event.kind == OperationKind::kHealth) {
    text += rank.errorCode == 0 ? "healthy" : "error code " + std::to_string(rank.errorCode);
  } else if (rank.status == RankStatus::kDone) {
    text += std::to_string(rank.numTokens) + " tokens";
  } else {
    text += rankStatusName(rank.status);
  }
  if (!rank.error.empty()) text += " (" + rank.error.string() + ")";
  return text;
}

std::string answersOf(const EventRecord& event) {
  std::string text;
  const size_t listed = std::min(event.ranks.size(), kRanksListedMax);
  for (size_t i = 0; i < listed; ++i) {
    if (i != 0) text += "; ";
    text += answerOf(event, event.ranks[i]);
  }
  if (listed < event.ranks.size()) {
    text += "; and " + std::to_string(event.ranks.size() - listed) + " more ranks";
  }
  return text;
}

}  // namespace

EventSummary summarise(const EventRecord& event) {
  const auto any = [&](auto condition) {
    return std::any_of(event.ranks.begin(), event.ranks.end(), condition);
  };
  if (!event.final()) {
    const bool unknown = any([](const auto& rank) { return rank.status == RankStatus::kUnknown; });
    return {unknown ? EventStatus::kUnknown : EventStatus::kRunning, 0, {}};
  }
  if (any([](const auto& rank) { return rank.status != RankStatus::kDone; }) ||
      any([](const auto& rank) { return rank.errorCode != 0; })) {
    return {EventStatus::kFailed, 0, "not every rank did it: " + answersOf(event)};
  }
  const uint64_t tokens = event.ranks.empty() ? 0 : event.ranks.front().numTokens;
  if (any([&](const auto& rank) { return rank.numTokens != tokens; })) {
    return {EventStatus::kFailed, 0, "the ranks answered different numbers: " + answersOf(event)};
  }
  return {EventStatus::kDone, tokens, {}};
}

}  // namespace holdfast
