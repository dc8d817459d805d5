#include "core/registry/registry_digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

namespace holdfast {
namespace {

// encoding := instance:string worker:u32 location:string count:u64 a:u64 b:u64
//             [incarnation:u64 seq:u64]        (the last two in the registry digest only)
// string   := length:u32 bytes                 all integers little-endian
void put(std::string& out, uint32_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put(std::string& out, uint64_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put(std::string& out, std::string_view text) {
  put(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

std::string encode(std::string_view instance, uint32_t worker, std::string_view location,
                   uint64_t count, const KeyDigest& keys) {
  std::string out;
  put(out, instance);
  put(out, worker);
  put(out, location);
  put(out, count);
  put(out, keys.a);
  put(out, keys.b);
  return out;
}

void addTo(RegistryDigest& digest, const std::string& encoding) {
  const XXH128_hash_t hash = XXH3_128bits(encoding.data(), encoding.size());
  digest.low += hash.low64;
  digest.high += hash.high64;
}

}  // namespace

void RegistryDigest::addContent(std::string_view instance, uint32_t worker,
                                std::string_view location, uint64_t count, const KeyDigest& keys) {
  addTo(*this, encode(instance, worker, location, count, keys));
}

void RegistryDigest::addState(std::string_view instance, uint32_t worker, std::string_view location,
                              uint64_t count, const KeyDigest& keys, uint64_t incarnation,
                              uint64_t seq) {
  std::string encoding = encode(instance, worker, location, count, keys);
  put(encoding, incarnation);
  put(encoding, seq);
  addTo(*this, encoding);
}

std::string RegistryDigest::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out(32, '0');
  for (int i = 0; i < 16; ++i) {
    out[static_cast<size_t>(15 - i)] = kDigits[(high >> (4 * i)) & 15];
    out[static_cast<size_t>(31 - i)] = kDigits[(low >> (4 * i)) & 15];
  }
  return out;
}

}  // namespace holdfast
