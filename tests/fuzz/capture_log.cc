#include <kj/exception.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "capture/crc32c.h"
#include "capture/log_format.h"
#include "capture/log_reader.h"
#include "capture/values.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

// In memory where the machine has /dev/shm.
class ScratchFolder {
 public:
  ScratchFolder() {
    const std::filesystem::path shared = "/dev/shm";
    const auto base =
        std::filesystem::is_directory(shared) ? shared : std::filesystem::temp_directory_path();
    path_ = base / ("holdfast-fuzz-" + std::to_string(getpid()));
    std::filesystem::create_directory(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string write(uint32_t number, std::string_view content) const {
    const std::string file = path_ / logFileName(number);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    return file;
  }

 private:
  std::filesystem::path path_;
};

// The messages of an entry, as a replay and a server read them. What is malformed
// throws.
void readMessage(schema::CaptureEntry::Reader entry) {
  std::vector<uint64_t> scratch;
  switch (entry.which()) {
    case schema::CaptureEntry::START:
      read(entry.getStart().getCounters());
      return;
    case schema::CaptureEntry::END:
      read(entry.getEnd().getCounters());
      return;
    case schema::CaptureEntry::LOOKUP:
      numbersOf<uint64_t>(entry.getLookup().getHashes(), scratch);
      return;
    case schema::CaptureEntry::P2P_LOOKUP:
      numbersOf<uint64_t>(entry.getP2pLookup().getHashes(), scratch);
      return;
    case schema::CaptureEntry::OPERATION:
      read(entry.getOperation());
      return;
    case schema::CaptureEntry::FOLDED:
      read(entry.getFolded());
      return;
    case schema::CaptureEntry::REGISTER:
      read(entry.getRegister());
      return;
    case schema::CaptureEntry::HEARTBEAT:
      read(entry.getHeartbeat().getLocations());
      return;
    case schema::CaptureEntry::REPORT: {
      const auto report = read(entry.getReport(), scratch);
      if (!report.ok()) return;
      const Operations& operations = report.value().operations;
      for (size_t i = 0; i < operations.size(); ++i) operations.evicts.test(i);
      return;
    }
    case schema::CaptureEntry::FULL_SYNC_START:
      read(entry.getFullSyncStart());
      return;
    case schema::CaptureEntry::FULL_SYNC_BATCH:
      read(entry.getFullSyncBatch(), scratch);
      return;
    case schema::CaptureEntry::FULL_SYNC_END:
      read(entry.getFullSyncEnd());
      return;
    case schema::CaptureEntry::ANSWERED:
      read(entry.getAnswered().getOutcome());
      return;
    default:
      return;
  }
}

void readLog(const std::vector<std::string>& files) {
  const auto reader = LogReader::open(files);
  if (!reader.ok()) return;
  LogReader& log = *reader.value();
  while (log.next()) {
    FUZZ_CHECK(log.bytesRead() <= log.bytesTotal());
    kj::runCatchingExceptions([&] { readMessage(log.entry()); });
  }
  FUZZ_CHECK(log.bytesRead() <= log.bytesTotal());
}

// The payloads of a file with the right checksums in front.
std::string sealed(std::string_view file) {
  std::string out(kLogMagic);
  size_t at = kLogMagic.size();
  while (at + kFrameHeaderBytes <= file.size()) {
    uint32_t length = 0;
    std::memcpy(&length, file.data() + at, sizeof(length));
    const std::string_view payload = file.substr(at + kFrameHeaderBytes, length);
    length = static_cast<uint32_t>(payload.size());
    const uint32_t checksum = crc32c(payload.data(), payload.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof(length));
    out.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
    out += payload;
    at += kFrameHeaderBytes + payload.size();
  }
  return out;
}

}  // namespace

// One file of a log, as it is and with the right checksums.
void captureLog(std::string_view input) {
  static const ScratchFolder folder;
  readLog({folder.write(1, input)});
  readLog({folder.write(1, sealed(input))});
}

}  // namespace holdfast::fuzz
