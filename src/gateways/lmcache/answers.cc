#include "gateways/lmcache/answers.h"

#include "core/check.h"

namespace holdfast::lmcache {

Answers::Slot Answers::open(const Inbound& request) {
  auto slot = std::make_shared<Pending>();
  slot->peer = {request.channel, request.identity};
  slot->delimiter = request.delimiter;
  lines_[slot->peer].push_back(slot);
  ++open_;
  return slot;
}

void Answers::give(const Slot& slot, std::string payload) {
  slot->payload = std::move(payload);
  const auto line = lines_.find(slot->peer);
  while (!line->second.empty() && line->second.front()->payload) {
    Pending& first = *line->second.front();
    ready_.push_back(
        {first.peer.first, first.peer.second, first.delimiter, std::move(*first.payload)});
    line->second.pop_front();
    --open_;
  }
  if (line->second.empty()) lines_.erase(line);
  if (open_ < kOpenMax) {
    room_.wakeAll();
  }
  if (ready_.empty() || std::exchange(flushing_, true)) return;
  // With whatever else this turn has to answer.
  tasks_->add(kj::evalLast([this]() { return flush(); }));
}

kj::Promise<void> Answers::flush() {
  if (ready_.empty()) {
    flushing_ = false;
    return kj::READY_NOW;
  }
  return send_(std::exchange(ready_, {})).then([this]() { return flush(); });
}

kj::Promise<void> Answers::room() {
  if (open_ < kOpenMax) return kj::READY_NOW;
  return room_.wait();
}

void Answers::taskFailed(kj::Exception&& exception) {
  HOLDFAST_CHECK(false, "answers could not be sent: %s", kj::str(exception).cStr());
}

}  // namespace holdfast::lmcache
