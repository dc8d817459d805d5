// Why a look-up found nobody, for people. Reads only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/index/chunk_index.h"
#include "core/registry/registry_tree.h"
#include "core/types.h"

namespace holdfast {

// As in schema/messages.capnp, same order.
enum class LookupMiss : uint8_t {
  kNone,          // somebody was found
  kNoChunk,       // no chunk was asked for
  kUnknownModel,  // no worker of this model is registered
  kNotHeld,       // nobody holds the first chunk
  kHidden,        // whoever holds it is not named: LOST, drained, or diverged
};

struct ExplainedMiss {
  LookupMiss miss = LookupMiss::kNone;
  std::string text;  // names and reasons, a few of each
};

// Of a look-up that asked for chunks of this model (empty: the default one) and found nobody. Costs
// one look into the index, and as much as the first chunk has holders.
ExplainedMiss explainMiss(const RegistryTree& tree, const ChunkIndex& index, std::string_view model,
                          ChunkHash firstChunk);

}  // namespace holdfast
