#include "notices/process_sentences.h"

#include <string_view>

#include "core/notice.h"

namespace holdfast::notice {
namespace {

std::string remaining(uint64_t seconds) {
  return seconds == 0 ? "" : ", " + std::to_string(seconds) + " s remain";
}

std::string_view remedy(Limit limit) {
  switch (limit) {
    case Limit::kWorkers:
      return "at the limit LOST ones are forgotten for new ones, and where none is LOST new ones "
             "have to wait; raise --workers-max, or forget those that do not come back";
    case Limit::kLocationNames:
      return "at the limit workers with other names have to wait; name the locations of all "
             "workers alike";
    case Limit::kPins:
      return "at the limit pin operations fail; pin with a time to live, or clear what is pinned "
             "(holdfast-ctl pins)";
  }
  return {};
}

}  // namespace

std::string sentence(const Starting& n) {
  return "holdfastd " + n.version + " starts, pid " + std::to_string(n.pid) + ": data directory " +
         n.dataDir + ", format " + std::to_string(n.format) + ", listening on " + n.listen +
         ", authentication " + n.auth +
         "; options: " + (n.options.empty() ? "all as by default" : n.options);
}

std::string sentence(const Recovering& n) {
  return "recovering: " + n.phase + " for " + std::to_string(n.seconds) +
         " s: " + std::to_string(n.done) +
         (n.total == 0 ? "" : " of about " + std::to_string(n.total)) + " " + n.unit +
         remaining(n.secondsRemaining);
}

std::string sentence(const Migrating& n) {
  return "migrating to format " + std::to_string(n.format) + " (" + n.step +
         "): " + std::to_string(n.mibDone) + " of about " + std::to_string(n.mibTotal) + " MiB" +
         remaining(n.secondsRemaining);
}

std::string sentence(const Joining& n) {
  return "copying the store of " + n.from + ": " + std::to_string(n.mibDone) + " of " +
         std::to_string(n.mibTotal) + " MiB, " + std::to_string(n.mibPerSecond) + " MiB/s" +
         remaining(n.secondsRemaining);
}

std::string sentence(const Joined& n) {
  return "the store is a copy of that of " + n.from + ": " + std::to_string(n.files) + " files, " +
         std::to_string(n.bytes) + " bytes in " + std::to_string(n.ms) + " ms, as of write " +
         std::to_string(n.sequence);
}

std::string sentence(const JoinFailed& n) {
  return "no copy of the store from " + n.from + ": " + n.error;
}

std::string sentence(const Ready& n) {
  return "ready on " + n.listen + ": recovered " + std::to_string(n.instances) + " instances, " +
         std::to_string(n.workers) + " workers, " + std::to_string(n.chunks) + " chunks in " +
         std::to_string(n.recoveryMs) + " ms";
}

std::string sentence(const NoticesLeftOut& n) {
  return std::to_string(n.count) + " more notices of the kind " + std::string(noticeName(n.kind)) +
         " were left out within " + std::to_string(n.intervalMs) +
         " ms; holdfast-ctl status and workers tell how things are";
}

std::string sentence(const Reloaded& n) {
  return n.what + ": read anew";
}

std::string sentence(const ReloadRefused& n) {
  return n.what + ": not read anew, all of it stays as it was: " + n.error;
}

std::string sentence(const RestartNeeded& n) {
  return "the configuration has changed, and only a start takes this up: " + n.options;
}

std::string sentence(const LogLevelChanged& n) {
  return "the log tells what is of level " + n.level + " or above now, not " + n.before;
}

std::string sentence(const LimitNear& n) {
  return std::string(limitName(n.limit)) + ": " + std::to_string(n.used) + " of at most " +
         std::to_string(n.max) + "; " + std::string(remedy(n.limit));
}

std::string sentence(const CaptureEnded& n) {
  return "capture into " + n.folder + " has ended: " + n.reason;
}

std::string sentence(const InternalError& n) {
  return "internal error: " + n.error;
}

}  // namespace holdfast::notice
