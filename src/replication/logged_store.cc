// Longer than most: a queue from its one end to the other, whose blocks are nobody else's.
#include "replication/logged_store.h"

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>

#include "core/check.h"
#include "core/replica/replica.h"
#include "format/contents.h"
#include "replication/records.h"

namespace holdfast::replication {
namespace {

// What a write or a step counts besides its keys.
constexpr size_t kEachBytes = 64;
constexpr size_t kStepBytes = 512;

size_t bytesOf(const StoreBatch& batch) {
  size_t bytes = kEachBytes + batch.steps.size() * kStepBytes;
  for (const StoreStep& step : batch.steps) {
    if (const auto* put = std::get_if<PutPins>(&step)) bytes += put->chunks.size() * 8;
    if (const auto* drop = std::get_if<DropPins>(&step)) bytes += drop->chunks.size() * 8;
  }
  return bytes;
}

// Learns the owners' names on their way to the sink.
class NamingSink final : public RecoverySink {
 public:
  NamingSink(RecoverySink& to, std::function<void(OwnerId, OwnerName)> name)
      : to_(to), name_(std::move(name)) {}

  void begin(const RecoverySummary& summary) override { to_.begin(summary); }
  void event(EventRecord record) override { to_.event(std::move(record)); }
  void instance(OwnerId owner, const InstanceRecord& record) override {
    name_(owner, {record.instance, {}});
    to_.instance(owner, record);
  }
  void worker(OwnerId owner, const WorkerRecord& record,
              const std::vector<LocationRecord>& locations) override {
    name_(owner, {record.instance, record.worker});
    to_.worker(owner, record, locations);
  }
  void segment(OwnerId owner, uint16_t location, std::span<const ChunkHash> keys) override {
    to_.segment(owner, location, keys);
  }
  void journal(OwnerId owner, uint16_t location, const JournalEntry& entry) override {
    to_.journal(owner, location, entry);
  }
  void batch(OwnerId owner, uint16_t location, uint32_t number,
             std::span<const ChunkHash> keys) override {
    to_.batch(owner, location, number, keys);
  }
  void buildingJournal(OwnerId owner, uint16_t location, const JournalEntry& entry) override {
    to_.buildingJournal(owner, location, entry);
  }
  void pins(OwnerId owner, uint16_t location, const PinRecord& record,
            std::span<const ChunkHash> chunks) override {
    to_.pins(owner, location, record, chunks);
  }
  void behind(OwnerId owner, uint16_t location, uint64_t confirmedSeq) override {
    to_.behind(owner, location, confirmedSeq);
  }
  void finish(OwnerId owner) override { to_.finish(owner); }
  void damaged(OwnerId owner, const std::string& instance, bool isWorker, uint32_t worker,
               const std::string& reason) override {
    name_(owner, {instance, isWorker ? std::optional(worker) : std::nullopt});
    to_.damaged(owner, instance, isWorker, worker, reason);
  }

 private:
  RecoverySink& to_;
  const std::function<void(OwnerId, OwnerName)> name_;
};

// Says what the own store says, but of its health only that it is another one.
class WithoutHealth final : public StoreListener {
 public:
  explicit WithoutHealth(StoreListener& to) : to_(to) {}
  void onCommitted(Ticket upTo) override { to_.onCommitted(upTo); }
  void onFolded(const FoldResult& result) override { to_.onFolded(result); }
  void onHealth(const StoreHealth&) override { changed = true; }
  bool changed = false;

 private:
  StoreListener& to_;
};

}  // namespace

// Writes that become one batch of the log, and what of the own store comes between and behind them.
struct LoggedStore::Block {
  std::vector<Item> items;
  std::vector<uint64_t> words;  // records of reports and of batches of full syncs
  std::vector<OwnerName> owners;
  std::unordered_map<OwnerId, uint32_t> placeOf;  // in `owners`
  std::vector<LoggedWrite> batches;               // the log's form of StoreBatches, until published
  size_t bytes = 0;
  uint32_t logged = 0;  // items that the log has
  uint64_t last = 0;    // index of its last frame; 0: not published

  void clear() {
    items.clear();
    words.clear();
    owners.clear();
    placeOf.clear();
    batches.clear();
    bytes = logged = 0;
    last = 0;
  }
};

LoggedStore::LoggedStore(PlacedStore& own, const Clock& clock, LoggedStoreOptions options)
    : own_(own), clock_(clock), options_(std::move(options)), writable_(own.health().writable) {}

LoggedStore::~LoggedStore() = default;

void LoggedStore::lead(Log& log, std::string identity, LogPosition from) {
  HOLDFAST_CHECK(!leads(), "it leads already");
  publisher_ = std::make_unique<Publisher>(log, from, options_.publisher);
  leadingSinceMs_ = clock_.steadyMs();
  // So that a copy of this store has it, whatever is written next.
  note(placeAt(std::move(identity), from));
}

void LoggedStore::note(LogPlace place) {
  HOLDFAST_CHECK(quiet(), "a place behind what is queued");
  place_ = std::move(place);
  own_.reach(place_);
  ++queued_;
  handedOn(own_.write({}));
}

std::optional<Error> LoggedStore::ended() const {
  if (!leads()) return std::nullopt;
  if (publisher_->failure()) return publisher_->failure();
  if (!publisher_->deposed()) return std::nullopt;
  const TakeOver& by = publisher_->deposedBy();
  return Error{ErrorCode::kUnavailable, "node '" + by.node + "' at " + by.address +
                                            " leads the group now; nothing that it does not have "
                                            "was confirmed"};
}

// --- what is written ---

bool LoggedStore::hasRoom(size_t bytes) const {
  return own_.hasRoom(bytes_ + bytes) && (bytes_ == 0 || bytes_ + bytes <= options_.queueBytes);
}

LoggedStore::Block& LoggedStore::open() {
  if (!blocks_.empty() && published_ < blocks_.size() &&
      blocks_.back()->bytes < options_.blockBytes) {
    return *blocks_.back();
  }
  blocks_.push_back(spare_ ? std::move(spare_) : std::make_unique<Block>());
  if (options_.notify) options_.notify();
  return *blocks_.back();
}

void LoggedStore::add(Block& block, Item item, size_t bytes) {
  block.items.push_back(std::move(item));
  ++block.logged;
  block.bytes += bytes;
  bytes_ += bytes;
  if (block.bytes >= options_.blockBytes) publish();
}

template <typename Logged, typename Record>
Ticket LoggedStore::append(const Record& record, Logged logged, size_t words) {
  Block& block = open();
  const size_t at = block.words.size();
  block.words.resize(at + words);
  const std::span<uint64_t> value(block.words.data() + at, words);
  if constexpr (std::is_same_v<Record, ReportRecord>) {
    encodeJournal(record, value);
  } else {
    encodeBatch(record, value);
  }
  logged.owner = place(block, record.owner);
  const Ticket ticket = ++queued_;
  add(block, Encoded<Logged>{record.owner, at, words, logged}, words * 8 + kEachBytes);
  return ticket;
}

Ticket LoggedStore::append(const ReportRecord& report) {
  if (!leads()) return queued_ = handedOn_ = own_.append(report);
  return append(report,
                LoggedReport{.owner = 0,
                             .location = report.location,
                             .generation = report.generation,
                             .stream = report.stream,
                             .firstSeq = report.firstSeq,
                             .record = {}},
                journalWords(report.operations));
}

Ticket LoggedStore::append(const BatchRecord& batch) {
  if (!leads()) return queued_ = handedOn_ = own_.append(batch);
  return append(batch,
                LoggedSyncBatch{.owner = 0,
                                .location = batch.location,
                                .generation = batch.generation,
                                .number = batch.number,
                                .record = {}},
                batchWords(batch.keys.size()));
}

Ticket LoggedStore::write(StoreBatch batch) {
  if (!leads()) {
    remember(batch);
    return queued_ = handedOn_ = own_.write(std::move(batch));
  }
  const Ticket ticket = ++queued_;
  if (concernsOneStore(batch)) {
    if (blocks_.empty()) {
      handedOn(own_.write(std::move(batch)));
    } else {
      blocks_.back()->items.emplace_back(OwnBatch{std::move(batch)});
    }
    return ticket;
  }
  Block& block = open();
  block.batches.push_back(named(block, batch));
  const size_t bytes = bytesOf(batch);
  add(block, Batch{std::move(batch)}, bytes);
  return ticket;
}

void LoggedStore::fold(const FoldRequest& request) {
  if (blocks_.empty()) {
    own_.fold(request);
  } else {
    blocks_.back()->items.emplace_back(request);
  }
}

void LoggedStore::whenHandedOn(std::function<void()> call) {
  if (blocks_.empty()) {
    call();
  } else {
    blocks_.back()->items.emplace_back(std::move(call));
  }
}

// --- names of owners ---

void LoggedStore::remember(OwnerId owner, OwnerName name) {
  if (owner >= names_.size()) names_.resize(owner + 1);
  names_[owner] = std::move(name);
}

void LoggedStore::remember(const StoreBatch& batch) {
  for (const StoreStep& step : batch.steps) {
    if (const auto* put = std::get_if<PutInstance>(&step)) {
      remember(put->owner, {put->record.instance, {}});
    } else if (const auto* worker = std::get_if<PutWorker>(&step)) {
      remember(worker->owner, {worker->record.instance, worker->record.worker});
    }
  }
}

uint32_t LoggedStore::place(Block& block, OwnerId owner) {
  HOLDFAST_CHECK(owner < names_.size() && !names_[owner].instance.empty(),
                 "owner %u is written to before it has a name", owner);
  const auto [known, isNew] =
      block.placeOf.try_emplace(owner, static_cast<uint32_t>(block.owners.size()));
  // An owner that was released is claimed for another one.
  if (isNew || !(block.owners[known->second] == names_[owner])) {
    known->second = static_cast<uint32_t>(block.owners.size());
    block.owners.push_back(names_[owner]);
  }
  return known->second;
}

LoggedWrite LoggedStore::named(Block& block, const StoreBatch& batch) {
  StoreBatch logged = batch;
  for (StoreStep& each : logged.steps) {
    std::visit(
        [&](auto& step) {
          using Step = std::decay_t<decltype(step)>;
          if constexpr (std::is_same_v<Step, PutInstance>) {
            remember(step.owner, {step.record.instance, {}});
          } else if constexpr (std::is_same_v<Step, PutWorker>) {
            remember(step.owner, {step.record.instance, step.record.worker});
          }
          if constexpr (requires { step.owner; }) step.owner = place(block, step.owner);
        },
        each);
  }
  return logged;
}

// --- to the log ---

// With its record, which stays where it is as long as the block takes no more.
template <typename Logged>
Logged LoggedStore::loggedOf(const Block& block, const Encoded<Logged>& encoded) {
  Logged logged = encoded.logged;
  logged.record = {block.words.data() + encoded.at, encoded.words};
  return logged;
}

std::vector<uint8_t> LoggedStore::bodyOf(Block& block) const {
  FrameBody body;
  body.owners = block.owners;
  body.writes.reserve(block.logged);
  auto batch = block.batches.begin();
  for (const Item& item : block.items) {
    std::visit(
        [&](const auto& one) {
          using One = std::decay_t<decltype(one)>;
          if constexpr (requires { one.logged; }) {
            body.writes.emplace_back(loggedOf(block, one));
          } else if constexpr (std::is_same_v<One, Batch>) {
            body.writes.emplace_back(std::move(*batch++));
          }
        },
        item);
  }
  return encodeBody(body);
}

void LoggedStore::holdBack(bool hold) {
  held_ = hold;
  if (!held_) publish();
}

void LoggedStore::publish() {
  if (held_) return;
  for (; published_ < blocks_.size(); ++published_) {
    Block& block = *blocks_[published_];
    if (ended() || !publisher_->hasRoom(block.bytes)) return;
    if (block.bytes < options_.blockBytes && publisher_->underWay() >= options_.smallUnderWay) {
      return;
    }
    const LogPoint first = publisher_->next();
    auto frames = encodeFrames(bodyOf(block), first, clock_.wallMs());
    block.batches.clear();
    block.last = first.index + frames.size() - 1;
    publisher_->publish(std::move(frames), clock_.steadyMs());
  }
}

// --- from the log to the own store ---

struct LoggedStore::HandOn {
  LoggedStore& store;
  Block& block;

  // With its record, and its owner as here.
  template <typename Logged>
  static Logged ownOf(const Block& block, const Encoded<Logged>& encoded) {
    Logged own = loggedOf(block, encoded);
    own.owner = encoded.owner;
    return own;
  }
  void operator()(const Report& report) {
    const auto record = reportOf(ownOf(block, report));
    HOLDFAST_CHECK(record.has_value(), "a report that was encoded here is damaged");
    store.handedOn(store.own_.append(*record));
  }
  void operator()(const SyncBatch& batch) {
    const auto record = batchOf(ownOf(block, batch));
    HOLDFAST_CHECK(record.has_value(), "a batch that was encoded here is damaged");
    store.handedOn(store.own_.append(*record));
  }
  void operator()(Batch& batch) { store.handedOn(store.own_.write(std::move(batch.batch))); }
  void operator()(OwnBatch& batch) { store.handedOn(store.own_.write(std::move(batch.batch))); }
  void operator()(const FoldRequest& request) { store.own_.fold(request); }
  void operator()(const std::function<void()>& call) { call(); }
};

void LoggedStore::handedOn(Ticket own) {
  ++handedOn_;
  HOLDFAST_CHECK(own == handedOn_, "write %lu is the own store's %lu", handedOn_, own);
}

void LoggedStore::handOn(Block& block, const LogPlace& after) {
  uint32_t logged = 0;
  for (Item& item : block.items) {
    const bool ofLog = item.index() <= 2;  // Report, SyncBatch, Batch
    if (ofLog && ++logged == block.logged) {
      place_ = after;
      own_.reach(place_);
    } else if (ofLog) {
      place_.writes = logged;
      own_.reach(place_);
    }
    std::visit(HandOn{*this, block}, item);
  }
}

void LoggedStore::step() {
  if (!leads()) return;
  for (const LogPosition& confirmed : publisher_->takeConfirmed()) {
    HOLDFAST_CHECK(!blocks_.empty() && confirmed.at.index <= blocks_.front()->last,
                   "frame %lu is confirmed, and nobody wrote it", confirmed.at.index);
    if (confirmed.at.index < blocks_.front()->last) continue;  // the batch has more of them
    std::unique_ptr<Block> block = std::move(blocks_.front());
    blocks_.pop_front();
    --published_;
    bytes_ -= block->bytes;
    handOn(*block, placeAt(place_.identity, confirmed));
    if (block->words.capacity() * sizeof(uint64_t) > 4 * options_.blockBytes) continue;
    block->clear();
    spare_ = std::move(block);
  }
  publish();
}

// --- what comes of it ---

uint64_t LoggedStore::unheardMs() const {
  const uint64_t heardMs = std::max(publisher_->ledMs(), leadingSinceMs_);
  return clock_.steadyMs() - std::min(heardMs, clock_.steadyMs());
}

StoreHealth LoggedStore::health() const {
  StoreHealth own = own_.health();
  if (!own.writable || !leads()) return own;
  const uint64_t unheard = unheardMs();
  const auto waitingSinceMs = publisher_->waitingSinceMs();
  const uint64_t waiting = waitingSinceMs ? clock_.steadyMs() - *waitingSinceMs : 0;
  if (unheard < options_.silenceMsMax && waiting < options_.silenceMsMax) return own;
  const std::string refusal =
      publisher_->refusal().empty() ? "" : ", it says: " + publisher_->refusal();
  if (unheard < options_.silenceMsMax) {
    return {false, "the log of the group has not taken what was written " +
                       std::to_string(waiting / 1000) + " s ago" + refusal};
  }
  return {false,
          "the log of the group has acknowledged nothing for " + std::to_string(unheard / 1000) +
              " s: most of its servers must be reachable for anything to be confirmed" + refusal};
}

void LoggedStore::poll(StoreListener& listener) {
  step();
  WithoutHealth without(listener);
  own_.poll(without);
  const StoreHealth now = health();
  if (now.writable == writable_ && (now.writable || !without.changed)) return;
  writable_ = now.writable;
  listener.onHealth(now);
}

void LoggedStore::recover(RecoverySink& sink) {
  NamingSink naming(sink,
                    [this](OwnerId owner, OwnerName name) { remember(owner, std::move(name)); });
  own_.recover(naming);
}

}  // namespace holdfast::replication
