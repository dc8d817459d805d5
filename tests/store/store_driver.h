// A registry in miniature for the property test: it writes what a registry would write, keeps the
// expected content after each ticket, and compares what a start finds with it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "faulty_file_system.h"
#include "store/rocks_store.h"
#include "store_fixture.h"
#include "stored_content.h"

namespace holdfast {

class StoreDriver {
 public:
  StoreDriver(uint64_t seed, const std::string& dataDir);
  ~StoreDriver();

  // One random step. False when something was wrong; then error() says what.
  bool step();
  // Ends with a clean close and compares a last time.
  bool finish();
  const std::string& error() const { return error_; }

 private:
  struct LiveLocation {
    LocationRecord record;
    uint64_t lastSeq = 0;
    std::set<ChunkHash> keys;
    std::optional<StoredBuilding> building;  // its part is that of `record`
    std::map<ChunkHash, PinRecord> pins;
    bool folding = false;
    uint64_t life = 0;  // tells a location from a later one in the same place
  };
  struct LiveWorker {
    OwnerId owner = kNoOwner;
    WorkerRecord record;
    std::map<uint16_t, LiveLocation> locations;
  };
  struct PendingFold {
    std::pair<std::string, uint32_t> worker;
    uint16_t location = 0;
    uint64_t life = 0;
    LivePart live;
  };

  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool chance(uint32_t percent) { return below(100) < percent; }
  bool fail(const std::string& what);

  bool open(uint64_t atLeast, bool powerLost = false);
  bool compare(uint64_t atLeast);
  void adoptRecovered();
  bool restart();
  bool poll();
  bool waitCommitted();
  void commitFold(const FoldResult& result);

  // Writers. Each makes one ticket, and what is expected after it.
  void wrote(Ticket ticket, bool synced);
  void writeBatch(StoreBatch batch);
  StoredContent expected() const;
  LiveWorker* anyWorker();
  LiveLocation* anyLocation(LiveWorker*& worker);
  void addInstance();
  void addWorker();
  void touchWorker();
  void addLocation();
  void report();
  void adopt();
  void newGeneration();
  void dropLocation();
  void release();
  void requestFold();
  void event();
  void pin();
  // Of full syncs: begins one, or goes on with one.
  void sync();
  void startSync(LiveWorker& worker, LiveLocation& location);
  void sendBatch(LiveWorker& worker, LiveLocation& location, uint32_t number);
  void reportWhileBuilding(LiveWorker& worker, LiveLocation& location);
  void switchOver(LiveWorker& worker, LiveLocation& location);
  void abandon(LiveWorker& worker, LiveLocation& location);

  std::mt19937_64 random_;
  const std::string dataDir_;
  std::shared_ptr<FaultyFileSystem> files_;
  std::unique_ptr<StoreEvents> events_;
  std::unique_ptr<RocksStore> store_;
  std::unique_ptr<ContentSink> sink_;

  std::map<std::string, std::pair<OwnerId, uint32_t>> instances_;
  std::map<std::pair<std::string, uint32_t>, LiveWorker> workers_;
  std::map<std::string, EventRecord> operations_;  // by event id
  std::map<uint64_t, PendingFold> folds_;
  std::map<uint64_t, std::vector<std::vector<ChunkHash>>> plans_;  // all batches, by sync id
  uint64_t nextFold_ = 1;
  uint64_t nextLife_ = 1;
  uint64_t nextRun_ = 1;
  size_t foldsSeen_ = 0;

  std::vector<StoredContent> history_;  // by ticket; [0] is what the start found
  std::vector<Ticket> syncedTickets_;   // of synced batches
  std::string error_;
};

}  // namespace holdfast
