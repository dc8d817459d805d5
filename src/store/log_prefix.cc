#include "store/log_prefix.h"

#include <rocksdb/file_checksum.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "store/batch_head.h"
#include "store/copy_manifest.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// A log is a row of blocks; a record is in one fragment or in several, none of which crosses the
// end of a block:
//   fragment := crc:u32 length:u16 type:u8 payload      little-endian
// crc is the masked CRC-32C of type and payload. A record is a write batch, see batch_head.h.
constexpr size_t kBlockBytes = 32768;
constexpr size_t kFragmentHeaderBytes = 7;
enum FragmentType : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

uint32_t littleEndian(const char* at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = (value << 8) | static_cast<uint8_t>(at[i]);
  return value;
}

bool checksumFits(const char* fragment, size_t length) {
  const auto crc = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
  crc->Update(fragment + 6, length + 1);
  crc->Finalize();
  const std::string sum = crc->GetChecksum();  // big-endian
  uint32_t value = 0;
  for (const char byte : sum) value = (value << 8) | static_cast<uint8_t>(byte);
  return littleEndian(fragment, 4) == ((value >> 15) | (value << 17)) + 0xa282ead8u;
}

// One log, block by block.
class LogScan {
 public:
  // `next`: the number that its first write must have; nothing: any.
  LogScan(std::istream& in, std::optional<uint64_t> next) : in_(in), next_(next) {}

  // `firstOnly`: until its first record has been read.
  void run(bool firstOnly = false) {
    std::vector<char> block(kBlockBytes);
    for (uint64_t begin = 0; damage_.empty() && !ended_ && !(firstOnly && first_);
         begin += kBlockBytes) {
      in_.read(block.data(), kBlockBytes);
      const auto got = static_cast<size_t>(in_.gcount());
      if (got == 0) break;
      scan(begin, {block.data(), got});
      if (got < kBlockBytes) ended_ = true;
    }
    // Where its writer was killed; whatever comes in other logs then has another number.
    torn_ = torn_ || inRecord_;
  }

  uint64_t goodBytes() const { return goodBytes_; }
  const std::string& damage() const { return damage_; }
  bool torn() const { return torn_; }
  std::optional<uint64_t> first() const { return first_; }
  std::optional<uint64_t> next() const { return next_; }

 private:
  void damaged(uint64_t at, const std::string& what) {
    damage_ = what + " at byte " + std::to_string(at);
  }

  void scan(uint64_t begin, std::string_view block) {
    for (size_t at = 0; damage_.empty() && at + kFragmentHeaderBytes <= block.size();) {
      const char* const fragment = block.data() + at;
      const size_t length = littleEndian(fragment + 4, 2);
      const auto type = static_cast<uint8_t>(fragment[6]);
      if (at + kFragmentHeaderBytes + length > block.size()) {
        if (block.size() == kBlockBytes) return damaged(begin + at, "its record does not fit");
        torn_ = true;
        return;
      }
      if (type < kFull || type > kLast || !checksumFits(fragment, length)) {
        return damaged(begin + at, "its record is damaged");
      }
      const bool begins = type == kFull || type == kFirst;
      if (begins == inRecord_) return damaged(begin + at, "its record is not whole");
      take(begin + at, {fragment + kFragmentHeaderBytes, length}, type);
      at += kFragmentHeaderBytes + length;
      if (damage_.empty() && !inRecord_) goodBytes_ = begin + at;
    }
  }

  void take(uint64_t at, std::string_view payload, uint8_t type) {
    const bool begins = type == kFull || type == kFirst;
    inRecord_ = type == kFirst || type == kMiddle;
    if (begins) head_.clear();
    head_ += payload.substr(0, kBatchHeadBytes - std::min(head_.size(), kBatchHeadBytes));
    if (inRecord_) return;
    if (head_.size() < kBatchHeadBytes) return damaged(at, "its record is too short");
    const BatchHead batch = batchHead(head_);
    if (next_ && batch.first != *next_) {
      return damaged(at, "write " + std::to_string(*next_) + " should come next, and it goes on " +
                             "with write " + std::to_string(batch.first));
    }
    if (!first_) first_ = batch.first;
    next_ = batch.next();
  }

  std::istream& in_;
  std::optional<uint64_t> next_;
  std::optional<uint64_t> first_;
  bool inRecord_ = false;
  bool ended_ = false;
  bool torn_ = false;
  std::string head_;  // of the record here
  uint64_t goodBytes_ = 0;
  std::string damage_;
};

bool copyFirst(const std::string& from, const std::string& to, uint64_t bytes) {
  std::error_code error;
  return fs::copy_file(from, to, error) && (fs::resize_file(to, bytes, error), !error);
}

}  // namespace

std::optional<LogBegin> readLogBegin(const std::string& path) {
  LogBegin begin;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::array<char, kFragmentHeaderBytes + kBatchHeadBytes> head{};
  if (!in.read(head.data(), head.size())) return begin;
  begin.first = batchHead({head.data() + kFragmentHeaderBytes, kBatchHeadBytes}).first;
  in.seekg(0);
  LogScan scan(in, std::nullopt);
  scan.run(true);
  begin.whole = scan.first().has_value();
  return begin;
}

Result<LogPrefix> copyTrustedLogs(const std::string& from, const std::string& to) {
  const auto failed = [](const std::string& path, const char* what) {
    return Error{ErrorCode::kUnavailable, path + what};
  };
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.ends_with(".log") && isStoreFile(name)) names.push_back(name);
  }
  if (error) return failed(from, " cannot be listed; check its owner and permissions");
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  LogPrefix prefix;
  std::optional<uint64_t> next;
  std::string torn;  // the log whose last record was not whole
  for (const std::string& name : names) {
    std::ifstream in(from + "/" + name, std::ios::binary);
    if (!in) return failed(from + "/" + name, " cannot be read; check its owner and permissions");
    LogScan scan(in, next);
    scan.run();
    if (scan.first() && prefix.firstSequence == 0) prefix.firstSequence = *scan.first();
    if (scan.next()) next = scan.next();
    if (scan.goodBytes() > 0 && !copyFirst(from + "/" + name, to + "/" + name, scan.goodBytes())) {
      return failed(to, " cannot be written; is there space?");
    }
    if (!scan.damage().empty()) {
      prefix.damage =
          name + ": " + scan.damage() +
          (torn.empty() ? "" : "; before it " + torn + " ends in the middle of a record");
      break;
    }
    torn = scan.torn() ? name : "";
  }
  if (next) prefix.lastSequence = *next - 1;
  return prefix;
}

}  // namespace holdfast
