// What a registry keeps of all its locations, against the same counted from scratch.
#pragma once

#include "core/registry/registry.h"

namespace holdfast::test {

// From every location there is, one by one.
RegistryDigest countedContentDigest(const RegistryTree& tree);
RegistryDigest countedStateDigest(const RegistryTree& tree);

// Fails the test where something that is kept differs from what is counted.
void expectKeptAsCounted(const Registry& registry);

}  // namespace holdfast::test
