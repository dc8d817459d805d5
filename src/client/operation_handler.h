// What an engine implements to let the controller do things with its cache: clear, pin, compress,
// decompress, move, and say how it is. What they change is reported with admit and evict as ever.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/cache_operations.h"

namespace holdfast {

struct CacheOperation {
  uint64_t number = 0;  // names it; random
  OperationKind kind = OperationKind::kClear;
  std::string location;   // one of the client's; empty for health
  bool allChunks = true;  // everything in the location; else `chunks`
  std::vector<ChunkHash> chunks;
  std::string method;                        // of compress and decompress
  WorkerOperation::Destination destination;  // of a move: where the chunks go
  bool copy = false;                         // of a move: they stay here, too
  uint64_t ttlSeconds = 0;  // of a pin: it ends by itself after so long; 0: it does not
};

// How an operation ended. May be copied, and called from any thread, also after the client is gone;
// the first call counts. An operation whose completions are all destroyed has failed.
class Completion {
 public:
  // For the library: called once, from whatever thread.
  explicit Completion(std::function<void(OperationOutcome)> give);

  // So many tokens were cleared, pinned, ... All ranks of an instance must answer alike. Of health:
  // 0, all is well.
  void done(uint64_t numTokens) const;
  // `why` is for people.
  void fail(std::string why) const;
  // Of health: `code` is not 0 and means what the engine likes it to; -1001 to -1005 are taken.
  void unhealthy(int32_t code, std::string why) const;

 private:
  struct Ending;
  std::shared_ptr<Ending> ending_;
};

// Called on the client's thread: must not block. Long work is handed to a thread of the engine's,
// with the completion. By default every operation is answered with "unsupported", and health with
// "healthy": somebody answers.
class OperationHandler {
 public:
  virtual ~OperationHandler() = default;
  virtual void clear(const CacheOperation& operation, Completion completion);
  // Done means that those of the chunks that are held are pinned, all of them; what was admitted
  // for it is to be reported, and confirmed (Client::flush), before that. A chunk that is pinned
  // already is pinned anew, with this time to live.
  virtual void pin(const CacheOperation& operation, Completion completion);
  virtual void compress(const CacheOperation& operation, Completion completion);
  virtual void decompress(const CacheOperation& operation, Completion completion);
  virtual void move(const CacheOperation& operation, Completion completion);
  virtual void health(const CacheOperation& operation, Completion completion);
};

// Calls the one for its kind.
void handle(OperationHandler& handler, const CacheOperation& operation, Completion completion);

}  // namespace holdfast
