#include "tokens/sha256.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

namespace holdfast {
namespace {

[[noreturn]] void failSha256(const char* what) {
  std::fprintf(stderr, "token hashes: %s\n", what);
  std::abort();
}

}  // namespace

Sha256::Sha256() : digest_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  if (digest_ == nullptr || context_ == nullptr) failSha256("OpenSSL offers no SHA-256");
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(digest_);
}

Sha256::Sum Sha256::sumOf(std::span<const uint8_t> bytes) {
  Sum sum;
  if (EVP_DigestInit_ex(context_, digest_, nullptr) != 1 ||
      EVP_DigestUpdate(context_, bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context_, sum.data(), nullptr) != 1) {
    failSha256("OpenSSL failed to compute a SHA-256");
  }
  return sum;
}

}  // namespace holdfast
