#include "os/fault_ahead.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <vector>

#include "core/index/chunk_index.h"

namespace holdfast {
namespace {

constexpr size_t kPage = 4096;

// Untouched memory of this process.
class Range {
 public:
  explicit Range(size_t bytes) : bytes_(bytes) {
    void* const got = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(got, MAP_FAILED);
    at_ = static_cast<char*>(got);
  }
  ~Range() { munmap(at_, bytes_); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

  char* at() const { return at_; }
  size_t bytes() const { return bytes_; }
  size_t presentPages() const {
    std::vector<unsigned char> present(bytes_ / kPage);
    EXPECT_EQ(mincore(at_, bytes_, present.data()), 0);
    size_t pages = 0;
    for (const unsigned char page : present) pages += page & 1;
    return pages;
  }

 private:
  char* at_ = nullptr;
  size_t bytes_;
};

TEST(FaultAhead, BringsWhatItIsAskedFor) {
  FaultAhead ahead;
  const Range range(size_t{5} << 20);
  EXPECT_EQ(range.presentPages(), 0u);
  ahead.populate(range.at(), range.bytes());
  ahead.wait();
  EXPECT_EQ(range.presentPages(), range.bytes() / kPage);
}

TEST(FaultAhead, KnowsWhatIsStillToCome) {
  FaultAhead ahead;
  const Range some(size_t{4} << 20);
  EXPECT_FALSE(ahead.isComing(some.at(), some.bytes()));
  ahead.populate(some.at(), some.bytes());
  ahead.wait();
  EXPECT_FALSE(ahead.isComing(some.at(), some.bytes()));
  // More than can be brought meanwhile.
  const Range much(size_t{4} << 30);
  ahead.populate(much.at(), much.bytes());
  EXPECT_TRUE(ahead.isComing(much.at() + much.bytes() - kPage, kPage));
  EXPECT_FALSE(ahead.isComing(some.at(), some.bytes()));
  ahead.forget(much.at(), much.bytes());
  EXPECT_FALSE(ahead.isComing(much.at(), much.bytes()));
}

TEST(FaultAhead, ChangesNothing) {
  FaultAhead ahead;
  const Range range(size_t{2} << 20);
  std::memset(range.at(), 0x5A, range.bytes());
  ahead.populate(range.at(), range.bytes());
  ahead.wait();
  for (size_t i = 0; i < range.bytes(); ++i) ASSERT_EQ(range.at()[i], 0x5A);
}

TEST(FaultAhead, TouchesNothingThatIsForgotten) {
  FaultAhead ahead;
  for (int round = 0; round < 50; ++round) {
    const Range range(size_t{8} << 20);
    ahead.populate(range.at(), range.bytes());
    ahead.forget(range.at(), range.bytes());
    // Gone now: a later touch would end the process.
  }
  ahead.wait();
}

TEST(FaultAhead, AnIndexWorksWhileItsMemoryIsBrought) {
  FaultAhead ahead;
  for (int round = 0; round < 3; ++round) {
    ChunkIndex index({.faulter = &ahead});
    const HolderId holder = index.addHolder();
    std::vector<ChunkHash> keys(256);
    for (ChunkHash first = 0; first < 300000; first += keys.size()) {
      for (size_t i = 0; i < keys.size(); ++i) keys[i] = first + i;
      ASSERT_EQ(index.apply(holder, 0, {keys, {}}).count, 256);
    }
    std::vector<SetId> sets(keys.size());
    for (ChunkHash first = 0; first < 300000; first += keys.size()) {
      for (size_t i = 0; i < keys.size(); ++i) keys[i] = first + i;
      index.find(0, keys, sets);
      for (const SetId set : sets) ASSERT_EQ(set, holder);
    }
  }
}

}  // namespace
}  // namespace holdfast
