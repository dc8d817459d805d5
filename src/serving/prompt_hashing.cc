#include "serving/prompt_hashing.h"

namespace holdfast {
namespace {

// A block costs what it takes beside its tokens, as if it had so many more.
constexpr size_t kTokensOfBlock = 100;

std::shared_ptr<BlockHasher> learnedOf(const Services& services, std::string_view model) {
  if (services.facts.hashing == nullptr) return nullptr;
  const std::string& usual = services.registry.tree().defaultModel();
  return services.facts.hashing->hasherOf(model.empty() ? usual : model);
}

}  // namespace

PromptHashing::PromptHashing(Services& services, std::string_view model, const PromptKeys& keys)
    : settings_(services.hasher), learned_(learnedOf(services, model)), keys_(keys) {
  if (learned_ == nullptr) return;
  refused_ = learned_->refuses(keys);
  if (!refused_) last_ = learned_->begin(keys);
}

uint32_t PromptHashing::chunkSize() const {
  return learned_ ? learned_->profile().blockSize : settings_.settings().chunkSize;
}

size_t PromptHashing::chunkCount(size_t tokens) const {
  return learned_ ? tokens / chunkSize() : settings_.chunkCount(tokens);
}

size_t PromptHashing::tokensPerTurn() const {
  if (!learned_) return kTokensPerTurn;
  return kTokensPerTurn * chunkSize() / (chunkSize() + kTokensOfBlock);
}

bool PromptHashing::extend(std::span<const uint32_t> tokens, std::vector<uint64_t>& hashes,
                           size_t tokensMax) {
  if (!learned_) return settings_.extend(tokens, hashes, tokensMax);
  if (refused_) return true;
  return learned_->extend(tokens, keys_, last_, hashes, tokensMax);
}

}  // namespace holdfast
