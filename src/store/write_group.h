// What is committed in one go: a block of the queue and what folds have written meanwhile, as a
// batch of RocksDB's, and what is to be said of it when it is committed.
#pragma once

#include <rocksdb/write_batch.h>

#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "format/slices.h"
#include "store/commit_marker.h"
#include "store/fold_thread.h"
#include "store/write_queue.h"

namespace holdfast {

struct WriteGroup {
  rocksdb::WriteBatch batch;
  std::unique_ptr<QueueBlock> block;  // may be null
  std::deque<FoldWrite> foldWrites;
  std::vector<std::shared_ptr<FoldJob>> newFolds;  // begin when the group is committed
  std::vector<FoldResult> foldResults;             // of those that cannot begin
  std::vector<MarkChange> marks;
  Ticket upTo = 0;  // of the block's last write; 0: none has one
  bool synced = false;

  void mark(MarkChange::Kind kind, uint32_t family, const LocationMark& at) {
    marks.push_back({kind, family, at, {}});
  }
  void put(rocksdb::ColumnFamilyHandle* family, std::string_view key, std::string_view value) {
    check(batch.Put(family, slice(key), slice(value)));
  }
  void erase(rocksdb::ColumnFamilyHandle* family, std::string_view key) {
    check(batch.Delete(family, slice(key)));
  }
  void eraseRange(rocksdb::ColumnFamilyHandle* family, const rocksdb::Slice& begin,
                  const rocksdb::Slice& end) {
    check(batch.DeleteRange(family, begin, end));
  }
  void erasePrefix(rocksdb::ColumnFamilyHandle* family, const StoreKey& prefix) {
    eraseRange(family, slice(prefix), slice(prefix.end()));
  }

 private:
  static void check(const rocksdb::Status& status) {
    HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
  }
};

}  // namespace holdfast
