#include "client/controller_ring.h"

#include <algorithm>
#include <utility>

namespace holdfast {

ControllerRing::ControllerRing(std::vector<std::string> addresses, Backoff backoff,
                               std::function<uint64_t()> random)
    : backoff_(backoff), random_(std::move(random)) {
  for (std::string& address : addresses) places_.push_back({.address = std::move(address)});
  for (size_t left = places_.size(); left > 1; --left) {
    std::swap(places_[left - 1], places_[random_() % left]);
  }
}

void ControllerRing::established() {
  for (Place& place : places_) {
    place.notBeforeMs = 0;
    place.backoffMs = 0;
    place.away = false;
    place.refusal.reset();
    place.sendsTo.reset();
  }
  inVain_ = 0;
  told_.reset();
  followed_ = false;
  scatters_ = places_.size() > 1;
}

void ControllerRing::wait(Place& place, uint64_t nowMs) {
  const uint32_t ceiling = std::max(1u, std::min(backoff_.maxMs, limitMs_));
  const uint32_t ms = std::clamp(place.backoffMs, std::min(backoff_.minMs, ceiling), ceiling);
  place.backoffMs = ms > ceiling / 2 ? ceiling : ms * 2;
  place.notBeforeMs = nowMs + ms / 2 + random_() % (ms - ms / 2 + 1);
  ++inVain_;
}

ControllerRing::Place& ControllerRing::tried(uint64_t nowMs) {
  Place& place = places_[current_];
  wait(place, nowMs);
  place.away = false;
  place.refusal.reset();
  place.sendsTo.reset();
  return place;
}

void ControllerRing::failed(uint64_t nowMs) {
  tried(nowMs).away = true;
}

void ControllerRing::refused(uint64_t nowMs, std::string why) {
  tried(nowMs).refusal = std::move(why);
}

void ControllerRing::sentOn(uint64_t nowMs, std::string_view leader) {
  Place& here = tried(nowMs);
  const auto place = placeOf(leader);
  if (!place || *place == current_) return;
  here.sendsTo = place;
  if (followed_) return;
  const Place& there = places_[*place];
  if ((there.away || there.refusal) && there.notBeforeMs > nowMs) return;
  told_ = place;
}

std::optional<std::string> ControllerRing::refusedByAll() const {
  if (places_.size() == 1) return places_[0].refusal;
  std::string all;
  for (const Place& place : places_) {
    const Place* const leader = place.sendsTo ? &places_[*place.sendsTo] : nullptr;
    if (!place.refusal && (leader == nullptr || !leader->refusal)) return std::nullopt;
    all += (all.empty() ? "" : "; ") + place.address;
    all += place.refusal ? ": " + *place.refusal : " sends on to " + leader->address;
  }
  return all;
}

std::optional<size_t> ControllerRing::placeOf(std::string_view address) const {
  for (size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].address == address) return i;
  }
  return std::nullopt;
}

// The next one whose wait is over, else the one whose wait is over first.
size_t ControllerRing::soonest(uint64_t nowMs) const {
  size_t best = current_;
  for (size_t step = 1; step <= places_.size(); ++step) {
    const size_t at = (current_ + step) % places_.size();
    if (places_[at].notBeforeMs <= nowMs) return at;
    if (places_[at].notBeforeMs < places_[best].notBeforeMs) best = at;
  }
  return best;
}

uint32_t ControllerRing::next(uint64_t nowMs) {
  const uint64_t scatterMs =
      std::exchange(scatters_, false) ? random_() % (uint64_t{backoff_.minMs} + 1) : 0;
  followed_ = told_.has_value();
  if (told_) {
    current_ = *std::exchange(told_, std::nullopt);
    return static_cast<uint32_t>(scatterMs);
  }
  current_ = soonest(nowMs);
  const uint64_t readyMs = places_[current_].notBeforeMs;
  const uint64_t waitMs = readyMs > nowMs ? readyMs - nowMs : 0;
  return static_cast<uint32_t>(std::max(waitMs, scatterMs));
}

}  // namespace holdfast
