// `holdfast-inspect migrate`, and migrations that meet with something.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "format/registry_records.h"
#include "migrations/migrations.h"
#include "store/copy_manifest.h"
#include "store/store_reader.h"
#include "tests/format/inspection.h"
#include "tests/format/plain_store.h"
#include "tests/store/raw_store.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uint32_t kWorkers = 3;
constexpr uint64_t kKeys = 70'000;  // two segments

class Migration : public testing::Test {
 protected:
  Migration()
      : dir_((scratch_.path() / "data").string()), made_(makePlainStore(dir_, kWorkers, kKeys)) {}

  std::map<std::string, uintmax_t> files() const {
    std::map<std::string, uintmax_t> all;
    for (const auto& entry : fs::directory_iterator(dir_)) {
      all[entry.path().filename()] = entry.file_size();
    }
    return all;
  }
  static uint64_t tableBytes(const std::string& dir) {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(dir)) {
      if (entry.path().extension() == ".sst") bytes += entry.file_size();
    }
    return bytes;
  }

  Scratch scratch_;
  const std::string dir_;
  const PlainStore made_;
};

TEST_F(Migration, PacksEverySegmentAndFreesAQuarter) {
  ASSERT_EQ(plainSegments(dir_), 2u * kWorkers);
  const uint64_t before = tableBytes(dir_);
  const Ran migrated = runInspect("migrate " + dir_);
  EXPECT_EQ(migrated.code, 0) << migrated.out;
  EXPECT_THAT(migrated.out, HasSubstr("from format 1 to 2"));
  EXPECT_EQ(plainSegments(dir_), 0u);
  EXPECT_EQ(view(dir_).registry.hex(), made_.registryDigest);
  EXPECT_EQ(expectWell(dir_), made_.memberships);
  // 7 bytes each where there are so few.
  EXPECT_LT(tableBytes(dir_), before * 9 / 10);
  EXPECT_THAT(runInspect("migrate " + dir_).out, HasSubstr("nothing is to be done"));
}

TEST_F(Migration, KeepsTheOldStoreToGoBackTo) {
  const Ran migrated = runInspect("migrate " + dir_ + "/ --json");
  EXPECT_EQ(migrated.code, 0) << migrated.out;
  const std::string kept = dir_ + ".before-2";
  EXPECT_THAT(migrated.out, HasSubstr("\"checkpoint\": \"" + kept + "\""));
  EXPECT_THAT(migrated.out, HasSubstr("\"from\": 1"));
  EXPECT_EQ(formatOf(kept), 1u);
  EXPECT_EQ(plainSegments(kept), 2u * kWorkers);
  EXPECT_EQ(view(kept).registry.hex(), made_.registryDigest);
  EXPECT_EQ(expectWell(kept), made_.memberships);
}

TEST_F(Migration, KeepsItWhereItIsTold) {
  const std::string place = (scratch_.path() / "old").string();
  EXPECT_EQ(runInspect("migrate " + dir_ + " --checkpoint " + place).code, 0);
  EXPECT_EQ(formatOf(place), 1u);
  EXPECT_FALSE(fs::exists(dir_ + ".before-2"));
}

TEST_F(Migration, KeepsNothingIfToldSo) {
  EXPECT_EQ(runInspect("migrate " + dir_ + " --no-checkpoint").code, 0);
  EXPECT_EQ(formatOf(dir_), 2u);
  EXPECT_FALSE(fs::exists(dir_ + ".before-2"));
  EXPECT_EQ(runInspect("migrate " + dir_ + " --no-checkpoint --checkpoint /x").code, 2);
}

// What is lost cannot be copied; the rest can be migrated all the same.
TEST_F(Migration, SaysHowToGoOnWithoutACopyOfWhatIsMissing) {
  const auto tables = files();
  const auto table = std::find_if(tables.begin(), tables.end(), [](const auto& file) {
    return fs::path(file.first).extension() == ".sst";
  });
  ASSERT_NE(table, tables.end());
  fs::remove(fs::path(dir_) / table->first);
  const Ran refused = runInspect("migrate " + dir_);
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.out, HasSubstr("--no-checkpoint"));
  EXPECT_EQ(runInspect("migrate --no-checkpoint " + dir_).code, 0);
}

TEST_F(Migration, DryRunChangesNothing) {
  const auto before = files();
  const Ran dry = runInspect("migrate --dry-run " + dir_);
  EXPECT_EQ(dry.code, 0);
  EXPECT_THAT(dry.out, HasSubstr("has format 1 and would be brought to 2"));
  EXPECT_THAT(dry.out, HasSubstr("packed segments"));
  EXPECT_THAT(dry.out, HasSubstr(dir_ + ".before-2"));
  EXPECT_THAT(runInspect("migrate --dry-run --json " + dir_).out, HasSubstr("\"done\": false"));
  EXPECT_EQ(files(), before);
}

TEST_F(Migration, RefusesAPlaceThatIsTaken) {
  fs::create_directory(dir_ + ".before-2");
  const auto before = files();
  const Ran refused = runInspect("migrate " + dir_);
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.out, HasSubstr(dir_ + ".before-2 exists"));
  EXPECT_THAT(refused.out, HasSubstr("--checkpoint"));
  EXPECT_EQ(files(), before);
}

// The store is still of the old format when such a run begins again.
TEST_F(Migration, GoesOnWithTheCopyOfARunThatWasCutShort) {
  const std::string kept = dir_ + ".before-2";
  ASSERT_EQ(runInspect("migrate " + dir_).code, 0);
  fs::remove_all(dir_);
  fs::copy(kept, dir_);
  fs::remove(fs::path(dir_) / kCopyFile);
  const auto written = fs::last_write_time(kept);
  const Ran again = runInspect("migrate " + dir_);
  EXPECT_EQ(again.code, 0) << again.out;
  EXPECT_EQ(formatOf(dir_), 2u);
  EXPECT_EQ(fs::last_write_time(kept), written);
  EXPECT_EQ(view(kept).registry.hex(), made_.registryDigest);
  // But not with one that is not whole.
  fs::remove_all(dir_);
  fs::copy(kept, dir_);
  fs::remove(fs::path(dir_) / kCopyFile);
  fs::remove(fs::path(kept) / "CURRENT");
  EXPECT_THAT(runInspect("migrate " + dir_).out, HasSubstr(kept + " exists"));
  EXPECT_EQ(formatOf(dir_), 1u);
}

TEST_F(Migration, ChangesNothingWhereNoCopyCanBeKept) {
  const Ran refused = runInspect("migrate " + dir_ + " --checkpoint /nowhere/at/all");
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.out, HasSubstr("/nowhere/at/all"));
  EXPECT_THAT(refused.out, HasSubstr("nothing was changed"));
  EXPECT_EQ(formatOf(dir_), 1u);
  EXPECT_EQ(plainSegments(dir_), 2u * kWorkers);
}

TEST_F(Migration, RefusesAStoreInUse) {
  // As a holdfastd of before holds it.
  const int file = open((dir_ + "/LOCK").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  ASSERT_EQ(fcntl(file, F_SETLK, &lock), 0);
  const Ran refused = runInspect("migrate " + dir_);
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.out, HasSubstr("is in use by another process"));
  EXPECT_FALSE(fs::exists(dir_ + ".before-2"));
  // Looking is allowed.
  EXPECT_THAT(runInspect("migrate --dry-run --json " + dir_).out, HasSubstr("\"inUse\": true"));
  close(file);
  EXPECT_EQ(formatOf(dir_), 1u);
}

TEST_F(Migration, RefusesNewerFormatsAndWhatIsNoStore) {
  FormatRecord format;
  format.version = newestFormat() + 5;
  rawPut(dir_, "default", std::string(kFormatKey), encodeRecord(format));
  const Ran newer = runInspect("migrate " + dir_);
  EXPECT_EQ(newer.code, 3);
  EXPECT_THAT(newer.out, HasSubstr("has format 7, this program knows formats up to 2"));
  EXPECT_EQ(runInspect("migrate /nowhere").code, 3);
  EXPECT_FALSE(fs::exists("/nowhere"));
}

TEST_F(Migration, LeavesADamagedFamilyAsItIs) {
  const auto reader = StoreReader::open(dir_);
  std::string family;
  for (const auto& one : reader.value()->families()) {
    if (one.owner && one.owner->kind == OwnerKind::kWorker && one.owner->worker == 1) {
      family = one.name;
    }
  }
  std::string largest;
  for (const std::string& path : tableFiles(dir_, family)) {
    if (largest.empty() || fs::file_size(path) > fs::file_size(largest)) largest = path;
  }
  flipByte(largest, fs::file_size(largest) / 2);
  const Ran migrated = runInspect("migrate " + dir_);
  EXPECT_EQ(migrated.code, 0) << migrated.out;
  EXPECT_THAT(migrated.out, HasSubstr("family " + family + " is damaged and stays as it is"));
  EXPECT_EQ(formatOf(dir_), 2u);
  // The others are packed, and the same is wrong as before.
  const Ran verified = runInspect("verify --json " + dir_);
  EXPECT_EQ(verified.code, 1);
  EXPECT_THAT(verified.out, HasSubstr("\"problems\": 1,"));
  EXPECT_THAT(verified.out, HasSubstr("\"kind\": \"table-file\""));
  EXPECT_THAT(verified.out, HasSubstr("\"family\": \"" + family + "\""));
}

TEST_F(Migration, GoesOnWhereItWas) {
  // As one that was cut short leaves it: packed, but of the old format.
  ASSERT_EQ(runInspect("migrate --no-checkpoint " + dir_).code, 0);
  FormatRecord format = *decodeFormat(rawGet(dir_, "default", std::string(kFormatKey)));
  format.version = 1;
  rawPut(dir_, "default", std::string(kFormatKey), encodeRecord(format));
  EXPECT_EQ(expectWell(dir_), made_.memberships);
  ASSERT_EQ(runInspect("migrate --no-checkpoint " + dir_).code, 0);
  EXPECT_EQ(formatOf(dir_), 2u);
  EXPECT_EQ(view(dir_).registry.hex(), made_.registryDigest);
  EXPECT_EQ(expectWell(dir_), made_.memberships);
}

}  // namespace
}  // namespace holdfast::test
