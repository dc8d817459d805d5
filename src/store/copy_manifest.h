// What a copy of a store consists of: the file COPY in its directory, written last, so that a copy
// that is not whole shows. Backups have one, the stores that migrations and captures keep, imports
// and salvaged stores.
//
//   file := "holdfast-copy 1" line
//           "cluster" hex32 line       of the store
//           "format" number line       of its records
//           "write" number line        RocksDB's number of the last write in it
//           "made" number line         ms since 1970-01-01 UTC
//           "registry" digest line     the registry's as of that write: hex32, "-" if not known
//           { "file" name bytes checksum line }      of each file; its checksum: hex8, "-" if
//           unknown "end" number hex8 line     how many files; the checksum of all that stands
//           above
//
// Words are parted by one space, a line ends with '\n'. Checksums are CRC-32C. An empty file COPY
// is that of a copy which is being made, or was broken off.
//
// A store that is started on is a copy no more: the start renames the file to COPY.started. One
// that was started on by a program that does not know of it is told by CURRENT, which every start
// writes anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "format/registry_records.h"

namespace holdfast {

inline constexpr const char* kCopyFile = "COPY";
inline constexpr const char* kStartedCopyFile = "COPY.started";

struct CopiedFile {
  std::string name;
  uint64_t bytes = 0;
  std::string checksum;  // empty: not known
};

struct CopyManifest {
  std::string clusterId;  // 32 hexadecimal digits
  uint32_t format = 0;
  uint64_t sequence = 0;  // RocksDB's number of the last write
  uint64_t madeWallMs = 0;
  std::string registryDigest;  // 32 hexadecimal digits; empty: not known
  std::vector<CopiedFile> files;
};

std::string encodeCopyManifest(const CopyManifest& manifest);
// Nothing if it is cut or changed: what is decoded encodes to this text.
std::optional<CopyManifest> decodeCopyManifest(std::string_view text);

// Of the files in a directory as they are, table files without checksums: those have their own.
Result<std::vector<CopiedFile>> filesOfCopy(const std::string& directory);

// CRC-32C of what is added, as 8 hexadecimal digits.
class FileChecksum {
 public:
  FileChecksum();
  ~FileChecksum();
  FileChecksum(FileChecksum&&) noexcept;
  FileChecksum& operator=(FileChecksum&&) = delete;

  void add(const char* data, size_t bytes);
  // The last call.
  std::string hex();

 private:
  struct Generator;
  std::unique_ptr<Generator> generator_;
};
// Of a file's first `bytes`. Before each MiB or so `step` is told how many were read since its last
// call and may say why to break off. The error says what is wrong.
Result<std::string> checksumOf(const std::string& path, uint64_t bytes,
                               const std::function<std::optional<Error>(uint64_t)>& step);

// What is wrong with one file of a copy.
struct CopyFault {
  enum class Kind { kMissing, kSize, kExtra };
  Kind kind = Kind::kMissing;
  std::string file;
  std::string what;  // for people
};

// A directory as its file COPY says it should be, by names and sizes.
struct CopyState {
  enum class Kind {
    kNone,        // there is no such file: it is no copy, or an old one
    kUnfinished,  // it is being made, or that was broken off
    kDamaged,     // the file is cut or changed
    kUsed,        // the store was started on since: nothing more can be said
    kCopy,        // whole, if there are no faults
  };
  Kind kind = Kind::kNone;
  CopyManifest manifest;  // of kUsed and kCopy
  std::vector<CopyFault> faults;
};
// Reads nothing but COPY and CURRENT. The error: it cannot be read.
Result<CopyState> stateOfCopy(const std::string& directory);

// Whether it is a whole copy, never started on, of a store with this cluster id and format.
bool isWholeCopyOf(const std::string& directory, const FormatRecord& format);

// Before a store is started on: an error if it is a copy that is not whole, which says what to do.
// What comes back otherwise is for the log; empty: nothing.
Result<std::string> startOnCopy(const std::string& directory);

// Whether a file of a store may have this name.
bool isStoreFile(std::string_view name);

// ms since 1970-01-01 UTC.
uint64_t wallMsNow();
// Two hexadecimal digits a byte; the cluster id of a store in that way.
std::string hexDigits(std::string_view bytes);
std::string clusterText(const FormatRecord& format);

}  // namespace holdfast
