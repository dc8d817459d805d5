// Why a look-up found nobody, for people. Reads only.
#pragma once

#include <span>
#include <string_view>

#include "core/index/chunk_index.h"
#include "core/lookups.h"
#include "core/registry/registry_tree.h"
#include "core/types.h"

namespace holdfast {

// Of a look-up that asked for these chunks of this model (empty: the default one) and found nobody.
// Costs one look into the index, and as much as the first chunk has holders. `hashingRefused`:
// workers of the model were refused for how they hash.
ExplainedMiss explainMiss(const RegistryTree& tree, const ChunkIndex& index, std::string_view model,
                          std::span<const ChunkHash> chunks, bool hashingRefused);

}  // namespace holdfast
