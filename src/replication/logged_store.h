// The store of a controller of a group: it writes what its controller writes to the group's log
// first. While it follows it hands everything on to its own store, for that comes from the log. As
// a leader it queues: writes are gathered in blocks, each block is published as a batch, and goes
// on to the own store when the log has it, with the place in the log that it leads to. So nothing
// completes that is not in the log, and every store of a group is a prefix of that.
//
//   append, write -> block -> body -> frames in the log -> valid -> own store -> completed
//
// What concerns the own store alone, folds and what they write, is not published, but overtakes
// nothing that was written before it.
//
// Tickets are those of the own store: both count the same writes in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/limits.h"
#include "core/placed_store.h"
#include "core/replica/owner_name.h"
#include "replication/frame_body.h"
#include "replication/log.h"
#include "replication/publisher.h"

namespace holdfast::replication {

struct LoggedStoreOptions {
  // A block of so many bytes is published at once: with what is around it that is one record. A
  // smaller one is with the next step() while less than `smallUnderWay` frames are under way, and
  // grows until then: what a record costs the engine hardly depends on its size.
  size_t blockBytes = size_t{192} << 10;
  size_t smallUnderWay = 3;
  // That the log does not have yet. Doors take reports while half of what a store may queue is
  // free, so half of it may be under way.
  size_t queueBytes = kStoreQueueBytesMax;
  // The log has acknowledged nothing for so long: the store is not writable.
  uint64_t silenceMsMax = 10'000;
  PublisherOptions publisher = {};
  // step() is to be called soon: something was written. On the thread of the store.
  std::function<void()> notify;
};

class LoggedStore final : public RegistryStore {
 public:
  // Keeps both; they outlive it. Follows until lead().
  LoggedStore(PlacedStore& own, const Clock& clock, LoggedStoreOptions options = {});
  ~LoggedStore() override;

  PlacedStore& own() { return own_; }
  // From now on it leads, from its own take-over, which was read there as valid; notes that place.
  // `log` outlives it.
  void lead(Log& log, std::string identity, LogPosition from);
  bool leads() const { return publisher_ != nullptr; }
  // Of a leader: is told what comes of the log, before step().
  Publisher& publisher() { return *publisher_; }
  // Of a leader: since the log has said something that shows that it led then; ms.
  uint64_t unheardMs() const;
  // Notes where the own store stands, without a write. Everything that was written is handed on.
  void note(LogPlace place);
  // Gathers what is written and publishes nothing, until it is told to go on.
  void holdBack(bool hold);
  // Hands on what the log has by now, publishes what is gathered.
  void step();
  // Everything that was written is in the log.
  bool quiet() const { return blocks_.empty(); }
  // Calls it when everything that was written until now has gone on to the own store: at once, or
  // in step(); never, if it is deposed before.
  void whenHandedOn(std::function<void()> call);
  // It leads no more: nothing else goes on to the own store, and nothing more completes but what
  // already had. The process is to end.
  std::optional<Error> ended() const;

  // --- RegistryStore ---

  OwnerId claim() override { return own_.claim(); }
  bool hasRoom(size_t bytes) const override;
  Ticket append(const ReportRecord& report) override;
  Ticket append(const BatchRecord& batch) override;
  Ticket write(StoreBatch batch) override;
  void fold(const FoldRequest& request) override;
  StoreHealth health() const override;
  void poll(StoreListener& listener) override;
  void recover(RecoverySink& sink) override;

 private:
  // A report or a batch of a full sync: its owner here, and its record's place in the block.
  template <typename Logged>
  struct Encoded {
    OwnerId owner = kNoOwner;
    size_t at = 0;
    size_t words = 0;
    Logged logged = {};  // its record is set when the block takes no more
  };
  using Report = Encoded<LoggedReport>;
  using SyncBatch = Encoded<LoggedSyncBatch>;
  // With its owners as here; the log's form of it is in the block's body.
  struct Batch {
    StoreBatch batch;
  };
  // Of the own store alone.
  struct OwnBatch {
    StoreBatch batch;
  };
  using Item = std::variant<Report, SyncBatch, Batch, OwnBatch, FoldRequest, std::function<void()>>;
  struct Block;

  Block& open();
  void add(Block& block, Item item, size_t bytes);
  template <typename Logged, typename Record>
  Ticket append(const Record& record, Logged logged, size_t words);
  uint32_t place(Block& block, OwnerId owner);
  LoggedWrite named(Block& block, const StoreBatch& batch);
  void remember(const StoreBatch& batch);
  void remember(OwnerId owner, OwnerName name);
  void publish();
  template <typename Logged>
  static Logged loggedOf(const Block& block, const Encoded<Logged>& encoded);
  std::vector<uint8_t> bodyOf(Block& block) const;
  void handOn(Block& block, const LogPlace& after);
  struct HandOn;
  void handedOn(Ticket own);

  PlacedStore& own_;
  const Clock& clock_;
  const LoggedStoreOptions options_;
  std::vector<OwnerName> names_;  // by owner

  std::unique_ptr<Publisher> publisher_;  // null: it follows
  LogPlace place_;                        // that the own store was led to
  uint64_t leadingSinceMs_ = 0;
  std::deque<std::unique_ptr<Block>> blocks_;  // not handed on, in order
  std::unique_ptr<Block> spare_;
  size_t bytes_ = 0;      // of these
  size_t published_ = 0;  // of these, from the front
  bool held_ = false;     // the others are held back
  Ticket queued_ = 0;
  Ticket handedOn_ = 0;
  bool writable_;  // as the listener knows it
};

}  // namespace holdfast::replication
