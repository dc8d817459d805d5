// A copy of a store in the making. It is made in PATH.partial and renamed to PATH when it is whole,
// so what is at PATH is whole, and a process that is killed does not block the name.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "store/copy_manifest.h"

namespace holdfast {

class StagedDirectory {
 public:
  // Makes PATH.partial with an empty file COPY in it, whose lock says that it is being made. What a
  // killed process left there is removed first; anything else is left alone and is an error, which
  // says what to do. PATH itself must not exist, or be an empty directory.
  static Result<std::unique_ptr<StagedDirectory>> begin(const std::string& path);
  // Removes it, unless it was published.
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  // Where it will be, and where it is made.
  const std::string& path() const { return path_; }
  const std::string& directory() const { return directory_; }

  // Writes the file COPY and gives the directory its name, all on stable storage; the files in it
  // must be so already. The last call.
  std::optional<Error> publish(const CopyManifest& manifest);

 private:
  StagedDirectory(std::string path, std::string directory, int copyFile);

  const std::string path_;
  const std::string directory_;
  const int copyFile_;
  bool published_ = false;
};

}  // namespace holdfast
