#include "store/checkpoint_thread.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "os/give_way.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds kBetweenLines{10};

}  // namespace

void CheckpointThread::take(const CheckpointRequest& request) {
  if (thread_.joinable()) thread_.join();  // the one before has answered
  CheckpointResult result;
  auto lease = database_.lease();
  if (!lease) {
    result.error = {ErrorCode::kUnavailable, "the store is being opened again; try again"};
    return completions_.checkpointed(std::move(result));
  }
  auto noted =
      Checkpoint::note(*database_.db(), request.path, {database_.format(), request.registryDigest},
                       Checkpoint::Tables::kShareOnly);
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
  giveWay(kNiceOfFolds);
  CheckpointResult result;
  CopyWork work;
  work.interrupted = [this]() -> std::optional<Error> {
    if (stopping_) return unavailable("the controller ends");
    if (!database_.leavesWanted()) return std::nullopt;
    return unavailable("the store had to be opened again; try again");
  };
  auto nextLine = std::chrono::steady_clock::now() + kBetweenLines;
  work.progress = [&](uint64_t done, uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (now < nextLine || !options_.log) return;
    nextLine = now + kBetweenLines;
    options_.log(LogLevel::kInfo, "the copy in " + checkpoint.path() + ": " +
                                      std::to_string(done >> 20) + " of " +
                                      std::to_string(total >> 20) +
                                      " MiB of its table files are read for their checksums");
  };
  if (auto failure = checkpoint.copy(work)) {
    result.error = std::move(failure);
  } else {
    result.path = checkpoint.path();
    result.bytes = checkpoint.bytes();
    result.sequence = checkpoint.sequence();
  }
  completions_.checkpointed(std::move(result));
}

void CheckpointThread::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace holdfast
