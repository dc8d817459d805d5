// Copies of the store that this controller gives to others of its group: a few at once, each in a
// directory below the store's own (copies/N), made of hard links as a backup is. One ends with its
// StoreCopy, or when nothing was asked of it for long; then its directory is removed. What a
// process that was killed left behind goes before the first one is made.
#pragma once

#include <kj/async.h>
#include <kj/memory.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/notice_sink.h"
#include "core/result.h"
#include "serving/side_thread.h"
#include "serving/store_copy.h"

namespace holdfast::peering {

struct StoreCopiesOptions {
  std::string dataDir;
  size_t copiesMax = 2;      // at once, those in the making included
  uint64_t idleMs = 60'000;  // nothing was asked of one for so long: it is given up
};

// On the loop's thread. Outlives the copies that it gives.
class StoreCopies final : private kj::TaskSet::ErrorHandler {
 public:
  // Makes a copy of the store as of now in `path`, a new directory (RocksStore::checkpoint). `done`
  // is called once, later, with what went wrong, or never when the store is closed before; what is
  // returned went wrong at once.
  using Make = std::function<std::optional<Error>(
      const std::string& path, std::function<void(const std::optional<Error>&)> done)>;

  // References outlive it.
  StoreCopies(StoreCopiesOptions options, Make make, const Clock& clock, NoticeSink& notices);
  ~StoreCopies() noexcept;

  // See GiveCopy. kUnavailable: as many are given already, or none can be made now.
  kj::Promise<kj::Own<StoreCopy>> give(const std::string& caller);
  // Gives up those of which nothing is asked. Now and then.
  void tick();
  size_t count() const { return held_.size(); }

 private:
  struct Held;
  class Copy;

  kj::Promise<void> prepare();
  kj::Promise<void> make(const std::shared_ptr<Held>& held);
  kj::Promise<void> look(const std::shared_ptr<Held>& held);
  kj::Promise<kj::Array<kj::byte>> read(const std::shared_ptr<Held>& held, uint32_t file,
                                        uint64_t offset, uint32_t length);
  void end(Held& held, bool idle);
  void remove(const Held& held);
  void taskFailed(kj::Exception&& exception) override;

  const StoreCopiesOptions options_;
  const Make make_;
  const Clock& clock_;
  NoticeSink& notices_;
  const std::string root_;
  uint64_t made_ = 0;
  std::vector<std::shared_ptr<Held>> held_;  // those that have not ended
  SideThread thread_;                        // reads, and removes
  kj::TaskSet tasks_;
};

}  // namespace holdfast::peering
