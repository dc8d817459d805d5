#include "replay/replay.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include "capture/log_format.h"
#include "capture/player.h"
#include "core/notice.h"
#include "os/fault_ahead.h"
#include "replay/checkpoint.h"
#include "replay/controller_target.h"
#include "replay/kinds.h"
#include "replay/tally.h"
#include "text/progress.h"
#include "text/table.h"

namespace holdfast::replay {
namespace {

using Entry = schema::CaptureEntry::Reader;
using SteadyClock = std::chrono::steady_clock;

class Silence final : public NoticeSink {
 public:
  void notice(const Notice&) override {}
};

double secondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

int unusable(const std::string& why) {
  std::cerr << "holdfast-replay: " << why << '\n';
  return kUnreadable;
}

// Entries at the times of the log, as fast as asked for.
class Pace {
 public:
  explicit Pace(double speed) : speed_(speed) {}

  void waitFor(uint64_t wallMs) {
    if (speed_ == 0) return;
    if (!firstMs_) {
      firstMs_ = wallMs;
      start_ = SteadyClock::now();
    }
    if (wallMs <= *firstMs_) return;
    const double seconds = static_cast<double>(wallMs - *firstMs_) / 1e3 / speed_;
    std::this_thread::sleep_until(start_ + std::chrono::duration_cast<SteadyClock::duration>(
                                               std::chrono::duration<double>(seconds)));
  }

 private:
  const double speed_;
  std::optional<uint64_t> firstMs_;
  SteadyClock::time_point start_;
};

std::string endOf(schema::CaptureEnd::Reader end) {
  switch (end.getReason()) {
    case schema::CaptureEnd::Reason::PROCESS_ENDED:
      return "complete, to the end of its process";
    case schema::CaptureEnd::Reason::SWITCHED_OFF:
      return "complete, until it was switched off";
    default:
      return "it was given up: " + std::string(viewOf(end.getText()));
  }
}

class Run {
 public:
  Run(LogReader& log, const Options& options)
      : log_(log), options_(options), pace_(options.speed), progress_(options.progressLines) {
    outcome_.byKind.resize(kindNames().size());
    outcome_.end = "it was cut, or goes on: it has no last entry";
  }

  int all();

 private:
  std::string open();
  bool take(Entry entry);
  void show(Entry entry);
  void showProgress(double seconds);
  int finish();

  LogReader& log_;
  const Options& options_;
  Pace pace_;
  text::Progress progress_;
  Silence silence_;
  FaultAhead faultAhead_;
  std::unique_ptr<CheckpointContent> checkpoint_;
  std::unique_ptr<RocksStore> store_;
  std::unique_ptr<ControllerTarget> controller_;
  std::optional<Player> player_;
  Outcome outcome_;
  std::string failure_;
  bool asking_ = true;  // at each step
  uint64_t firstMs_ = 0;
};

// Empty, or why it cannot be replayed there.
std::string Run::open() {
  const std::string checkpoint = log_.folder() + "/" + std::string(kCheckpointFolder);
  const bool hasCheckpoint = std::filesystem::is_directory(checkpoint);
  Player::Options player;
  player.faulter = &faultAhead_;
  if (!options_.controller.empty()) {
    controller_ = std::make_unique<ControllerTarget>(options_.controller, options_.security);
  } else if (!options_.storeDir.empty()) {
    auto store = newStore(options_.storeDir, hasCheckpoint ? checkpoint : "");
    if (!store.ok()) return store.error().message;
    store_ = std::move(store.value());
    player.into = store_.get();
    player.recovery = [this](RecoverySink& sink) { store_->recover(sink); };
  } else if (hasCheckpoint) {
    auto content = CheckpointContent::open(checkpoint);
    if (!content.ok()) return content.error().message;
    checkpoint_ = std::move(content.value());
    player.recovery = [this](RecoverySink& sink) { checkpoint_->recover(sink); };
  }
  player_.emplace(std::move(player), silence_);
  return {};
}

void Run::show(Entry entry) {
  progress_.clear();
  std::cout << describe(log_.entryNumber(), entry, *player_) << '\n';
  if (options_.step) std::cout << stateAround(entry, *player_);
}

// False: the replay ends here.
bool Run::take(Entry entry) {
  const bool shown = !options_.filter.empty() || options_.step;
  const bool match = shown && matches(options_.filter, entry, *player_);
  if (match) show(entry);
  if (controller_ != nullptr) {
    controller_->take(entry);
  } else if (auto why = player_->play(entry)) {
    failure_ = *why;
    return false;
  }
  if (match && options_.step) {
    std::cout << "  then\n" << stateAround(entry, *player_) << foundBy(*player_) << std::flush;
    if (asking_ && isatty(STDIN_FILENO) != 0) {
      std::cout << "Enter: on to the next, c: on without stopping, q: end here > " << std::flush;
      std::string answer;
      if (!std::getline(std::cin, answer) || answer == "q") return false;
      if (answer == "c") asking_ = false;
    }
  }
  return true;
}

void Run::showProgress(double seconds) {
  const double done =
      static_cast<double>(log_.bytesRead()) / static_cast<double>(log_.bytesTotal());
  progress_.show(done, done > 0 ? seconds * (1 - done) / done : 0,
                 text::grouped(log_.entryNumber()) + " messages");
}

int Run::all() {
  if (const std::string why = open(); !why.empty()) return unusable(why);
  constexpr uint64_t kBetweenLooks = 4096;
  const auto start = SteadyClock::now();
  while (log_.next()) {
    const Entry entry = log_.entry();
    if (entry.getWallMs() > options_.untilWallMs) {
      outcome_.end = "as of --until";
      break;
    }
    pace_.waitFor(entry.getWallMs());
    if (firstMs_ == 0) firstMs_ = entry.getWallMs();
    outcome_.recordedSeconds =
        static_cast<double>(std::max(entry.getWallMs(), firstMs_) - firstMs_) / 1e3;
    const auto kind = static_cast<size_t>(entry.which());
    if (kind < outcome_.byKind.size()) ++outcome_.byKind[kind];
    if (entry.isReport()) outcome_.operations += entry.getReport().getKeys().size();
    if (entry.isEnd()) outcome_.end = endOf(entry.getEnd());
    if (!take(entry)) {
      if (failure_.empty()) outcome_.end = "ended by hand";
      break;
    }
    if (log_.entryNumber() % kBetweenLooks == 0 || options_.speed != 0) {
      showProgress(secondsSince(start));
    }
  }
  if (failure_.empty()) failure_ = player_->settle().value_or("");
  progress_.clear();
  outcome_.seconds = secondsSince(start);
  return finish();
}

int Run::finish() {
  outcome_.problems = log_.problems();
  if (controller_ != nullptr) {
    const ControllerTarget::State state = controller_->state();
    outcome_.hasDigests = true;
    outcome_.registryDigest = state.registryDigest;
    outcome_.contentDigest = state.contentDigest;
    outcome_.counters = state.counters;
  } else if (player_->registry() != nullptr) {
    outcome_.hasDigests = true;
    outcome_.registryDigest = player_->registry()->registryDigest().hex();
    outcome_.contentDigest = player_->registry()->contentDigest().hex();
    outcome_.counters = player_->counters();
    outcome_.differences = player_->differences();
  }
  if (store_ != nullptr) {
    if (const auto lost = store_->close()) return unusable(lost->message);
  }
  if (!failure_.empty()) {
    outcome_.end = "not replayed beyond entry " + std::to_string(log_.entryNumber());
    outcome_.differences.push_back(failure_);
  }
  if (options_.json) {
    printJson(outcome_, std::cout);
  } else {
    printTable(outcome_, std::cout);
  }
  std::cout.flush();
  if (!outcome_.hasDigests) {
    return unusable("the log was cut before its first entry was whole: there is nothing to replay");
  }
  if (!options_.checkDigest.empty() && outcome_.registryDigest != options_.checkDigest) {
    std::cerr << "holdfast-replay: the registry digest is " << outcome_.registryDigest << ", not "
              << options_.checkDigest << '\n';
    return kOtherDigest;
  }
  return outcome_.differences.empty() ? kDone : kDiffers;
}

}  // namespace

int replay(LogReader& log, const Options& options) {
  return Run(log, options).all();
}

}  // namespace holdfast::replay
