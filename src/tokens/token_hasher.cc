#include "tokens/token_hasher.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "tokens/cbor.h"
#include "tokens/python_hash.h"
#include "tokens/sha256.h"

namespace holdfast {
namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "token hasher: %s\n", what);
  std::abort();
}

uint64_t bigEndian(std::span<const uint8_t, 8> bytes) {
  uint64_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

}  // namespace

TokenHasher::TokenHasher(const HashSettings& settings) : settings_(settings) {
  if (const auto wrong = settings.validate()) fail(wrong->message.c_str());
  if (!isPythonHash(settings.algorithm)) {
    sha256_ = std::make_unique<Sha256>();
    // Array of three, the previous hash, the array of tokens, one byte for no extra keys.
    cbor_.resize(4 * cbor::kHeadBytesMax + size_t{5} * settings.chunkSize);
  }
}

TokenHasher::~TokenHasher() = default;

size_t TokenHasher::chunkCount(size_t tokens) const {
  const size_t full = tokens / settings_.chunkSize;
  const bool rest = tokens % settings_.chunkSize != 0;
  return full + (rest && settings_.saveUnfullChunk ? 1 : 0);
}

size_t TokenHasher::chunkEnd(size_t index, size_t tokens) const {
  return std::min((index + 1) * settings_.chunkSize, tokens);
}

uint64_t TokenHasher::hashChunk(uint64_t previous, std::span<const uint32_t> tokens) {
  const HashAlgorithm algorithm = settings_.algorithm;
  if (sha256_ == nullptr) {
    python_hash::Tuple tuple;
    tuple.add(python_hash::ofInt(static_cast<int64_t>(previous)));
    tuple.add(python_hash::ofTokens(tokens));
    tuple.add(algorithm == HashAlgorithm::builtinNone ? python_hash::kNone
                                                      : python_hash::kEmptyTuple);
    return tuple.finish();
  }
  const bool older = algorithm == HashAlgorithm::sha256Cbor64;
  uint8_t* to = cbor::putHead(cbor_.data(), cbor::kArray, 3);
  to = cbor::putHead(to, cbor::kUnsigned, previous);
  to = cbor::putHead(to, cbor::kArray, tokens.size());
  for (const uint32_t token : tokens) to = cbor::putHead(to, cbor::kUnsigned, token);
  *to++ = older ? cbor::kNull : cbor::kEmptyArray;
  const Sha256::Sum sum = sha256_->sumOf({cbor_.data(), static_cast<size_t>(to - cbor_.data())});
  const std::span<const uint8_t, 32> bytes(sum);
  return older ? bigEndian(bytes.last<8>()) : bigEndian(bytes.first<8>());
}

void TokenHasher::hash(std::span<const uint32_t> tokens, std::vector<TokenChunk>& chunks) {
  if (tokens.size() > std::numeric_limits<uint32_t>::max()) fail("more than 2^32-1 tokens");
  chunks.resize(chunkCount(tokens.size()));
  uint64_t previous = settings_.noneHash;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const size_t start = i * settings_.chunkSize;
    const size_t end = chunkEnd(i, tokens.size());
    previous = hashChunk(previous, tokens.subspan(start, end - start));
    chunks[i] = {static_cast<uint32_t>(start), static_cast<uint32_t>(end), previous};
  }
}

void TokenHasher::hash(std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes) {
  hashes.clear();
  extend(tokens, hashes, tokens.size());
}

bool TokenHasher::extend(std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes,
                         size_t tokensMax) {
  const size_t chunks = chunkCount(tokens.size());
  const size_t first = hashes.size();
  const size_t piece = (tokensMax + settings_.chunkSize - 1) / settings_.chunkSize;
  const size_t last = std::min(chunks, first + std::max<size_t>(piece, 1));
  hashes.resize(last);
  uint64_t previous = first == 0 ? settings_.noneHash : hashes[first - 1];
  for (size_t i = first; i < last; ++i) {
    const size_t start = i * settings_.chunkSize;
    previous = hashChunk(previous, tokens.subspan(start, chunkEnd(i, tokens.size()) - start));
    hashes[i] = previous;
  }
  return last == chunks;
}

}  // namespace holdfast
