// Copies of a store: verify says whether they are whole, and what is wrong with those that are not.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "store/copy_manifest.h"
#include "store/rocks_store.h"
#include "tests/inspect/planted_store.h"
#include "tests/store/raw_store.h"
#include "tests/support/message_of.h"
#include "tests/support/ran.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Copies : public PlantedStore {
 protected:
  Copies() : place_(dir() + "-copy") {
    StoreOptions options;
    options.dataDir = dir();
    auto store = RocksStore::open(std::move(options));
    EXPECT_TRUE(store.ok());
    EXPECT_EQ(messageOf(store.value()->checkpointNow(place_)), "");
    EXPECT_EQ(messageOf(store.value()->close()), "");
  }
  Ran verifyCopy(const std::string& more = "") const {
    return runCommand(HOLDFAST_INSPECT " verify " + place_ + " " + more);
  }
  CopyManifest list() const {
    const auto state = stateOfCopy(place_);
    EXPECT_TRUE(state.ok() && state.value().kind == CopyState::Kind::kCopy);
    return state.value().manifest;
  }
  void rewrite(const std::function<void(CopyManifest&)>& change) const {
    CopyManifest manifest = list();
    change(manifest);
    std::ofstream(place_ + "/" + kCopyFile, std::ios::binary) << encodeCopyManifest(manifest);
  }

  const std::string place_;
};

TEST_F(Copies, AreWhole) {
  const Ran text = verifyCopy();
  EXPECT_EQ(text.code, 0) << text.out;
  EXPECT_THAT(text.out, HasSubstr("a whole copy: "));
  EXPECT_THAT(text.out, HasSubstr("no problem"));
  EXPECT_THAT(verifyCopy("--json").out, HasSubstr("\"whole\": true"));
  // The store itself is none.
  EXPECT_THAT(runCommand(HOLDFAST_INSPECT " verify " + dir()).out, Not(HasSubstr("copy")));
}

TEST_F(Copies, ShowEveryFileThatIsMissingShortOrChanged) {
  const std::string kept = place_ + "-kept";
  std::filesystem::copy(place_, kept);
  const auto damaged = [&](const std::string& kind, const std::string& file, auto damage) {
    std::filesystem::remove_all(place_);
    std::filesystem::copy(kept, place_);
    damage(place_ + "/" + file);
    const Ran verified = verifyCopy();
    EXPECT_EQ(verified.code, 1) << file << verified.out;
    EXPECT_THAT(verified.out, HasSubstr("PROBLEM  file " + place_ + "/" + file));
    EXPECT_THAT(verified.out, HasSubstr("[" + kind + "]")) << file;
    EXPECT_THAT(verified.out, HasSubstr("a copy that is not whole"));
  };
  size_t flipped = 0;
  for (const CopiedFile& file : list().files) {
    damaged("copy-file-missing", file.name,
            [](const std::string& path) { std::filesystem::remove(path); });
    if (file.bytes == 0) continue;
    damaged("copy-file-size", file.name,
            [&](const std::string& path) { std::filesystem::resize_file(path, file.bytes - 1); });
    if (file.checksum.empty()) continue;
    damaged("copy-file-changed", file.name,
            [&](const std::string& path) { flipByte(path, file.bytes / 2); });
    ++flipped;
  }
  EXPECT_GT(flipped, 3u);
  damaged("copy-file-extra", "999999.sst",
          [](const std::string& path) { std::ofstream(path) << "of another"; });
  damaged("copy-list", kCopyFile,
          [](const std::string& path) { std::filesystem::resize_file(path, 100); });
}

TEST_F(Copies, AreComparedWithWhatTheControllerHeld) {
  const std::string digest = [&] {
    std::string text = runCommand(HOLDFAST_INSPECT " digest " + place_).out;
    text.erase(text.find('\n'));
    return text;
  }();
  rewrite([&](CopyManifest& manifest) { manifest.registryDigest = digest; });
  EXPECT_EQ(verifyCopy().code, 0);
  EXPECT_THAT(verifyCopy().out, HasSubstr("registry digest " + digest));
  rewrite([](CopyManifest& manifest) { manifest.registryDigest = std::string(32, 'a'); });
  EXPECT_THAT(verifyCopy().out, HasSubstr("[copy-digest]"));
  EXPECT_EQ(verifyCopy().code, 1);
  rewrite([&](CopyManifest& manifest) {
    manifest.registryDigest = digest;
    ++manifest.sequence;
  });
  EXPECT_THAT(verifyCopy().out, HasSubstr("[copy-write]"));
}

TEST_F(Copies, AreNoneAnyMoreOnceTheyWereStartedOn) {
  (void)rawKeys(place_);  // by a program that does not know of the list
  const Ran used = verifyCopy();
  EXPECT_EQ(used.code, 0) << used.out;
  EXPECT_THAT(used.out, HasSubstr("[copy-started]"));
  StoreOptions options;
  options.dataDir = place_;
  auto store = RocksStore::open(std::move(options));
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_EQ(messageOf(store.value()->close()), "");
  EXPECT_THAT(verifyCopy().out, Not(HasSubstr("copy-started")));
}

TEST_F(Copies, ShowThatTheyWereNotFinished) {
  std::filesystem::resize_file(place_ + "/" + kCopyFile, 0);
  const Ran verified = verifyCopy();
  EXPECT_EQ(verified.code, 1);
  EXPECT_THAT(verified.out, HasSubstr("[copy-unfinished]"));
}

}  // namespace
}  // namespace holdfast::test
