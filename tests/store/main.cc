// The tests; and, as `store_test --hold-store DIR`, a process that holds a store until it is
// killed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "store/rocks_store.h"
#include "stored_content.h"

namespace holdfast {
namespace {

class CommitCounter : public StoreListener {
 public:
  void onCommitted(Ticket upTo) override { committed = upTo; }
  void onFolded(const FoldResult&) override {}
  void onHealth(const StoreHealth&) override {}
  Ticket committed = 0;
};

int holdStore(const char* dataDir) {
  StoreOptions options;
  options.dataDir = dataDir;
  options.create = true;
  options.familiesFree = 2;
  auto opened = RocksStore::open(std::move(options));
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 1;
  }
  RocksStore& store = *opened.value();
  ContentSink sink;
  store.recover(sink);
  PutWorker put;
  put.owner = store.claim();
  put.record.instance = "a";
  LocationRecord location;
  location.name = "gpu";
  location.live.generation = 1;
  location.live.stream = 1;
  StoreBatch batch;
  batch.steps.emplace_back(put);
  batch.steps.emplace_back(PutLocation{put.owner, location});
  store.write(std::move(batch));
  const std::vector<ChunkHash> keys = {1, 2, 3};
  ReportRecord report;
  report.owner = put.owner;
  report.generation = 1;
  report.stream = 1;
  report.firstSeq = 1;
  report.operations.keys = keys;
  report.countAfter = keys.size();
  for (const ChunkHash key : keys) report.digestAfter.add(key);
  const Ticket last = store.append(report);
  CommitCounter counter;
  while (counter.committed < last) {
    store.poll(counter);
    usleep(1000);
  }
  std::putchar('r');
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--hold-store") == 0) {
    return holdfast::holdStore(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
