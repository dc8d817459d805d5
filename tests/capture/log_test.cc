// Logs as files: what is written is read back, and what is not whole is told and ends the log.
#include <gmock/gmock.h>
#include <kj/exception.h>

#include <cstring>
#include <fstream>

#include "capture/crc32c.h"
#include "tests/capture/scratch_log.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string contentOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void overwrite(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::vector<std::string> filesOf(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Crc32cTest, IsTheOneOfTheRfc) {
  EXPECT_EQ(crc32c("123456789", 9), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0').data(), 32), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff').data(), 32), 0x62A8AB43u);
}

TEST_F(LogTest, WhatIsWrittenIsReadBack) {
  auto log = open(options());
  for (uint64_t i = 1; i <= 1000; ++i) ASSERT_TRUE(append(*log, i, i % 300));
  append(*log, 1001, 1'000'000);  // larger than a block
  close(*log);
  const Read all = read({log->folder()});
  EXPECT_EQ(all.numbers, upTo(1001));
  EXPECT_TRUE(all.ended);
  EXPECT_THAT(all.problems, IsEmpty());
  // The directory, which has one log, stands for it.
  EXPECT_EQ(read({directory}).numbers, upTo(1001));
}

TEST_F(LogTest, GoesOnInItsNextFileFromTheSizeOn) {
  LogOptions small = options();
  small.fileBytesMax = 20'000;
  auto log = open(small);
  for (uint64_t i = 1; i <= 200; ++i) append(*log, i, 100);
  close(*log);
  const auto files = filesOf(log->folder());
  EXPECT_GT(files.size(), 5u);
  uint64_t bytes = 0;
  for (const std::string& file : files) {
    EXPECT_LE(fs::file_size(file), 20'000u + 200);
    bytes += fs::file_size(file);
  }
  EXPECT_EQ(log->bytes(), bytes);
  const Read all = read(files);
  EXPECT_EQ(all.numbers, upTo(200));
  EXPECT_THAT(all.problems, IsEmpty());
}

TEST_F(LogTest, AMissingFileEndsTheLogBeforeIt) {
  LogOptions small = options();
  small.fileBytesMax = 20'000;
  auto log = open(small);
  for (uint64_t i = 1; i <= 200; ++i) append(*log, i, 100);
  close(*log);
  const auto files = filesOf(log->folder());
  const size_t inFirst = read({files.front()}).numbers.size();
  fs::remove(files[1]);
  const Read rest = read({log->folder()});
  EXPECT_EQ(rest.numbers, upTo(inFirst));
  EXPECT_THAT(rest.problems, ElementsAre(HasSubstr("files are missing before it")));

  fs::remove(files[0]);
  const Read headless = read({log->folder()});
  EXPECT_THAT(headless.numbers, IsEmpty());
  EXPECT_THAT(headless.problems, ElementsAre(HasSubstr("those before it are missing")));
}

TEST_F(LogTest, FilesOfTwoLogsAreNotTakenForOne) {
  LogOptions small = options();
  small.fileBytesMax = 20'000;
  std::vector<std::string> folders;
  for (int i = 0; i < 2; ++i) {
    auto log = open(small);
    for (uint64_t j = 1; j <= 100; ++j) append(*log, j, 100);
    close(*log);
    folders.push_back(log->folder());
  }
  fs::copy_file(filesOf(folders[1])[1], filesOf(folders[0])[1],
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(read({folders[0]}).problems, ElementsAre(HasSubstr("is of another log")));
  // Which one of the directory's logs is meant?
  EXPECT_THAT(read({directory}).problems, ElementsAre(HasSubstr("name one")));
}

TEST_F(LogTest, ALogCutAtAnyByteReadsToTheCut) {
  auto log = open(options());
  std::vector<size_t> ends;  // of each entry
  for (uint64_t i = 1; i <= 6; ++i) append(*log, i, i);
  close(*log);
  const std::string path = filesOf(log->folder()).front();
  const std::string whole = contentOf(path);
  size_t before = 0;
  for (size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    overwrite(path, whole.substr(0, bytes));
    const Read cut = read({path});
    const size_t entries = cut.numbers.size() + (cut.ended ? 1 : 0);
    ASSERT_EQ(cut.numbers, upTo(cut.numbers.size())) << bytes;
    ASSERT_GE(entries, before) << bytes;
    if (entries != before) {
      // Exactly at the end of an entry nothing is torn.
      ASSERT_THAT(cut.problems, IsEmpty()) << bytes;
      ends.push_back(bytes);
      before = entries;
    } else if (!ends.empty()) {
      ASSERT_THAT(cut.problems, SizeIs(1)) << bytes;
    }
  }
  EXPECT_EQ(before, 7u);
}

TEST_F(LogTest, ADamagedByteEndsTheLogAtItsEntry) {
  auto log = open(options());
  for (uint64_t i = 1; i <= 6; ++i) append(*log, i, 5);
  close(*log);
  const std::string path = filesOf(log->folder()).front();
  const std::string whole = contentOf(path);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    overwrite(path, damaged);
    const Read rest = read({path});
    ASSERT_EQ(rest.numbers, upTo(rest.numbers.size())) << at;
    ASSERT_FALSE(rest.ended) << at;
    ASSERT_THAT(rest.problems, SizeIs(1)) << at;
  }
}

// Reading what an entry has no room for takes time and memory, so that it is refused.
TEST_F(LogTest, AnEntryThatClaimsMoreThanItHasThrows) {
  capnp::MallocMessageBuilder message;
  constexpr uint64_t kOneCounter = (uint64_t{0x0001'0001} << 32) | (1u << 2);  // 1 word, 1 pointer
  constexpr uint64_t kManyOfNoSize = uint64_t{100'000'000} << 2;
  message.initRoot<schema::CaptureEntry>().initStart().initCounters(1);
  size_t changed = 0;
  const auto segment = message.getSegmentsForOutput()[0];
  for (size_t i = 0; i < segment.size(); ++i) {
    uint64_t word = 0;
    std::memcpy(&word, &segment[i], sizeof(word));
    if (word != kOneCounter) continue;
    std::memcpy(const_cast<void*>(static_cast<const void*>(&segment[i])), &kManyOfNoSize,
                sizeof(word));
    ++changed;
  }
  ASSERT_EQ(changed, 1u);
  auto log = open(options());
  log->append(message);
  close(*log);
  auto reader = LogReader::open({directory});
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  while (reader.value()->next() && !reader.value()->entry().isStart()) {
  }
  ASSERT_TRUE(reader.value()->entry().isStart());
  EXPECT_THROW((void)reader.value()->entry().getStart().getCounters(), kj::Exception);
}

TEST_F(LogTest, OlderLogsMakeRoom) {
  LogOptions small = options();
  small.fileBytesMax = 100'000;
  small.totalBytesMax = 1'000'000;
  std::vector<std::string> folders;
  for (int i = 0; i < 4; ++i) {
    auto log = open(small);
    for (uint64_t j = 1; j <= 50; ++j) append(*log, j, 1'000);  // 400 KB
    close(*log);
    EXPECT_EQ(log->failure(), "");
    folders.push_back(log->folder());
  }
  EXPECT_FALSE(fs::exists(folders[0]));
  EXPECT_FALSE(fs::exists(folders[1]));
  EXPECT_EQ(read({folders[2]}).numbers, upTo(50));
  EXPECT_EQ(read({folders[3]}).numbers, upTo(50));
}

// Somebody's own folder, beside logs that are deleted for the room.
TEST_F(LogTest, FoldersThatAreNoLogsAreLeftAlone) {
  LogOptions small = options();
  small.totalBytesMax = 600'000;
  const std::string kept = directory + "/capture-of-the-bug-in-may";
  fs::create_directories(kept);
  std::ofstream(kept + "/000001.log") << std::string(500'000, 'x');
  for (int i = 0; i < 3; ++i) {
    auto log = open(small);
    ASSERT_NE(log, nullptr);
    for (uint64_t j = 1; j <= 50; ++j) append(*log, j, 1'000);  // 400 KB
    close(*log);
    EXPECT_EQ(log->failure(), "");
    EXPECT_EQ(read({log->folder()}).numbers, upTo(50));
  }
  EXPECT_TRUE(fs::exists(kept + "/000001.log"));
}

TEST_F(LogTest, ALogThatNeedsAllTheRoomEndsWithAMark) {
  LogOptions small = options();
  small.totalBytesMax = 1'000'000;
  auto log = open(small);
  uint64_t appended = 0;
  while (append(*log, appended + 1, 1'000)) {
    ++appended;
    log->flush();
  }
  close(*log);
  EXPECT_THAT(log->failure(), HasSubstr("--capture-retain"));
  const Read all = read({log->folder()});
  EXPECT_EQ(all.numbers, upTo(all.numbers.size()));
  EXPECT_GT(all.numbers.size(), 100u);
  EXPECT_TRUE(all.ended);
  EXPECT_THAT(all.problems, IsEmpty());
}

TEST_F(LogTest, AQueueThatIsFullEndsTheLogWithoutAHole) {
  LogOptions small = options();
  small.queueBytesMax = 300'000;  // one block
  auto log = open(small);
  uint64_t appended = 0;
  // Faster than any disk: sooner or later the thread is behind.
  while (append(*log, appended + 1, 30'000)) ++appended;
  close(*log);
  EXPECT_THAT(log->failure(), HasSubstr("too slow"));
  const Read all = read({log->folder()});
  EXPECT_EQ(all.numbers, upTo(all.numbers.size()));
  EXPECT_TRUE(all.ended);
  EXPECT_THAT(all.problems, IsEmpty());
}

TEST_F(LogTest, SaysWhyItCannotBegin) {
  LogOptions impossible = options();
  overwrite(directory + "/file", "");
  impossible.directory = directory + "/file";
  const auto log = LogWriter::open(impossible);
  ASSERT_FALSE(log.ok());
  EXPECT_THAT(log.error().message, HasSubstr(impossible.directory));
  EXPECT_THAT(read({directory + "/nowhere"}).problems, ElementsAre(HasSubstr("cannot open")));
  overwrite(directory + "/000001.log", "something else entirely");
  EXPECT_THAT(read({directory + "/000001.log"}).problems, ElementsAre(HasSubstr("no capture log")));
}

}  // namespace
}  // namespace holdfast::test
