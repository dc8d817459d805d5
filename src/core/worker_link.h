// The transport seam: how the controller speaks to a worker.
#pragma once

#include <cstdint>
#include <string>

#include "core/cache_operations.h"
#include "core/decisions.h"

namespace holdfast {

// The way to one worker, given at its registration. Calls neither block nor fail; they may be lost
// with the connection.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  // Stop reporting until resume(); what was on its way is not applied.
  virtual void pause(const std::string& reason) = 0;
  // Register again on this connection.
  virtual void resume() = 0;
  // Report the operations `from` to `to` of this incarnation again. A worker that cannot says so
  // through KvController::replayRefused.
  virtual void replay(const std::string& location, uint64_t incarnation, uint64_t from,
                      uint64_t to) = 0;
  // Begin a full sync of the location; continueSyncId not 0: go on with that one.
  virtual void startFullSync(const std::string& location, Reason reason,
                             uint64_t continueSyncId) = 0;
  // Do something with the cache, or say what became of it; the answer is an input of whoever asked.
  virtual void operate(const WorkerOperation& operation) = 0;
  // Another process registered as this worker; the session is over.
  virtual void superseded(const std::string& reason) = 0;
  // The controller gave the session up (silent for too long, forgotten, or a capture begins); the
  // worker may register again. Nobody else on its connection is concerned.
  virtual void closed(const std::string& reason) = 0;
};

}  // namespace holdfast
