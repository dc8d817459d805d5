#include "format/keys.h"

#include <charconv>
#include <cstdio>

#include "core/check.h"

namespace holdfast {
namespace {

template <typename T>
T readBigEndian(std::string_view bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((uint64_t{value} << 8) | static_cast<uint8_t>(bytes[at + i]));
  }
  return value;
}

template <typename T>
void writeBigEndian(char* to, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    to[i] = static_cast<char>((uint64_t{value} >> (8 * (sizeof(T) - 1 - i))) & 0xFF);
  }
}

}  // namespace

StoreKey& StoreKey::tag(char value) {
  bytes_[size_++] = value;
  return *this;
}

StoreKey& StoreKey::u16(uint16_t value) {
  writeBigEndian(bytes_.data() + size_, value);
  size_ = static_cast<uint8_t>(size_ + sizeof(value));
  return *this;
}

StoreKey& StoreKey::u32(uint32_t value) {
  writeBigEndian(bytes_.data() + size_, value);
  size_ = static_cast<uint8_t>(size_ + sizeof(value));
  return *this;
}

StoreKey& StoreKey::u64(uint64_t value) {
  writeBigEndian(bytes_.data() + size_, value);
  size_ = static_cast<uint8_t>(size_ + sizeof(value));
  return *this;
}

StoreKey StoreKey::end() const {
  StoreKey after = *this;
  while (after.size_ > 0 && after.bytes_[after.size_ - 1] == '\xff') --after.size_;
  // Tags are letters, so there is always a byte left to raise.
  HOLDFAST_CHECK(after.size_ > 0, "a key without a tag");
  char& last = after.bytes_[after.size_ - 1];
  last = static_cast<char>(static_cast<uint8_t>(last) + 1);
  return after;
}

StoreKey instanceKey() {
  return StoreKey().tag('I');
}
StoreKey workerKey() {
  return StoreKey().tag('W');
}
StoreKey locationsPrefix() {
  return StoreKey().tag('L');
}
StoreKey locationKey(uint16_t location) {
  return StoreKey().tag('L').u16(location);
}

StoreKey segmentsPrefix(uint16_t location) {
  return StoreKey().tag('S').u16(location);
}
StoreKey segmentsPrefix(uint16_t location, uint32_t generation) {
  return segmentsPrefix(location).u32(generation);
}
StoreKey segmentsPrefix(uint16_t location, uint32_t generation, uint32_t fold) {
  return segmentsPrefix(location, generation).u32(fold);
}
StoreKey segmentKey(const SegmentKey& key) {
  return segmentsPrefix(key.location, key.generation, key.fold).u32(key.n);
}

StoreKey journalPrefix(uint16_t location) {
  return StoreKey().tag('J').u16(location);
}
StoreKey journalPrefix(uint16_t location, uint32_t generation) {
  return journalPrefix(location).u32(generation);
}
StoreKey journalKey(const JournalKey& key) {
  return journalPrefix(key.location, key.generation).u32(key.stream).u64(key.firstSeq);
}

StoreKey batchesPrefix(uint16_t location) {
  return StoreKey().tag('Y').u16(location);
}
StoreKey batchesPrefix(uint16_t location, uint32_t generation) {
  return batchesPrefix(location).u32(generation);
}
StoreKey batchKey(const BatchKey& key) {
  return batchesPrefix(key.location, key.generation).u32(key.number);
}

StoreKey pinsPrefix(uint16_t location) {
  return StoreKey().tag('P').u16(location);
}
StoreKey pinKey(const PinKey& key) {
  return pinsPrefix(key.location).u64(key.chunk);
}

std::optional<uint16_t> parseLocationKey(std::string_view key) {
  if (key.size() != 3 || key[0] != 'L') return std::nullopt;
  return readBigEndian<uint16_t>(key, 1);
}

std::optional<SegmentKey> parseSegmentKey(std::string_view key) {
  if (key.size() != 15 || key[0] != 'S') return std::nullopt;
  return SegmentKey{readBigEndian<uint16_t>(key, 1), readBigEndian<uint32_t>(key, 3),
                    readBigEndian<uint32_t>(key, 7), readBigEndian<uint32_t>(key, 11)};
}

std::optional<JournalKey> parseJournalKey(std::string_view key) {
  if (key.size() != 19 || key[0] != 'J') return std::nullopt;
  return JournalKey{readBigEndian<uint16_t>(key, 1), readBigEndian<uint32_t>(key, 3),
                    readBigEndian<uint32_t>(key, 7), readBigEndian<uint64_t>(key, 11)};
}

std::optional<BatchKey> parseBatchKey(std::string_view key) {
  if (key.size() != 11 || key[0] != 'Y') return std::nullopt;
  return BatchKey{readBigEndian<uint16_t>(key, 1), readBigEndian<uint32_t>(key, 3),
                  readBigEndian<uint32_t>(key, 7)};
}

std::optional<PinKey> parsePinKey(std::string_view key) {
  if (key.size() != 11 || key[0] != 'P') return std::nullopt;
  return PinKey{readBigEndian<uint16_t>(key, 1), readBigEndian<uint64_t>(key, 3)};
}

std::string ownerKey(std::string_view family) {
  return std::string(kOwnerPrefix).append(family);
}

std::string eventKey(std::string_view id) {
  return std::string(1, kEventTag).append(id);
}

std::string familyName(uint32_t number) {
  char name[16];
  std::snprintf(name, sizeof(name), "f/%05u", number);
  return name;
}

std::optional<uint32_t> parseFamilyName(std::string_view name) {
  if (!name.starts_with(kFamilyPrefix)) return std::nullopt;
  name.remove_prefix(kFamilyPrefix.size());
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace holdfast
