#include "serving/watch_event.h"

#include <algorithm>
#include <limits>

namespace holdfast {
namespace {

std::array<std::string WatchEvent::*, 6> textsOfEvent() {
  return {&WatchEvent::instance, &WatchEvent::location, &WatchEvent::address,
          &WatchEvent::model,    &WatchEvent::cause,    &WatchEvent::operationId};
}

}  // namespace

std::string_view nameOf(WatchKind kind) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "instanceUp", "instanceDown",     "instanceDrained", "instanceUndrained", "workerUp",
      "workerDown", "locationDiverged", "locationInSync",  "operationEnded"};
  return kNames[static_cast<size_t>(kind)];
}

PackedWatchEvent::PackedWatchEvent(const WatchEvent& event, uint64_t atMs)
    : atMs_(atMs),
      worker_(event.worker),
      kind_(event.kind),
      operation_(event.operation),
      forgotten_(event.forgotten),
      failed_(event.failed) {
  // Names and addresses are bounded far below it.
  constexpr size_t kBytesMax = std::numeric_limits<uint16_t>::max() / kTexts;
  size_t bytes = 0;
  for (const auto text : textsOfEvent()) bytes += std::min(kBytesMax, (event.*text).size());
  texts_.reserve(bytes);
  size_t n = 0;
  for (const auto text : textsOfEvent()) {
    texts_.append(event.*text, 0, kBytesMax);
    ends_[n++] = static_cast<uint16_t>(texts_.size());
  }
}

WatchEvent PackedWatchEvent::unpacked(uint64_t number) const {
  WatchEvent event{.kind = kind_,
                   .number = number,
                   .atMs = atMs_,
                   .worker = worker_,
                   .forgotten = forgotten_,
                   .operation = operation_,
                   .failed = failed_};
  size_t begin = 0;
  size_t n = 0;
  for (const auto text : textsOfEvent()) {
    const size_t end = ends_[n++];
    event.*text = texts_.substr(begin, end - begin);
    begin = end;
  }
  return event;
}

}  // namespace holdfast
