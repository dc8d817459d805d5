#include "core/outside.h"

#include <utility>

namespace holdfast {

Outside::Outside(const Clock& clock, RegistryStore& store, std::function<uint64_t()> random)
    : realClock_(clock), realStore_(store), random_(std::move(random)), health_(store.health()) {
  begin();
}

void Outside::begin() {
  if (!timeHeld_) {
    answers_.steadyMs = realClock_.steadyMs();
    answers_.wallMs = realClock_.wallMs();
    answers_.storeMs = realClock_.storeMs();
  }
  answers_.noRoom = false;
  answers_.drawn.clear();
}

uint64_t Outside::random() {
  return answers_.drawn.emplace_back(random_());
}

OwnerId Outside::InputStore::claim() {
  return outside_.realStore_.claim();
}

bool Outside::InputStore::hasRoom(size_t bytes) const {
  const bool room = outside_.realStore_.hasRoom(bytes);
  outside_.answers_.noRoom |= !room;
  return room;
}

Ticket Outside::InputStore::append(const ReportRecord& report) {
  return outside_.realStore_.append(report);
}

Ticket Outside::InputStore::append(const BatchRecord& batch) {
  return outside_.realStore_.append(batch);
}

Ticket Outside::InputStore::write(StoreBatch batch) {
  return outside_.realStore_.write(std::move(batch));
}

void Outside::InputStore::fold(const FoldRequest& request) {
  outside_.realStore_.fold(request);
}

void Outside::InputStore::poll(StoreListener& listener) {
  outside_.realStore_.poll(listener);
}

void Outside::InputStore::recover(RecoverySink& sink) {
  outside_.realStore_.recover(sink);
}

}  // namespace holdfast
