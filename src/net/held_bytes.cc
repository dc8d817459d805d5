#include "net/held_bytes.h"

#include <algorithm>
#include <utility>

namespace holdfast {

HeldBytes::Share::Share(HeldBytes& all, Over over)
    : all_(all), over_(std::move(over)), place_(all.shares_.size()) {
  all_.shares_.push_back(this);
}

HeldBytes::Share::~Share() {
  if (!cut_) all_.total_ -= bytes_;
  // The last one takes its place.
  all_.shares_[place_] = all_.shares_.back();
  all_.shares_[place_]->place_ = place_;
  all_.shares_.pop_back();
}

size_t HeldBytes::Share::completed(size_t rest) {
  const size_t whole = partial_ - std::min(partial_, rest);
  partial_ -= whole;
  shrink(whole);
  return whole;
}

void HeldBytes::Share::setAnswers(size_t bytes) {
  const size_t before = std::exchange(answers_, bytes);
  if (bytes > before) grow(bytes - before);
  if (bytes < before) shrink(before - bytes);
}

void HeldBytes::Share::grow(size_t bytes) {
  bytes_ += bytes;
  if (cut_) return;
  all_.total_ += bytes;
  if (bytes_ > all_.limits_.each) return cut(ConnectionEnd::kHeldTooMuch);
  if (all_.total_ > all_.limits_.all) all_.cutMost();
}

void HeldBytes::Share::shrink(size_t bytes) {
  bytes_ -= bytes;
  if (!cut_) all_.total_ -= bytes;
}

void HeldBytes::Share::cut(ConnectionEnd why) {
  cut_ = true;
  all_.total_ -= bytes_;
  if (over_) over_(why, bytes_);
}

void HeldBytes::cutMost() {
  // Those that were told to go do so within a few turns.
  const auto most = std::max_element(shares_.begin(), shares_.end(), [](Share* a, Share* b) {
    return (a->cut_ ? size_t{0} : a->bytes_) < (b->cut_ ? size_t{0} : b->bytes_);
  });
  if (most != shares_.end() && !(*most)->cut_) (*most)->cut(ConnectionEnd::kHeldMost);
}

}  // namespace holdfast
