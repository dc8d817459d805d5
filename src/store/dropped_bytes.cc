#include "store/dropped_bytes.h"

#include <cstdlib>
#include <utility>

namespace holdfast {
namespace {

constexpr size_t kLogsMax = 64;

}  // namespace

void DroppedBytes::take(std::string_view line) {
  // "(ignoring error) /data/000012.log: dropping 4096 bytes; Corruption: checksum mismatch"
  constexpr std::string_view kDropping = ".log: dropping ";
  constexpr std::string_view kBytes = " bytes; ";
  const size_t at = line.find(kDropping);
  if (at == std::string_view::npos) return;
  const size_t slash = line.rfind('/', at);
  const size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  const std::string name(line.substr(begin, at + 4 - begin));
  const std::string_view rest = line.substr(at + kDropping.size());
  const size_t reason = rest.find(kBytes);
  const MutexLock lock(mutex_);
  if (!logs_.contains(name) && logs_.size() >= kLogsMax) return;
  Log& log = logs_[name];
  log.bytes += std::strtoull(std::string(rest.substr(0, 20)).c_str(), nullptr, 10);
  if (log.reason.empty() && reason != std::string_view::npos) {
    log.reason = rest.substr(reason + kBytes.size());
  }
}

std::vector<std::string> DroppedBytes::takeSentences() {
  const MutexLock lock(mutex_);
  std::vector<std::string> sentences;
  for (const auto& [name, log] : std::exchange(logs_, {})) {
    sentences.push_back("of log " + name + " " + std::to_string(log.bytes) +
                        " bytes cannot be read" +
                        (log.reason.empty() ? "" : " (" + log.reason + ")"));
  }
  return sentences;
}

}  // namespace holdfast
