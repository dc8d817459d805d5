#include <kj/exception.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "capture/crc32c.h"
#include "capture/entries.h"
#include "capture/log_format.h"
#include "capture/log_reader.h"
#include "capture/replay_store.h"
#include "core/controller.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/ignored_link.h"
#include "tests/support/recorded_notices.h"
#include "wire/counters.h"

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

class StillClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return 1'000; }
  uint64_t wallMs() const override { return 1'700'000'000'000; }
};

// The messages of an entry, as a replay reads them. What is malformed throws or is an error.
class Messages {
 public:
  void read(schema::CaptureEntry::Reader entry) {
    if (entry.isStart()) {
      holdfast::read(entry.getStart().getCounters());
    } else if (entry.isEnd()) {
      holdfast::read(entry.getEnd().getCounters());
    } else if (auto input = reading_.read(entry, kNoSession); input.ok()) {
      std::visit([](const auto& one) { use(one); }, input.value());
    }
  }

 private:
  static void use(const auto&) {}
  static void use(const input::Report& report) {
    const Operations& operations = report.message.operations;
    for (size_t i = 0; i < operations.size(); ++i) operations.evicts.test(i);
  }

  StillClock clock_;
  ReplayStore store_{nullptr, {}};
  test::IgnoredNotices notices_;
  test::IgnoredLink link_;
  // Never changes; look-ups need one.
  Controller controller_{ControllerOptions(), clock_, store_, [] { return uint64_t{1}; }, notices_};
  PromptLookup lookup_ = controller_.newLookup();
  EntryReading reading_{link_, lookup_};
};

void readLog(const std::vector<std::string>& files) {
  static Messages messages;
  const auto reader = LogReader::open(files);
  if (!reader.ok()) return;
  LogReader& log = *reader.value();
  while (log.next()) {
    FUZZ_CHECK(log.bytesRead() <= log.bytesTotal());
    kj::runCatchingExceptions([&] { messages.read(log.entry()); });
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
