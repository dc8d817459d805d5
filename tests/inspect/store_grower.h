// A registry on RocksDB and workers with caches of their own, which register, report, restart, run
// full syncs and leave at random: stores as Holdfast writes them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/registry/registry.h"
#include "store/rocks_store.h"
#include "tests/core/random_sequences.h"

namespace holdfast::test {

class StoreGrower {
 public:
  // Opens the store there, or makes one.
  StoreGrower(const std::string& dataDir, uint64_t seed);
  ~StoreGrower();

  // One random input.
  void step();
  // These keys, in order, as reports of one worker, which is registered where it is not yet.
  void admit(const std::string& instance, uint32_t worker, const std::string& location,
             const std::vector<ChunkHash>& keys);
  void evict(const std::string& instance, uint32_t worker, const std::string& location,
             const std::vector<ChunkHash>& keys);
  // Written as the executor writes it.
  void putEvent(const EventRecord& event);
  // Until all that was written is committed and no fold is under way.
  void settle();
  void close();

  std::string registryDigest() const { return registry_->registryDigest().hex(); }
  std::string contentDigest() const { return registry_->contentDigest().hex(); }
  const Registry& registry() const { return *registry_; }

 private:
  using WorkerId = std::pair<std::string, uint32_t>;
  struct Sync {
    uint64_t id = 0;
    std::vector<std::vector<ChunkHash>> batches;
    size_t sent = 0;
  };
  struct Cache {
    uint64_t incarnation = 0;
    uint64_t seq = 0;
    std::set<ChunkHash> keys;
    bool syncWanted = false;
    std::optional<Sync> sync;
  };
  struct Process;
  class Link;

  Process& process(const WorkerId& id);
  void registerProcess(Process& process);
  void report(Process& process, const std::string& location, const std::vector<ChunkHash>& keys,
              const std::vector<bool>& evicts);
  void changeRandomly(Cache& cache);
  void randomReport(Process& process);
  void randomSync(Process& process);
  // As if its rank had answered.
  void randomPin(const Process& process);
  void poll();

  Random random_;
  struct World;
  std::unique_ptr<World> world_;
  std::unique_ptr<RocksStore> store_;
  std::unique_ptr<Registry> registry_;
  std::map<WorkerId, std::unique_ptr<Process>> processes_;
  ReportOutcome lastOutcome_ = ReportOutcome::kApplied;
};

}  // namespace holdfast::test
