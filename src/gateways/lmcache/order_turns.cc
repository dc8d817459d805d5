#include "gateways/lmcache/order_turns.h"

namespace holdfast::lmcache {

bool OrderTurns::isFull(const std::string& worker) const {
  const auto line = lines_.find(worker);
  return line != lines_.end() && line->second.places.size() >= limits_.perWorker;
}

OrderTurns::Place::Place(OrderTurns& turns, const std::string& worker)
    : turns_(turns), line_(turns.lines_.try_emplace(worker).first) {
  auto paf = kj::newPromiseAndFulfiller<void>();
  begin_ = kj::mv(paf.fulfiller);
  turn_ = kj::mv(paf.promise);
  auto& places = line_->second.places;
  inLine_ = places.insert(places.end(), this);
  if (places.size() > 1) return;
  turns_.next_.push_back(this);
  turns_.go();
}

OrderTurns::Place::~Place() {
  auto& places = line_->second.places;
  const bool wasFirst = places.front() == this;
  places.erase(inLine_);
  if (turns_.weighing_ == this) turns_.weighing_ = nullptr;
  if (begun_) {
    --turns_.underWay_;
    turns_.bytesUnderWay_ -= bytes_;
  } else if (wasFirst) {
    turns_.next_.remove(this);
  }
  if (places.empty()) {
    turns_.lines_.erase(line_);
  } else if (wasFirst) {
    turns_.next_.push_back(places.front());
  }
  turns_.go();
}

void OrderTurns::Place::weighs(size_t bytes) {
  bytes_ = bytes;
  turns_.bytesUnderWay_ += bytes;
  turns_.weighing_ = nullptr;
  turns_.go();
}

void OrderTurns::go() {
  if (next_.empty() || weighing_ != nullptr || underWay_ >= limits_.underWay ||
      bytesUnderWay_ >= limits_.bytesUnderWay) {
    return;
  }
  Place& place = *next_.front();
  next_.pop_front();
  place.begun_ = true;
  ++underWay_;
  weighing_ = &place;
  place.begin_->fulfill();
}

}  // namespace holdfast::lmcache
