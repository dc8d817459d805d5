#include "capture/environment.h"

#include <utility>

namespace holdfast {

Environment::Environment(const Clock& clock, RegistryStore& store, std::function<uint64_t()> random)
    : outsideClock_(clock),
      outsideStore_(store),
      random_(std::move(random)),
      health_(store.health()) {
  begin();
}

void Environment::begin() {
  if (!timeHeld_) {
    answers_.steadyMs = outsideClock_.steadyMs();
    answers_.wallMs = outsideClock_.wallMs();
    answers_.storeMs = outsideClock_.storeMs();
  }
  answers_.noRoom = false;
  answers_.drawn.clear();
}

uint64_t Environment::random() {
  return answers_.drawn.emplace_back(random_());
}

OwnerId Environment::InputStore::claim() {
  return environment_.outsideStore_.claim();
}

bool Environment::InputStore::hasRoom(size_t bytes) const {
  const bool room = environment_.outsideStore_.hasRoom(bytes);
  environment_.answers_.noRoom |= !room;
  return room;
}

Ticket Environment::InputStore::append(const ReportRecord& report) {
  return environment_.outsideStore_.append(report);
}

Ticket Environment::InputStore::append(const BatchRecord& batch) {
  return environment_.outsideStore_.append(batch);
}

Ticket Environment::InputStore::write(StoreBatch batch) {
  return environment_.outsideStore_.write(std::move(batch));
}

void Environment::InputStore::fold(const FoldRequest& request) {
  environment_.outsideStore_.fold(request);
}

void Environment::InputStore::poll(StoreListener& listener) {
  environment_.outsideStore_.poll(listener);
}

void Environment::InputStore::recover(RecoverySink& sink) {
  environment_.outsideStore_.recover(sink);
}

}  // namespace holdfast
