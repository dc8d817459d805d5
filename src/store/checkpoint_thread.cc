#include "store/checkpoint_thread.h"

#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace holdfast {

void CheckpointThread::take(const std::string& path) {
  if (thread_.joinable()) thread_.join();  // the one before has answered
  CheckpointResult result;
  auto lease = database_.lease();
  if (!lease) {
    result.error = {ErrorCode::kUnavailable, "the store is being opened again; try again"};
    return completions_.checkpointed(std::move(result));
  }
  auto noted = Checkpoint::note(*database_.db(), path);
  if (!noted.ok()) {
    result.error = noted.error();
    return completions_.checkpointed(std::move(result));
  }
  thread_ = std::thread(
      [this, held = std::move(*lease), checkpoint = std::move(noted.value())]() mutable {
        // Before the lease ends, which it needs.
        const std::unique_ptr<Checkpoint> own = std::move(checkpoint);
        copy(*own);
      });
}

void CheckpointThread::copy(Checkpoint& checkpoint) {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 15);
  CheckpointResult result;
  const std::string failure = checkpoint.copy([this]() -> std::string {
    if (stopping_) return "the controller ends";
    return database_.leavesWanted() ? "the store had to be opened again; try again" : "";
  });
  if (failure.empty()) {
    result.path = checkpoint.path();
    result.bytes = checkpoint.bytes();
    result.sequence = checkpoint.sequence();
  } else {
    result.error = {ErrorCode::kUnavailable, failure};
  }
  completions_.checkpointed(std::move(result));
}

void CheckpointThread::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace holdfast
