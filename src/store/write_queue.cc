#include "store/write_queue.h"

#include <algorithm>
#include <cstring>

#include "format/contents.h"

namespace holdfast {
namespace {

// A block is also what is committed as one group.
constexpr size_t kBlockWords = (size_t{1} << 20) / sizeof(uint64_t);
// Blocks kept for the next burst; the rest is freed.
constexpr size_t kSpareBlocksMax = 16;
// What a step of a batch counts besides its strings.
constexpr size_t kStepBytes = 256;

size_t bytesOf(const QueuedWrite& write) {
  switch (write.kind) {
    case QueuedWrite::Kind::kReport:
    case QueuedWrite::Kind::kSyncBatch:
      return sizeof(QueuedWrite) + write.words * sizeof(uint64_t);
    case QueuedWrite::Kind::kBatch:
      return sizeof(QueuedWrite) + write.steps * kStepBytes;
    case QueuedWrite::Kind::kFold:
    case QueuedWrite::Kind::kCheckpoint:
      break;
  }
  return sizeof(QueuedWrite);
}

}  // namespace

QueueBlock::QueueBlock(size_t words) : words_(new uint64_t[words]()), capacity_(words) {}

std::span<uint64_t> QueueBlock::allocate(size_t words) {
  const std::span<uint64_t> taken(words_.get() + used_, words);
  used_ += words;
  return taken;
}

void QueueBlock::clear() {
  std::memset(words_.get(), 0, used_ * sizeof(uint64_t));
  used_ = 0;
  writes.clear();
  batches.clear();
  folds.clear();
  place.reset();
}

QueueBlock& WriteQueue::blockFor(size_t words) {
  if (blocks_.empty() || !blocks_.back()->fits(words)) {
    if (words <= kBlockWords && !spares_.empty()) {
      blocks_.push_back(std::move(spares_.back()));
      spares_.pop_back();
    } else {
      blocks_.push_back(std::make_unique<QueueBlock>(std::max(words, kBlockWords)));
    }
  }
  return *blocks_.back();
}

void WriteQueue::added(size_t bytes) {
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (waiting_) {
    waiting_ = false;
    woken_ = true;
    wakened_.notifyOne();
  }
}

void WriteQueue::added(QueueBlock& block, const QueuedWrite& write) {
  block.writes.push_back(write);
  if (place_ && write.ticket != 0) block.place = place_;
  added(bytesOf(write));
}

template <typename Encode>
void WriteQueue::append(QueuedWrite write, size_t words, Encode encode) {
  write.words = static_cast<uint32_t>(words);
  const MutexLock lock(mutex_);
  QueueBlock& block = blockFor(words);
  const std::span<uint64_t> value = block.allocate(words);
  encode(value);
  write.at = static_cast<uint32_t>(value.data() - block.start());
  added(block, write);
}

void WriteQueue::append(Ticket ticket, const ReportRecord& report) {
  QueuedWrite write;
  write.kind = QueuedWrite::Kind::kReport;
  write.owner = report.owner;
  write.location = report.location;
  write.generation = report.generation;
  write.stream = report.stream;
  write.firstSeq = report.firstSeq;
  write.operations = static_cast<uint32_t>(report.operations.size());
  write.ticket = ticket;
  append(write, journalWords(report.operations),
         [&](std::span<uint64_t> value) { encodeJournal(report, value); });
}

void WriteQueue::append(Ticket ticket, const BatchRecord& batch) {
  QueuedWrite write;
  write.kind = QueuedWrite::Kind::kSyncBatch;
  write.owner = batch.owner;
  write.location = batch.location;
  write.generation = batch.generation;
  write.number = batch.number;
  write.ticket = ticket;
  append(write, batchWords(batch.keys.size()),
         [&](std::span<uint64_t> value) { encodeBatch(batch, value); });
}

void WriteQueue::append(Ticket ticket, StoreBatch batch) {
  QueuedWrite write;
  write.kind = QueuedWrite::Kind::kBatch;
  write.ticket = ticket;
  write.steps = static_cast<uint32_t>(batch.steps.size());
  const MutexLock lock(mutex_);
  QueueBlock& block = blockFor(0);
  write.at = static_cast<uint32_t>(block.batches.size());
  block.batches.push_back(std::move(batch));
  added(block, write);
}

void WriteQueue::append(const FoldRequest& request) {
  QueuedWrite write;
  write.kind = QueuedWrite::Kind::kFold;
  const MutexLock lock(mutex_);
  QueueBlock& block = blockFor(0);
  write.at = static_cast<uint32_t>(block.folds.size());
  block.folds.push_back(request);
  added(block, write);
}

void WriteQueue::appendCheckpoint(CheckpointRequest request) {
  QueuedWrite write;
  write.kind = QueuedWrite::Kind::kCheckpoint;
  auto block = std::make_unique<QueueBlock>(0);
  block->checkpoint = std::move(request);
  block->sealed = true;
  block->writes.push_back(write);
  const MutexLock lock(mutex_);
  blocks_.push_back(std::move(block));
  added(bytesOf(write));
}

std::unique_ptr<QueueBlock> WriteQueue::take() {
  const MutexLock lock(mutex_);
  if (blocks_.empty() || blocks_.front()->writes.empty()) return nullptr;
  std::unique_ptr<QueueBlock> block = std::move(blocks_.front());
  blocks_.pop_front();
  return block;
}

void WriteQueue::giveBack(std::unique_ptr<QueueBlock> block) {
  if (block->capacity() != kBlockWords) return;
  block->clear();
  const MutexLock lock(mutex_);
  if (spares_.size() < kSpareBlocksMax) spares_.push_back(std::move(block));
}

void WriteQueue::committed(const QueuedWrite& write) {
  bytes_.fetch_sub(bytesOf(write), std::memory_order_relaxed);
}

void WriteQueue::wait(std::chrono::milliseconds timeMax) {
  const MutexLock lock(mutex_);
  if (woken_ || (!blocks_.empty() && !blocks_.front()->writes.empty())) {
    woken_ = false;
    return;
  }
  waiting_ = true;
  const auto until = std::chrono::steady_clock::now() + timeMax;
  while (!woken_ && wakened_.waitUntil(mutex_, until)) {
  }
  waiting_ = false;
  woken_ = false;
}

void WriteQueue::wake() {
  const MutexLock lock(mutex_);
  woken_ = true;
  wakened_.notifyOne();
}

}  // namespace holdfast
