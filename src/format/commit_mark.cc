#include "format/commit_mark.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "format/checksum.h"

namespace holdfast {
namespace {

constexpr uint32_t kMagic = 0x314D4648;  // "HFM1"
constexpr size_t kFrameHeaderBytes = 3 * sizeof(uint32_t);

// Numbers as they are in memory: Holdfast runs on little-endian machines.
class FrameWriter {
 public:
  template <typename Number>
  void number(Number value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void text(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    bytes += value;
  }
  std::string bytes;
};

class FrameReader {
 public:
  explicit FrameReader(std::string_view bytes) : left_(bytes) {}
  template <typename Number>
  Number number() {
    Number value{};
    if (left_.size() < sizeof(value)) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof(value));
    left_.remove_prefix(sizeof(value));
    return value;
  }
  std::string text() {
    const auto size = number<uint32_t>();
    if (left_.size() < size) {
      ok_ = false;
      return {};
    }
    std::string value(left_.substr(0, size));
    left_.remove_prefix(size);
    return value;
  }
  // False when there was less than what was asked for.
  bool ok() const { return ok_; }

 private:
  std::string_view left_;
  bool ok_ = true;
};

void put(FrameWriter& to, uint32_t number, const FamilyMark* family) {
  to.number(number);
  to.number(static_cast<uint8_t>(family != nullptr));
  if (family == nullptr) return;
  to.number(static_cast<uint8_t>(family->owner.kind));
  to.number(family->owner.worker);
  to.text(family->owner.instance);
  to.number(static_cast<uint32_t>(family->locations.size()));
  for (const LocationMark& location : family->locations) {
    to.number(location.location);
    to.number(location.generation);
    to.number(location.stream);
    to.number(location.seq);
    to.number(location.owed);
  }
}

void take(FrameReader& from, CommitMark& mark) {
  const auto number = from.number<uint32_t>();
  if (from.number<uint8_t>() == 0) {
    mark.families.erase(number);
    return;
  }
  FamilyMark family;
  family.owner.kind = static_cast<OwnerKind>(from.number<uint8_t>());
  family.owner.worker = from.number<uint32_t>();
  family.owner.instance = from.text();
  const auto locations = from.number<uint32_t>();
  for (uint32_t i = 0; i < locations && from.ok(); ++i) {
    LocationMark location;
    location.location = from.number<uint16_t>();
    location.generation = from.number<uint32_t>();
    location.stream = from.number<uint32_t>();
    location.seq = from.number<uint64_t>();
    location.owed = from.number<uint64_t>();
    family.locations.push_back(location);
  }
  mark.families[number] = std::move(family);
}

bool takeFrame(std::string_view payload, CommitMark& mark) {
  FrameReader from(payload);
  for (uint8_t& byte : mark.store) byte = from.number<uint8_t>();
  mark.identity = from.text();
  mark.boot = from.text();
  mark.committed = from.number<uint64_t>();
  mark.synced = from.number<uint64_t>();
  mark.manifest = from.text();
  mark.manifestBytes = from.number<uint64_t>();
  mark.manifestCrc = from.number<uint32_t>();
  mark.endLog = from.number<uint64_t>();
  mark.base = from.number<uint64_t>();
  mark.logs.clear();
  const auto logs = from.number<uint32_t>();
  for (uint32_t i = 0; i < logs && from.ok(); ++i) mark.logs.insert(from.number<uint64_t>());
  const auto families = from.number<uint32_t>();
  for (uint32_t i = 0; i < families && from.ok(); ++i) take(from, mark);
  return from.ok();
}

}  // namespace

std::string encodeMarkFrame(const CommitMark& mark, const std::vector<uint32_t>& families) {
  FrameWriter payload;
  for (const uint8_t byte : mark.store) payload.number(byte);
  payload.text(mark.identity);
  payload.text(mark.boot);
  payload.number(mark.committed);
  payload.number(mark.synced);
  payload.text(mark.manifest);
  payload.number(mark.manifestBytes);
  payload.number(mark.manifestCrc);
  payload.number(mark.endLog);
  payload.number(mark.base);
  payload.number(static_cast<uint32_t>(mark.logs.size()));
  for (const uint64_t log : mark.logs) payload.number(log);
  payload.number(static_cast<uint32_t>(families.size()));
  for (const uint32_t number : families) {
    const auto found = mark.families.find(number);
    put(payload, number, found == mark.families.end() ? nullptr : &found->second);
  }
  FrameWriter frame;
  frame.number(kMagic);
  frame.number(static_cast<uint32_t>(payload.bytes.size()));
  frame.number(extendCrc32c(0, payload.bytes));
  frame.bytes += payload.bytes;
  return std::move(frame.bytes);
}

std::optional<CommitMark> decodeMark(std::string_view frames, size_t* bytes) {
  std::optional<CommitMark> mark;
  size_t at = 0;
  while (frames.size() - at >= kFrameHeaderBytes) {
    FrameReader header(frames.substr(at, kFrameHeaderBytes));
    const auto magic = header.number<uint32_t>();
    const auto size = header.number<uint32_t>();
    const auto crc = header.number<uint32_t>();
    const std::string_view rest = frames.substr(at + kFrameHeaderBytes);
    if (magic != kMagic || size > rest.size()) break;
    const std::string_view payload = rest.substr(0, size);
    if (extendCrc32c(0, payload) != crc) break;
    CommitMark next = mark ? std::move(*mark) : CommitMark();
    if (!takeFrame(payload, next)) break;
    mark = std::move(next);
    at += kFrameHeaderBytes + size;
  }
  if (bytes != nullptr) *bytes = at;
  return mark;
}

ReadMark readCommitMark(const std::string& dataDir) {
  const std::string path = dataDir + "/" + kCommitMarkFile;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return {};
    return {std::nullopt, std::string("it cannot be opened: ") + std::strerror(errno)};
  }
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ReadMark read;
  size_t whole = 0;
  read.mark = decodeMark(bytes, &whole);
  // A frame that was being written when the process ended is shorter than it says; damage is not.
  if (!read.mark) {
    read.problem = "it says nothing";
  } else if (bytes.size() - whole >= kFrameHeaderBytes) {
    FrameReader header(std::string_view(bytes).substr(whole));
    const auto magic = header.number<uint32_t>();
    const auto size = header.number<uint32_t>();
    if (magic != kMagic || bytes.size() - whole - kFrameHeaderBytes >= size) {
      read.problem = "it is damaged at byte " + std::to_string(whole);
      // What was deleted since then is not known.
      read.mark->logs.clear();
    }
  }
  const std::string identity = readIdentity(dataDir);
  if (read.mark && !identity.empty() && identity != read.mark->identity) {
    return {std::nullopt, "it does not belong to this store, by the file IDENTITY"};
  }
  return read;
}

std::string readIdentity(const std::string& dataDir) {
  std::string identity;
  std::ifstream(dataDir + "/IDENTITY") >> identity;
  return identity;
}

}  // namespace holdfast
