// A copy of the store that another controller reads, file by file, as the doors see it.
#pragma once

#include <kj/array.h>
#include <kj/async.h>
#include <kj/memory.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace holdfast {

// Bytes that one read may ask for, and reads of one copy that may be under way.
inline constexpr uint32_t kCopyReadBytesMax = 1 << 20;
inline constexpr uint32_t kCopyReadsMax = 16;
// Files that are listed in one answer.
inline constexpr uint32_t kCopyFilesListed = 4'096;

struct StoreCopyFile {
  std::string name;
  uint64_t bytes = 0;
  std::string checksum;  // CRC-32C, 8 hexadecimal digits; empty: not known
};

struct StoreCopyFacts {
  std::string clusterId;  // 32 hexadecimal digits
  uint32_t format = 0;
  uint64_t sequence = 0;  // RocksDB's number of the last write in it
  uint64_t madeWallMs = 0;
  std::string registryDigest;  // 32 hexadecimal digits; empty: not known
  std::vector<StoreCopyFile> files;
};

// On the loop's thread. Its end is the copy's.
class StoreCopy {
 public:
  virtual ~StoreCopy() noexcept = default;
  virtual const StoreCopyFacts& facts() const = 0;
  // So many bytes of a file, which is named by its place in the list. Fails with wireError():
  // kInvalid where there are none such, kUnavailable where the copy was given up or too many reads
  // are under way.
  virtual kj::Promise<kj::Array<kj::byte>> read(uint32_t file, uint64_t offset,
                                                uint32_t length) = 0;
};

// Of a caller, which is for the log. Fails with wireError().
using GiveCopy = std::function<kj::Promise<kj::Own<StoreCopy>>(const std::string& caller)>;

}  // namespace holdfast
