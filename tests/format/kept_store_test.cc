// A store of each format that was ever released: it is read as it is, migrated, and then holds what
// it held.
#include "tests/format/kept_store.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "migrations/migrations.h"
#include "tests/format/inspection.h"
#include "tests/format/plain_store.h"
#include "tests/inspect/store_grower.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

class KeptStores : public testing::TestWithParam<KeptStore> {
 protected:
  KeptStores() : dir_((scratch_.path() / "data").string()) { unpack(GetParam(), dir_); }

  void expectContent(const std::string& dataDir) {
    const KeptStore& expected = GetParam();
    const auto found = view(dataDir);
    EXPECT_THAT(found.damaged, testing::IsEmpty());
    EXPECT_THAT(found.damagedEvents, testing::IsEmpty());
    EXPECT_EQ(found.instances.size(), expected.instances);
    EXPECT_EQ(found.workers.size(), expected.workers);
    EXPECT_EQ(found.locations, expected.locations);
    EXPECT_EQ(found.memberships, expected.memberships);
    EXPECT_EQ(found.events, expected.events);
    EXPECT_EQ(found.content.hex(), expected.contentDigest);
    EXPECT_EQ(found.registry.hex(), expected.registryDigest);
    expectWell(dataDir);
  }

  Scratch scratch_;
  const std::string dir_;
};

TEST_P(KeptStores, AreReadAsTheyAre) {
  EXPECT_EQ(formatOf(dir_), GetParam().format);
  expectContent(dir_);
  EXPECT_EQ(formatOf(dir_), GetParam().format);
}

TEST_P(KeptStores, AreMigratedByTheTool) {
  const Ran migrated = runInspect("migrate " + dir_);
  EXPECT_EQ(migrated.code, 0) << migrated.out;
  EXPECT_EQ(formatOf(dir_), newestFormat());
  expectContent(dir_);
  EXPECT_EQ(plainSegments(dir_), 0u);
}

TEST_P(KeptStores, AreMigratedByAStartAndServe) {
  {
    StoreGrower controller(dir_, 1);
    EXPECT_EQ(controller.contentDigest(), GetParam().contentDigest);
    EXPECT_EQ(controller.registryDigest(), GetParam().registryDigest);
    EXPECT_EQ(controller.registry().tree().memberships(), GetParam().memberships);
    controller.settle();
    controller.close();
  }
  EXPECT_EQ(formatOf(dir_), newestFormat());
  expectContent(dir_);
}

TEST_P(KeptStores, TakeWhatWorkersSayOfThemselvesSince) {
  {
    StoreGrower controller(dir_, 1);
    for (const auto& [name, instance] : controller.registry().tree().instances()) {
      for (const auto& [id, worker] : instance->workers) {
        EXPECT_THAT(worker->record.labels, testing::IsEmpty()) << name << " " << id;
      }
    }
    controller.admit("llama-0", 0, "gpu", {1});
    controller.settle();
    controller.close();
  }
  const std::string other = (scratch_.path() / "other").string();
  EXPECT_EQ(runInspect("export " + dir_ + " | " HOLDFAST_INSPECT " import " + other).code, 0);
  for (const std::string& directory : {dir_, other}) {
    StoreGrower controller(directory, 2);
    const Worker* worker = controller.registry().tree().findWorker("llama-0", 0);
    ASSERT_NE(worker, nullptr);
    EXPECT_THAT(worker->record.labels,
                testing::ElementsAre(Label{"zone", "eu \"1a\""}, Label{"attempt", "1"}));
    controller.close();
  }
}

TEST_P(KeptStores, GoThroughAnExport) {
  const std::string other = (scratch_.path() / "other").string();
  EXPECT_EQ(runInspect("export " + dir_ + " | " HOLDFAST_INSPECT " import " + other).code, 0);
  EXPECT_EQ(formatOf(other), newestFormat());
  expectContent(other);
  EXPECT_EQ(plainSegments(other), 0u);
}

INSTANTIATE_TEST_SUITE_P(EachFormat, KeptStores, testing::ValuesIn(keptStores()),
                         [](const auto& store) { return std::to_string(store.param.format); });

// Every format but the newest, which is kept when it is released.
TEST(KeptStoresAre, OneOfEachReleasedFormat) {
  ASSERT_GE(keptStores().size() + 1, newestFormat());
  for (size_t i = 0; i < keptStores().size(); ++i) EXPECT_EQ(keptStores()[i].format, i + 1);
}

}  // namespace
}  // namespace holdfast::test
