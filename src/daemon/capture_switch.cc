#include "daemon/capture_switch.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "capture/log_format.h"
#include "wire/errors.h"

namespace holdfast {
namespace {

constexpr kj::Duration kBetweenLooks = 20 * kj::MILLISECONDS;
constexpr uint32_t kLooks = 400;  // 8 s: holdfast-ctl waits for 10

std::optional<Error> addCheckpoint(const LogWriter& log, const RocksStore& store) {
  return store.checkpointNow(log.folder() + "/" + std::string(kCheckpointFolder));
}

}  // namespace

std::optional<Error> CaptureSwitch::cannotBegin(const LogOptions& options) {
  if (options.directory.empty()) return std::nullopt;
  const auto cannot = [&options](const std::string& why) {
    return Error{ErrorCode::kUnavailable, "cannot capture into " + options.directory + ": " + why +
                                              "; name another directory (--capture)"};
  };
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) return cannot(error.message());
  if (access(options.directory.c_str(), W_OK | X_OK) == 0) return std::nullopt;
  return cannot("this user may not write there");
}

Result<std::unique_ptr<LogWriter>> CaptureSwitch::begin(const LogOptions& options,
                                                        const RocksStore& store) {
  auto log = LogWriter::open(options);
  if (!log.ok()) return log;
  if (auto error = addCheckpoint(*log.value(), store)) return *error;
  return log;
}

void CaptureSwitch::use(std::unique_ptr<LogWriter> log, bool redact) {
  spdlog::info("capturing into {}", log->folder());
  recorder_.begin(std::move(log), {.clusterId = store_.clusterId(),
                                   .checkpoint = std::string(kCheckpointFolder),
                                   .redact = redact});
}

kj::Promise<void> CaptureSwitch::quiet(uint32_t looks) {
  if (controller_.quiet()) return kj::READY_NOW;
  if (looks == 0) {
    return wireError({ErrorCode::kUnavailable,
                      "folds or cache operations were under way for 8 s; try again later"});
  }
  return timer_.afterDelay(kBetweenLooks).then([this, looks]() { return quiet(looks - 1); });
}

kj::Promise<std::string> CaptureSwitch::on(const std::string& directory, bool redact) {
  if (recorder_.recording() || beginning_) {
    return wireError({ErrorCode::kRefused,
                      beginning_
                          ? "a capture is about to begin"
                          : "already capturing into " + recorder_.folder() + "; end that first"});
  }
  LogOptions options = log_;
  if (!directory.empty()) options.directory = directory;
  if (options.directory.empty()) {
    return wireError(
        {ErrorCode::kInvalid, "name a directory: the controller was started without --capture"});
  }
  // Copying would block the event loop.
  if (!store_.sharesFileSystem(options.directory)) {
    return wireError({ErrorCode::kInvalid,
                      options.directory +
                          " is on another file system than the store, whose files the beginning of "
                          "the log is to share; name a directory there, or start the controller "
                          "with --capture"});
  }
  beginning_ = true;
  controller_.holdFolds(true);
  return quiet(kLooks)
      .then([this, options = std::move(options), redact]() { return beginNow(options, redact); })
      .then(
          [this](std::string&& folder) {
            beginning_ = false;
            return kj::mv(folder);
          },
          [this](kj::Exception&& e) -> std::string {
            beginning_ = false;
            controller_.holdFolds(false);
            kj::throwFatalException(kj::mv(e));
          });
}

// In one turn of the loop: no input comes between the state and the log.
std::string CaptureSwitch::beginNow(const LogOptions& options, bool redact) {
  if (const StoreHealth health = store_.health(); !health.writable) {
    kj::throwFatalException(wireError({ErrorCode::kUnavailable, health.reason}));
  }
  // Do what can fail first, so that sessions are not closed in vain.
  auto log = LogWriter::open(options);
  if (!log.ok()) kj::throwFatalException(wireError(log.error()));
  controller_.restart("a capture begins; register again");
  // The queue is bounded, and nothing is added to it meanwhile.
  while (!controller_.registry().ledger().allCommitted()) {
    store_.poll(controller_);
    if (const StoreHealth health = store_.health(); !health.writable) {
      kj::throwFatalException(wireError({ErrorCode::kUnavailable, health.reason}));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  if (auto error = addCheckpoint(*log.value(), store_)) kj::throwFatalException(wireError(*error));
  use(std::move(log.value()), redact);
  return recorder_.folder();
}

Result<std::string> CaptureSwitch::off() {
  if (!recorder_.recording()) return Error{ErrorCode::kInvalid, "nothing is being captured"};
  std::string folder = recorder_.folder();
  recorder_.end(Recorder::End::kSwitchedOff);
  spdlog::info("the capture into {} has ended", folder);
  return folder;
}

}  // namespace holdfast
