// SHA-256, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <span>

struct evp_md_st;
struct evp_md_ctx_st;

namespace holdfast {

// Fetched once: a fetch by name for each chunk costs more than hashing it. Not thread-safe.
class Sha256 {
 public:
  using Sum = std::array<uint8_t, 32>;

  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sum sumOf(std::span<const uint8_t> bytes);

 private:
  evp_md_st* digest_;
  evp_md_ctx_st* context_;
};

}  // namespace holdfast
