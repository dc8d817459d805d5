// What a Client's engine threads and its client thread share, and under which lock.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "client/client.h"
#include "client/event_loop.h"
#include "client/inbox.h"
#include "client/operation_endings.h"
#include "client/worker_state.h"
#include "core/load.h"
#include "locks/mutex.h"

namespace holdfast {

class Reporter;

// A thread that waits for the client thread to say how something ended.
class Verdict {
 public:
  // The first one counts.
  void give(bool verdict);
  // False if none was given in time.
  bool wait(uint32_t timeoutMs);

 private:
  Mutex mutex_;
  Condition given_;
  bool isGiven_ HOLDFAST_GUARDED_BY(mutex_) = false;
  bool verdict_ HOLDFAST_GUARDED_BY(mutex_) = false;
};

struct ClientShared {
  ClientShared(ClientThread::Loop& theLoop, ClientOptions theOptions,
               Client::StateCallback theCallback);
  ~ClientShared();

  ClientThread::Loop& loop;
  const ClientOptions options;
  const Client::StateCallback onState;

  // Completions may outlive the client.
  const std::shared_ptr<OperationEndings> operationEndings = std::make_shared<OperationEndings>();
  Inbox inbox;  // has its own lock, taken after `mutex` where both are
  std::atomic<bool> wakePosted = false;
  std::atomic<bool> stopped = false;  // for good
  std::atomic<Load> load = kLoadUnknown;

  // Held for the time of a computation, never while waiting for anything. Computations may take
  // some 10 ms (the copy of a million keys), so admit and evict never take it.
  mutable Mutex mutex;
  WorkerStateMachine machine HOLDFAST_GUARDED_BY(mutex);
  uint64_t connections HOLDFAST_GUARDED_BY(mutex) = 0;
  uint64_t reconnects HOLDFAST_GUARDED_BY(mutex) = 0;
  uint64_t heartbeats HOLDFAST_GUARDED_BY(mutex) = 0;
  const uint64_t run;  // the machine's, which keeps it

  // Never held while anything is computed.
  mutable Mutex stateMutex;
  ClientState state HOLDFAST_GUARDED_BY(stateMutex) = ClientState::kConnecting;
  std::string stateReason HOLDFAST_GUARDED_BY(stateMutex);  // empty: nothing is wrong

  std::unique_ptr<Reporter> reporter;  // on the loop only

  // Operations that are applied or moved in one go; other work of the loop comes in between.
  static constexpr size_t kPiece = 32'768;
};

}  // namespace holdfast
