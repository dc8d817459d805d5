// Notices of the controller itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/limits.h"
#include "core/notices/subjects.h"

namespace holdfast::notice {

// The first line of a log.
struct Starting {
  static constexpr std::string_view kName = "starting";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string version;
  uint64_t pid = 0;
  std::string dataDir;
  uint64_t format = 0;  // of the store, as this program writes it
  std::string listen;   // addresses, separated by commas
  std::string auth;     // who may come in: "off", ...
  std::string options;  // that differ from their defaults: "--fold-floor=1 --workers-max=8"

  void fields(auto& visit) const {
    visit("version", std::string_view(version));
    visit("pid", pid);
    visit("data_dir", std::string_view(dataDir));
    visit("format", format);
    visit("listen", std::string_view(listen));
    visit("auth", std::string_view(auth));
    visit("options", std::string_view(options));
  }
};

struct Recovering {
  static constexpr std::string_view kName = "recovering";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string phase;
  std::string unit;  // of what is counted: "keys"
  uint64_t done = 0;
  uint64_t total = 0;  // 0: unknown
  uint64_t seconds = 0;
  uint64_t secondsRemaining = 0;  // 0: unknown

  void fields(auto& visit) const {
    visit("phase", std::string_view(phase));
    visit("unit", std::string_view(unit));
    visit("done", done);
    visit("total", total);
    visit("seconds", seconds);
    visit("seconds_remaining", secondsRemaining);
  }
};

struct Migrating {
  static constexpr std::string_view kName = "migrating";
  static constexpr NoticeLevel kLevel = kInfo;
  uint64_t format = 0;  // that is made
  std::string step;
  uint64_t mibDone = 0;
  uint64_t mibTotal = 0;
  uint64_t secondsRemaining = 0;

  void fields(auto& visit) const {
    visit("format", format);
    visit("step", std::string_view(step));
    visit("mib_done", mibDone);
    visit("mib_total", mibTotal);
    visit("seconds_remaining", secondsRemaining);
  }
};

// The store is copied from another controller of the group.
struct Joining {
  static constexpr std::string_view kName = "joining";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string from;  // its address
  uint64_t mibDone = 0;
  uint64_t mibTotal = 0;
  uint64_t mibPerSecond = 0;
  uint64_t secondsRemaining = 0;

  void fields(auto& visit) const {
    visit("from", std::string_view(from));
    visit("mib_done", mibDone);
    visit("mib_total", mibTotal);
    visit("mib_per_second", mibPerSecond);
    visit("seconds_remaining", secondsRemaining);
  }
};

struct Joined {
  static constexpr std::string_view kName = "joined";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string from;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t ms = 0;
  uint64_t sequence = 0;  // the last write that it holds

  void fields(auto& visit) const {
    visit("from", std::string_view(from));
    visit("files", files);
    visit("bytes", bytes);
    visit("ms", ms);
    visit("sequence", sequence);
  }
};

// A copy that had begun to come was broken off, or is torn; others are asked, or it is tried again.
struct JoinFailed {
  static constexpr std::string_view kName = "join_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string from;
  std::string error;

  void fields(auto& visit) const {
    visit("from", std::string_view(from));
    visit("error", std::string_view(error));
  }
};

struct Ready {
  static constexpr std::string_view kName = "ready";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string listen;
  uint64_t instances = 0;  // recovered, as are the next two
  uint64_t workers = 0;
  uint64_t chunks = 0;
  uint64_t recoveryMs = 0;

  void fields(auto& visit) const {
    visit("listen", std::string_view(listen));
    visit("instances", instances);
    visit("workers", workers);
    visit("chunks", chunks);
    visit("recovery_ms", recoveryMs);
  }
};

// More of one kind than the log takes (notices/notice_limit.h).
struct NoticesLeftOut {
  static constexpr std::string_view kName = "notices_left_out";
  static constexpr NoticeLevel kLevel = kWarning;
  size_t kind = 0;  // kNoticeKind
  uint64_t count = 0;
  uint64_t intervalMs = 0;

  void fields(auto& visit) const {
    visit("of", noticeName(kind));
    visit("count", count);
    visit("interval_ms", intervalMs);
  }
};

// Something that SIGHUP has had read anew.
struct Reloaded {
  static constexpr std::string_view kName = "reloaded";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string what;

  void fields(auto& visit) const { visit("what", std::string_view(what)); }
};

// It stays as it was.
struct ReloadRefused {
  static constexpr std::string_view kName = "reload_refused";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string what;
  std::string error;

  void fields(auto& visit) const {
    visit("what", std::string_view(what));
    visit("error", std::string_view(error));
  }
};

// The configuration has changed in what only a start takes up.
struct RestartNeeded {
  static constexpr std::string_view kName = "restart_needed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string options;  // their keys, separated by commas

  void fields(auto& visit) const { visit("options", std::string_view(options)); }
};

struct LogLevelChanged {
  static constexpr std::string_view kName = "log_level_changed";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string before;
  std::string level;

  void fields(auto& visit) const {
    visit("before", std::string_view(before));
    visit("new_level", std::string_view(level));
  }
};

struct LimitNear {
  static constexpr std::string_view kName = "limit_near";
  static constexpr NoticeLevel kLevel = kWarning;
  Limit limit = Limit::kWorkers;
  uint64_t used = 0;
  uint64_t max = 0;

  void fields(auto& visit) const {
    visit("limit", limitName(limit));
    visit("used", used);
    visit("max", max);
  }
};

// The capture log cannot go on.
struct CaptureEnded {
  static constexpr std::string_view kName = "capture_ended";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string folder;
  std::string reason;

  void fields(auto& visit) const {
    visit("folder", std::string_view(folder));
    visit("reason", std::string_view(reason));
  }
};

struct InternalError {
  static constexpr std::string_view kName = "internal_error";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string error;

  void fields(auto& visit) const { visit("error", std::string_view(error)); }
};

}  // namespace holdfast::notice
