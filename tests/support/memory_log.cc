#include "tests/support/memory_log.h"

#include <algorithm>

namespace holdfast::test {

using replication::AppendId;
using replication::LogListener;
using replication::LogSequence;
using replication::LogState;

AppendId MemoryLog::append(std::string_view bytes) {
  appends_.push_back({nextId_, std::string(bytes)});
  return nextId_++;
}

void MemoryLog::fetch(LogSequence sequence) {
  fetches_.push_back(sequence);
}

LogState MemoryLog::state() const {
  return {.connected = true,
          .reason = "",
          .identity = engine_.identity,
          .first = engine_.records.empty() ? 0 : engine_.first,
          .last = engine_.last(),
          .warning = ""};
}

bool MemoryLog::step() {
  if (appends_.empty() && fetches_.empty()) return false;
  if (!fetches_.empty() && (appends_.empty() || chance(50))) {
    const LogSequence sequence = fetches_.front();
    fetches_.pop_front();
    answer(Fetched{sequence});
    return true;
  }
  arrive();
  return true;
}

void MemoryLog::arrive() {
  const size_t at = chance(faults_.overtaken) ? random_() % appends_.size() : 0;
  const Append append = std::move(appends_[at]);
  appends_.erase(appends_.begin() + static_cast<ptrdiff_t>(at));
  if (chance(faults_.lost)) {
    if (chance(faults_.unknown)) answer(Appended{append.id, 0});
    return;
  }
  engine_.records.push_back(append.bytes);
  answer(Appended{append.id, engine_.last()});
  if (chance(faults_.repeated)) {
    const size_t later = random_() % (appends_.size() + 1);
    appends_.insert(appends_.begin() + static_cast<ptrdiff_t>(later), append);
  }
}

void MemoryLog::answer(std::variant<Appended, Fetched> answer) {
  if (!abandoned_ && !chance(faults_.unheard)) answers_.push_back(answer);
}

void MemoryLog::poll(LogListener& listener) {
  while (!answers_.empty()) {
    const auto answer = answers_.front();
    answers_.pop_front();
    if (const auto* appended = std::get_if<Appended>(&answer)) {
      if (appended->sequence == 0) {
        listener.onAppendUnknown(appended->id, {ErrorCode::kUnavailable, "lost"});
      } else {
        listener.onAppended(appended->id, appended->sequence);
      }
      continue;
    }
    const LogSequence sequence = std::get<Fetched>(answer).sequence;
    // The engine's records may grow during the call.
    const std::string bytes = engine_.at(sequence);
    listener.onFetched(sequence, bytes);
  }
  for (size_t n = 0; n < recordsPerPoll_ && following_ != 0 && following_ <= engine_.last(); ++n) {
    if (following_ < engine_.first) {
      following_ = 0;
      listener.onLogLost({ErrorCode::kNotFound, "the log no longer has what was wanted of it"});
      return;
    }
    const LogSequence sequence = following_++;
    const std::string bytes = engine_.at(sequence);
    listener.onRecord(sequence, bytes);
  }
}

}  // namespace holdfast::test
