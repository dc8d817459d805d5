// From the hash of a chunk, and the model it belongs to, to where the index puts it.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace holdfast {

// For one salt a bijection, so that different chunks of one model never share a slot; under
// another salt the same hash is another mixed key. The index stores mixed keys and never needs
// the hash back.
class KeyMixer {
 public:
  explicit constexpr KeyMixer(uint64_t salt) : salt_(fmix64(salt + 0x9E3779B97F4A7C15u)) {}
  constexpr uint64_t operator()(ChunkHash key) const { return mixed(salted(key)); }
  // Half way: equal where the mixed keys are, whichever models they are of.
  constexpr uint64_t salted(ChunkHash key) const { return key ^ salt_; }
  static constexpr uint64_t mixed(uint64_t salted) { return splitmix64Finalise(salted); }
  // salted(key) is key ^ salt().
  constexpr uint64_t salt() const { return salt_; }

  // The hash that is mixed to this.
  constexpr ChunkHash inverse(uint64_t mixed) const {
    uint64_t x = mixed;
    x = (x ^ (x >> 31) ^ (x >> 62)) * 0x319642B2D24D8EC3u;
    x = (x ^ (x >> 27) ^ (x >> 54)) * 0x96DE1B173F119089u;
    return (x ^ (x >> 30) ^ (x >> 60)) ^ salt_;
  }

 private:
  uint64_t salt_;
};
static_assert(KeyMixer(1).inverse(KeyMixer(1)(0x0123456789ABCDEFu)) == 0x0123456789ABCDEFu);

}  // namespace holdfast
