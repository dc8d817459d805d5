#include "gateways/engine_events/source.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace holdfast::engines {
namespace {

// The end of a replay is marked by -1; nobody gets near.
constexpr uint64_t kSeqMax = INT64_MAX;

// What a held message takes beside its bytes.
constexpr size_t kHeldOverhead = 128;

uint64_t digestOf(std::string_view payload) {
  return XXH3_64bits(payload.data(), payload.size());
}

}  // namespace

Source::Source(const Options& options, Sink& sink, HeldMessages& held,
               std::optional<SourcePosition> position)
    : options_(options),
      sink_(sink),
      all_(held),
      position_(position),
      next_(position ? position->seq + 1 : 0) {}

Source::~Source() {
  dropHeld();
}

void Source::connected(uint64_t nowMs) {
  disconnected();
  connected_ = true;
  unsure_ = true;
  failures_ = 0;
  listen(nowMs);
  if (options_.canReplay) ask(nowMs);
}

void Source::disconnected() {
  connected_ = false;
  asked_.reset();
  dropHeld();
  newest_.reset();
  newestLive_.reset();
}

void Source::live(uint64_t seq, std::string_view payload, uint64_t nowMs) {
  if (seq > kSeqMax) {
    ++counts_.unreadable;
    return;
  }
  if (!connected_) connected(nowMs);
  listen(nowMs);
  // Of one process they ascend.
  if (newestLive_ && seq <= *newestLive_) restart();
  newestLive_ = seq;
  if (!asked_ && unsure_) {
    // There is no replay that could tell.
    if (seq < next_) restart();
    unsure_ = false;
  }
  newest_ = std::max(newest_.value_or(0), seq);
  if (asked_) return hold(seq, payload);
  if (seq < next_) {
    ++counts_.again;
    return;
  }
  if (seq > next_) {
    ++counts_.gaps;
    if (options_.canReplay) {
      hold(seq, payload);
      return ask(nowMs);
    }
    lose(seq - 1);
  }
  // A replay would bring the same bytes.
  if (!take(seq, payload, false)) lose(seq);
}

void Source::replayed(uint64_t seq, std::string_view payload, uint64_t nowMs) {
  if (!asked_ || seq > kSeqMax) return;
  asked_->deadlineMs = nowMs + options_.replayTimeoutMs;
  if (asked_->compares && seq < position_->seq) return;
  const bool first = !std::exchange(asked_->anything, true);
  if (std::exchange(asked_->compares, false)) {
    if (seq == position_->seq) {
      if (digestOf(payload) == position_->digest) {
        unsure_ = false;
        return;
      }
      restart();
      return ask(nowMs);
    }
    // It has no longer what we know it by.
    if (unsure_) {
      const Replay goesOn = *asked_;
      restart();
      asked_ = goesOn;
    }
  }
  unsure_ = false;
  newest_ = std::max(newest_.value_or(0), seq);
  if (seq < next_) {
    ++counts_.again;
    return;
  }
  if (std::exchange(asked_->afterSilence, false)) ++counts_.gaps;
  if (seq > next_) {
    if (!first) return hold(seq, payload);  // a hole: perhaps another replay has it
    lose(seq - 1);
  }
  if (!take(seq, payload, true)) lose(seq);
}

void Source::replayEnded(uint64_t nowMs) {
  if (!asked_) return;
  // An engine that we know keeps nothing for replays has lost nothing by that.
  if (asked_->compares && !asked_->afterSilence) {
    // It has not come as far as the message that we know.
    restart();
    return ask(nowMs);
  }
  unsure_ = false;
  settle(nowMs, true);
}

void Source::tick(uint64_t nowMs) {
  if (asked_ && nowMs >= asked_->deadlineMs) settle(nowMs, false);
  if (!connected_ || asked_ || nowMs < silentUntilMs_) return;
  silenceMs_ = std::min(2 * silenceMs_, options_.silenceMsMax);
  silentUntilMs_ = nowMs + silenceMs_;
  if (!options_.canReplay) return;
  ask(nowMs);
  asked_->afterSilence = true;
}

void Source::listen(uint64_t nowMs) {
  silenceMs_ = options_.silenceMs;
  silentUntilMs_ = nowMs + silenceMs_;
}

// A replay is over: what is still missing is asked for again, or lost. `whole`: its end came.
void Source::settle(uint64_t nowMs, bool whole) {
  const uint64_t before = asked_->nextAtStart;
  const bool answered = !unsure_;
  const bool afterSilence = asked_->afterSilence;
  if (!afterSilence) listen(nowMs);
  asked_.reset();
  if (answered) drain();
  if ((whole || afterSilence) && answered && (!newest_ || *newest_ < next_)) {
    failures_ = 0;
    return;
  }
  failures_ = next_ > before ? 0 : failures_ + 1;
  if (failures_ < options_.replayFailuresMax) return ask(nowMs);
  failures_ = 0;
  giveUp();
  if (newest_ && *newest_ >= next_) ask(nowMs);
}

void Source::giveUp() {
  if (!newest_) return;  // the next message that comes tells
  if (unsure_) {
    unsure_ = false;
    if (*newest_ < next_ || (!held_.empty() && held_.begin()->first < next_)) {
      auto held = std::exchange(held_, {});
      const size_t bytes = std::exchange(heldBytes_, 0);
      const auto newest = newest_;
      restart();
      held_ = std::move(held);
      heldBytes_ = bytes;
      newest_ = newest;
    }
  }
  if (*newest_ < next_) return;
  const uint64_t there = held_.empty() ? *newest_ + 1 : held_.begin()->first;
  if (there > next_) lose(there - 1);
  drain();
}

void Source::ask(uint64_t nowMs) {
  if (!position_) unsure_ = false;
  asked_ = Replay{.deadlineMs = nowMs + options_.replayTimeoutMs,
                  .compares = position_.has_value(),
                  .nextAtStart = next_};
  ++counts_.replays;
  sink_.askReplay(position_ ? position_->seq : 0);
}

bool Source::take(uint64_t seq, std::string_view payload, bool replayed) {
  if (!sink_.apply(seq, payload, replayed)) {
    ++counts_.unreadable;
    return false;
  }
  position_ = SourcePosition{seq, digestOf(payload)};
  next_ = seq + 1;
  ++counts_.messages;
  if (replayed) ++counts_.replayed;
  return true;
}

void Source::hold(uint64_t seq, std::string_view payload) {
  const size_t bytes = payload.size() + kHeldOverhead;
  if (heldBytes_ + bytes > HeldMessages::kOfOneMax ||
      all_.bytes + bytes > HeldMessages::kOfAllMax) {
    ++counts_.heldOver;  // a replay brings it
    return;
  }
  if (!held_.emplace(seq, payload).second) return;
  heldBytes_ += bytes;
  all_.bytes += bytes;
}

void Source::dropHeld() {
  all_.bytes -= heldBytes_;
  heldBytes_ = 0;
  held_.clear();
}

void Source::drain() {
  while (!held_.empty() && held_.begin()->first <= next_) {
    const auto first = held_.extract(held_.begin());
    const size_t bytes = first.mapped().size() + kHeldOverhead;
    heldBytes_ -= bytes;
    all_.bytes -= bytes;
    if (first.key() < next_) {
      ++counts_.again;
    } else if (!take(first.key(), first.mapped(), false)) {
      lose(first.key());
    }
  }
}

void Source::lose(uint64_t upTo) {
  counts_.lost += upTo - next_ + 1;
  sink_.lost(next_, upTo);
  next_ = upTo + 1;
}

void Source::restart() {
  ++counts_.restarts;
  sink_.restarted();
  position_.reset();
  next_ = 0;
  unsure_ = false;
  failures_ = 0;
  asked_.reset();
  dropHeld();
  newest_.reset();
}

}  // namespace holdfast::engines
