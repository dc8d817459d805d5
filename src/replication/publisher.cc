#include "replication/publisher.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace holdfast::replication {
namespace {

// Beats and retirements whose acknowledgement is awaited; one that comes later is of a record that
// is fetched.
constexpr size_t kAnnouncedMax = 256;

}  // namespace

Publisher::Publisher(Log& log, LogPosition from, PublisherOptions options)
    : log_(log),
      options_(options),
      rule_(from.at),
      read_(from.sequence),
      last_(from.sequence),
      nextIndex_(from.at.index + 1) {}

bool Publisher::hasRoom(size_t bytes) const {
  return frames_.empty() ||
         (bytes_ + bytes <= options_.windowBytes && frames_.size() < options_.windowRecords);
}

void Publisher::publish(std::vector<std::string> frames, uint64_t nowMs) {
  if (ended()) return;
  for (std::string& bytes : frames) {
    bytes_ += bytes.size();
    frames_.push_back({.bytes = std::move(bytes)});
    frames_.back().publishedMs = nowMs;
    ++nextIndex_;
    if (refusal_.empty()) {
      append(frames_.back(), nowMs);
    } else {
      frames_.back().again = true;
    }
  }
}

AppendId Publisher::announce(const std::string& record) {
  if (ended()) return 0;
  if (announced_.size() == kAnnouncedMax) announced_.pop_front();
  announced_.push_back(log_.append(record));
  return announced_.back();
}

void Publisher::append(Sent& frame, uint64_t nowMs) {
  frame.id = log_.append(frame.bytes);
  frame.after = last_;
  frame.sentMs = nowMs;
  frame.placed = frame.again = false;
}

void Publisher::appendAgain(uint64_t nowMs) {
  if (!refusal_.empty() && nowMs < notBeforeMs_) return;
  for (Sent& frame : frames_) {
    if (frame.again) {
      ++repeated_;
      append(frame, nowMs);
    }
    if (!refusal_.empty()) return;
  }
}

std::optional<uint64_t> Publisher::waitingSinceMs() const {
  if (frames_.empty()) return std::nullopt;
  return frames_.front().publishedMs;
}

Publisher::Sent* Publisher::frame(uint64_t index) {
  const uint64_t first = rule_.at().index + 1;
  return index >= first && index - first < frames_.size() ? &frames_[index - first] : nullptr;
}

uint64_t Publisher::indexOf(AppendId id) const {
  uint64_t index = rule_.at().index;
  for (const Sent& frame : frames_) {
    ++index;
    if (frame.id == id) return index;
  }
  return 0;
}

void Publisher::onAppended(AppendId id, LogSequence sequence, uint64_t nowMs) {
  if (ended()) return;
  if (const auto announced = std::find(announced_.begin(), announced_.end(), id);
      announced != announced_.end()) {
    announced_.erase(announced);
    if (sequence > read_) placed_[sequence] = {.index = 0, .id = id, .acknowledgedMs = nowMs};
  } else if (const uint64_t index = indexOf(id); index != 0) {
    Sent* const sent = frame(index);
    if (sent == &frames_.front()) refusal_.clear();
    if (sequence <= sent->after) {
      return fail("a record was acknowledged under sequence " + std::to_string(sequence) +
                  ", although the log had " + std::to_string(sent->after) + " before it");
    }
    if (sequence > read_) {
      sent->placed = true;
      sent->again = false;
      placed_[sequence] = {.index = index, .id = id, .acknowledgedMs = nowMs};
    } else {
      sent->again = true;  // it was fetched meanwhile, and void
    }
  }
  // Of an earlier time that a record was appended nothing is known but that the log is so long.
  if (sequence > last_) {
    last_ = sequence;
    lastMs_ = nowMs;
  }
  readOn(nowMs);
}

void Publisher::onAppendUnknown(AppendId id, const Error& why, uint64_t nowMs) {
  std::erase(announced_, id);
  Sent* const sent = frame(indexOf(id));
  if (sent == nullptr) return;
  // Whatever is wrong may last.
  sent->again = true;
  refusal_ = why.message.empty() ? "no reason" : why.message;
  notBeforeMs_ = nowMs + options_.refusedMs;
}

void Publisher::onFetched(LogSequence sequence, std::string_view bytes, uint64_t nowMs) {
  if (ended() || sequence != fetching_) return;
  fetching_ = 0;
  ++fetched_;
  // Its acknowledgement may have come meanwhile.
  if (sequence == read_ + 1 && !placed_.contains(sequence)) {
    read_ = sequence;
    readForeign(bytes);
  }
  readOn(nowMs);
}

void Publisher::tick(uint64_t nowMs) {
  if (ended()) return;
  const auto silent = [&](uint64_t sinceMs) { return nowMs >= sinceMs + options_.silenceMsMax; };
  if (fetching_ != 0 && silent(fetchingSinceMs_)) fetchNext(nowMs);
  // The first one alone: when it is acknowledged it is plain what is missing of the others.
  if (!frames_.empty() && !frames_.front().placed && silent(frames_.front().sentMs)) {
    frames_.front().again = true;
  }
  appendAgain(nowMs);
}

std::vector<LogPosition> Publisher::takeConfirmed() {
  return std::exchange(confirmed_, {});
}

void Publisher::readOn(uint64_t nowMs) {
  while (!ended() && read_ < last_) {
    const auto next = placed_.begin();
    if (next == placed_.end() || next->first != read_ + 1) {
      if (fetching_ == 0) fetchNext(nowMs);
      break;
    }
    const Placed record = next->second;
    placed_.erase(next);
    ++read_;
    readOwn(record);
  }
  if (ended()) return;
  if (read_ == last_) ledMs_ = std::max(ledMs_, lastMs_);
  appendAgain(nowMs);
}

void Publisher::readOwn(const Placed& record) {
  ledMs_ = std::max(ledMs_, record.acknowledgedMs);
  if (record.index != 0) {
    readHead({RecordHead::Kind::kFrame, {rule_.at().epoch, record.index}});
    Sent* const left = frame(record.index);
    if (left != nullptr && left->id == record.id) {
      left->placed = false;
      left->again = true;  // it was void
    }
  }
  missing(record.id);
}

// What was appended before a record that is read now, and was not read before it, is lost or late.
void Publisher::missing(AppendId before) {
  for (Sent& frame : frames_) {
    if (frame.id < before && !frame.placed) frame.again = true;
  }
}

void Publisher::readForeign(std::string_view bytes) {
  const auto record = decoder_.decode(bytes);
  if (!record) return;
  const RecordHead head = headOf(*record);
  if (rule_.isOfAnotherLog(head)) return fail(rule_.ofAnotherLog(read_, head));
  const LogPoint next{rule_.at().epoch, rule_.at().index + 1};
  if (head.kind == RecordHead::Kind::kFrame && head.at == next &&
      (frames_.empty() || frames_.front().bytes != bytes)) {
    return fail("sequence " + std::to_string(read_) + " has frame " + std::to_string(next.index) +
                " of this controller's epoch, which it did not write");
  }
  readHead(head);
  if (head.kind == RecordHead::Kind::kTakeOver && rule_.at().epoch != next.epoch) {
    deposed_ = std::get<TakeOver>(*record);
  }
}

void Publisher::readHead(const RecordHead& head) {
  if (!rule_.take(head) || head.kind != RecordHead::Kind::kFrame) return;
  confirmed_.push_back(read());
  refusal_.clear();
  bytes_ -= frames_.front().bytes.size();
  frames_.pop_front();
}

void Publisher::fetchNext(uint64_t nowMs) {
  fetching_ = read_ + 1;
  fetchingSinceMs_ = nowMs;
  log_.fetch(fetching_);
}

void Publisher::fail(std::string why) {
  failure_ = Error{ErrorCode::kUnavailable,
                   std::move(why) +
                       ": the log was cut or made anew, or its servers' copies differ; nothing is "
                       "written to it any more"};
}

}  // namespace holdfast::replication
