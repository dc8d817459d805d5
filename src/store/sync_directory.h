// What was made, renamed or removed in a directory is on stable storage.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

namespace holdfast {

// False: it is not, and errno says why.
inline bool syncDirectory(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return false;
  const bool synced = fsync(file) == 0;
  close(file);
  return synced;
}

}  // namespace holdfast
