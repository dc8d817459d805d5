#include "core/registry/kept_digests.h"

#include "core/check.h"
#include "core/registry/registry_tree.h"

namespace holdfast {

void KeptDigests::mark(Location& location) {
  HOLDFAST_CHECK(location.share.mark == 0, "a location is marked twice");
  if (marked_.size() < kMarkedMax) {
    marked_.push_back(&location);
    location.share.mark = marked_.size();
    return;
  }
  Location*& place = marked_[next_];
  renew(*place);
  place->share.mark = 0;
  place = &location;
  location.share.mark = next_ + 1;
  next_ = (next_ + 1) % kMarkedMax;
}

void KeptDigests::drop(Location& location) {
  DigestShare& share = location.share;
  content_ -= share.content;
  state_ -= share.state;
  if (share.mark != 0) {
    Location* const last = marked_.back();
    marked_[share.mark - 1] = last;
    last->share.mark = share.mark;
    marked_.pop_back();
    if (next_ >= marked_.size()) next_ = 0;
  }
  share = {};
}

void KeptDigests::renew(Location& location) {
  const Worker& worker = *location.worker;
  const std::string& instance = worker.record.instance;
  const std::string& name = location.record.name;
  const LivePart& live = location.record.live;
  DigestShare& share = location.share;
  content_ -= share.content;
  state_ -= share.state;
  share.content = share.state = {};
  if (location.count != 0 && !live.hidden) {
    share.content.addContent(instance, worker.record.worker, name, location.count, location.digest);
  }
  share.state.addState(instance, worker.record.worker, name, location.count, location.digest,
                       live.incarnation, location.lastSeq);
  content_ += share.content;
  state_ += share.state;
}

void KeptDigests::renewMarked() {
  for (Location* location : marked_) {
    renew(*location);
    location->share.mark = 0;
  }
  marked_.clear();
  next_ = 0;
}

RegistryDigest KeptDigests::content() {
  renewMarked();
  return content_;
}

RegistryDigest KeptDigests::state() {
  renewMarked();
  return state_;
}

}  // namespace holdfast
