#include "tests/support/recount.h"

#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

template <typename Visit>
void forLocations(const RegistryTree& tree, Visit visit) {
  for (const auto& [name, instance] : tree.instances()) {
    for (const auto& [rank, worker] : instance->workers) {
      for (const auto& location : worker->locations) visit(*worker, *location);
    }
  }
}

}  // namespace

RegistryDigest countedContentDigest(const RegistryTree& tree) {
  RegistryDigest digest;
  forLocations(tree, [&](const Worker& worker, const Location& location) {
    if (location.count == 0 || location.record.live.hidden) return;
    digest.addContent(worker.record.instance, worker.record.worker, location.record.name,
                      location.count, location.digest);
  });
  return digest;
}

RegistryDigest countedStateDigest(const RegistryTree& tree) {
  RegistryDigest digest;
  forLocations(tree, [&](const Worker& worker, const Location& location) {
    digest.addState(worker.record.instance, worker.record.worker, location.record.name,
                    location.count, location.digest, location.record.live.incarnation,
                    location.lastSeq);
  });
  return digest;
}

void expectKeptAsCounted(const Registry& registry) {
  EXPECT_EQ(registry.contentDigest().hex(), countedContentDigest(registry.tree()).hex());
  EXPECT_EQ(registry.registryDigest().hex(), countedStateDigest(registry.tree()).hex());
}

}  // namespace holdfast::test
