// Notices of the store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/notices/subjects.h"

namespace holdfast::notice {

struct ReadOnly {
  static constexpr std::string_view kName = "read_only";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string reason;

  void fields(auto& visit) const { visit("reason", std::string_view(reason)); }
};

struct Writable {
  static constexpr std::string_view kName = "writable";
  static constexpr NoticeLevel kLevel = kInfo;

  void fields(auto&) const {}
};

struct FoldFailed {
  static constexpr std::string_view kName = "fold_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  LocationName location;
  std::string error;

  void fields(auto& visit) const {
    location.fields(visit);
    visit("error", std::string_view(error));
  }
};

// At the start: workers of which the store has lost something that was confirmed.
struct WorkersBehind {
  static constexpr std::string_view kName = "workers_behind";
  static constexpr NoticeLevel kLevel = kWarning;
  uint64_t workers = 0;

  void fields(auto& visit) const { visit("workers", workers); }
};

// At the start: workers whose stored records are damaged.
struct WorkersQuarantined {
  static constexpr std::string_view kName = "workers_quarantined";
  static constexpr NoticeLevel kLevel = kWarning;
  uint64_t workers = 0;

  void fields(auto& visit) const { visit("workers", workers); }
};

struct BackupMade {
  static constexpr std::string_view kName = "backup_made";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string path;
  uint64_t bytes = 0;
  uint64_t sequence = 0;  // the last write that it holds

  void fields(auto& visit) const {
    visit("path", std::string_view(path));
    visit("bytes", bytes);
    visit("sequence", sequence);
  }
};

// Another controller of the group begins with a copy of the store.
struct CopyGiven {
  static constexpr std::string_view kName = "copy_given";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string caller;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t sequence = 0;  // the last write that it holds

  void fields(auto& visit) const {
    visit("caller", std::string_view(caller));
    visit("files", files);
    visit("bytes", bytes);
    visit("sequence", sequence);
  }
};

struct CopyEnded {
  static constexpr std::string_view kName = "copy_ended";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string caller;
  uint64_t bytesRead = 0;
  uint64_t bytes = 0;
  uint64_t ms = 0;    // from its begin
  bool idle = false;  // it was given up, since nothing was asked of it any more

  void fields(auto& visit) const {
    visit("caller", std::string_view(caller));
    visit("bytes_read", bytesRead);
    visit("bytes", bytes);
    visit("ms", ms);
    visit("idle", idle);
  }
};

struct CopyFailed {
  static constexpr std::string_view kName = "copy_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string caller;
  std::string error;

  void fields(auto& visit) const {
    visit("caller", std::string_view(caller));
    visit("error", std::string_view(error));
  }
};

struct BackupFailed {
  static constexpr std::string_view kName = "backup_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string error;

  void fields(auto& visit) const { visit("error", std::string_view(error)); }
};

}  // namespace holdfast::notice
