#include "net/read_budget.h"

namespace holdfast {

bool ReadBudget::hasRoom() {
  turns_.observe();
  if (timer_.now() != turn_) {
    turn_ = timer_.now();
    spent_ = 0;
  }
  return spent_ < kBytesPerTurn;
}

kj::Promise<void> ReadBudget::enter(Queue& queue, size_t known) {
  auto paf = kj::newPromiseAndFulfiller<void>();
  queue.push_back({kj::mv(paf.fulfiller), known});
  beginToServe();
  return kj::mv(paf.promise);
}

kj::Promise<void> ReadBudget::ready(size_t known) {
  return enter(reading_, known);
}

kj::Promise<void> ReadBudget::readyToAnswer() {
  return enter(asking_, kBytesPerTurn);
}

kj::Promise<void> ReadBudget::readyToWork() {
  auto paf = kj::newPromiseAndFulfiller<void>();
  work_ = kj::mv(paf.fulfiller);
  beginToServe();
  return kj::mv(paf.promise);
}

void ReadBudget::spent(size_t bytes) {
  hasRoom();
  spent_ += bytes;
}

void ReadBudget::beginToServe() {
  if (serving_) return;
  serving_ = true;
  service_ = kj::evalLast([this]() { return serve(); }).eagerlyEvaluate(nullptr);
}

// One after the other, each when what the one before led to is done, since what that spends is not
// known before.
kj::Promise<void> ReadBudget::serve() {
  for (Queue* const queue : {&reading_, &asking_}) {
    while (!queue->empty() && !queue->front().fulfiller->isWaiting()) {
      queue->pop_front();  // its connection has ended meanwhile
    }
  }
  if (reading_.empty() && asking_.empty() && work_.get() == nullptr) {
    serving_ = false;
    return kj::READY_NOW;
  }
  if (hasRoom() && release()) return kj::evalLast([this]() { return serve(); });
  return timer_.afterDelay(1 * kj::NANOSECONDS).then([this]() {
    return kj::evalLast([this]() { return serve(); });
  });
}

bool ReadBudget::release() {
  const bool crowded = turns_.moreToReport();
  const bool reads = !reading_.empty() && !crowded;
  const bool waited = reads || !asking_.empty();
  if (work_.get() != nullptr && !crowded && spent_ == 0 && (!waited || !workedLast_)) {
    workedLast_ = true;
    spent_ = kBytesPerTurn;
    // Taken out: kj::mv(work_)->fulfill() would leave it where it is, and serve() would never end.
    kj::Own<kj::PromiseFulfiller<void>> work = kj::mv(work_);
    work->fulfill();
    return true;
  }
  if (!waited) return false;
  workedLast_ = false;
  answeredLast_ = !asking_.empty() && (!reads || !answeredLast_);
  Queue& queue = answeredLast_ ? asking_ : reading_;
  Waiting next = kj::mv(queue.front());
  queue.pop_front();
  spent_ += next.known;
  next.fulfiller->fulfill();
  return true;
}

}  // namespace holdfast
