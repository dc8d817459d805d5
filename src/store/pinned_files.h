// A view of a store's directory that no writer can change any more: a directory of symbolic links
// to descriptors that are held open, and a copy of the list of table files (the manifest).
//
// A writer deletes table files that were merged and logs that were flushed, at any time. RocksDB's
// own ways to read beside one do not bear that: read-only, files go while they are opened; as a
// secondary instance, a family whose file has gone shows an older state, and what was read before
// hides what was merged since. So: the files are pinned first, then the manifest is copied, then
// what was made in between is pinned, too. Whatever the copy refers to existed when it was made,
// and what came later is in the logs.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/result.h"

namespace holdfast {

class PinnedFiles {
 public:
  PinnedFiles() = default;
  ~PinnedFiles();
  PinnedFiles(const PinnedFiles&) = delete;
  PinnedFiles& operator=(const PinnedFiles&) = delete;

  // Before pin(): the manifest is this one, whatever CURRENT says.
  void useManifest(const std::string& name) { manifest_ = name; }
  // Called once. The error says what is wrong and what to do.
  std::optional<Error> pin(const std::string& dataDir);

  // To be opened read-only, by this process.
  const std::string& directory() const { return directory_; }
  // Removes the directory: what has been opened stays open, and nothing is left behind if this
  // process is killed from now on.
  void unlink();
  // Where a file can be opened as it was pinned; that of the store if it was not there.
  std::string path(const std::string& name) const;
  // What RocksDB says of the files there, as if it spoke of those of the store.
  std::string translated(std::string text) const;

 private:
  std::optional<Error> pinAll();
  std::optional<Error> copyManifest();

  std::string dataDir_;
  std::string directory_;
  std::string manifest_;                    // empty: the one that CURRENT names
  std::map<std::string, int> descriptors_;  // by file name
};

}  // namespace holdfast
