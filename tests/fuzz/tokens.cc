#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tokens/token_hasher.h"

namespace holdfast::fuzz {
namespace {

void checkNoneHash(std::string_view text, HashAlgorithm algorithm) {
  const std::optional<uint64_t> parsed = parseNoneHash(text, algorithm);
  if (!parsed) return;
  FUZZ_CHECK(parseNoneHash(noneHashText(*parsed, algorithm), algorithm) == parsed);
}

void checkPieces(const HashSettings& settings, const std::vector<uint32_t>& tokens, size_t piece) {
  TokenHasher hasher(settings);
  std::vector<uint64_t> atOnce;
  hasher.hash(tokens, atOnce);
  FUZZ_CHECK(atOnce.size() == hasher.chunkCount(tokens.size()));
  FUZZ_CHECK(atOnce.empty() || hasher.chunkEnd(atOnce.size() - 1, tokens.size()) <= tokens.size());
  std::vector<uint64_t> inPieces;
  while (!hasher.extend(tokens, inPieces, piece)) {
  }
  FUZZ_CHECK(inPieces == atOnce);
}

}  // namespace

// The first bytes are the settings, the rest tokens; and the whole a hash of None as text.
void tokens(std::string_view input) {
  for (const HashAlgorithm algorithm : kHashAlgorithms) checkNoneHash(input, algorithm);
  if (input.size() < 4) return;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(input[i]); };
  HashSettings settings;
  settings.chunkSize = byte(0);
  settings.algorithm = kHashAlgorithms[byte(1) % std::size(kHashAlgorithms)];
  settings.saveUnfullChunk = (byte(1) & 4) != 0;
  settings.noneHash = byte(2);
  if (settings.validate()) return;
  const std::string_view rest = input.substr(4);
  std::vector<uint32_t> tokens(std::min<size_t>(rest.size() / sizeof(uint32_t), 4096));
  if (tokens.empty()) return;
  std::memcpy(tokens.data(), rest.data(), tokens.size() * sizeof(uint32_t));
  checkPieces(settings, tokens, byte(3));
}

}  // namespace holdfast::fuzz
