// What an open reads back of the write-ahead logs: everything, but nothing behind a hole.
//
// RocksDB either refuses to open a store whose logs have a hole (some families are already in table
// files beyond it), or skips the hole and mixes what is before it with what is behind. This filter
// of its replay does better: a family that may have lost something to the hole stays as it was
// before it, which is a state that it really had; a family that was written to table files behind
// the hole goes on.
//
// A hole shows in RocksDB's numbers of the writes, which go up by one, through all logs. Before the
// first write that is read there is none to count from: what that should have been is told by the
// log that it is in, and by the one before it, of which nothing could be read. Logs that are
// missing altogether are told by whoever knows which there were. Every group that the store writes
// carries the id of its store, so that a log of another one is not taken for ours.
#pragma once

#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "format/registry_records.h"

namespace holdfast {

// Marks a group as written by this store; before its first record.
void stampBatch(rocksdb::WriteBatch& batch, const ClusterId& store);

class LogReplay : public rocksdb::WalFilter {
 public:
  // Writes that are in no log, or not in ours.
  struct Hole {
    uint64_t before = 0;  // the log with the last write before them, or that they were the first of
    uint64_t log = 0;     // where reading went on
    uint64_t from = 0;    // the first and the last of them; the first may be unknown: 0
    uint64_t to = 0;
  };

  // Before an open. `store`: whose logs they are, if that is known. `missing`: numbers of logs that
  // were there and are not.
  void expect(const std::optional<ClusterId>& store, std::set<uint64_t> missing);

  // After an open, until the next.
  const std::vector<Hole>& holes() const { return holes_; }
  // Whether a family needs this log: others hold nothing that is not in table files.
  bool needed(uint64_t log) const;
  // Of the missing logs those that a family needs.
  std::set<uint64_t> missing() const;
  const std::set<uint64_t>& foreignLogs() const { return foreign_; }
  // The last write that was seen; 0: none was.
  uint64_t last() const { return expected_ == 0 ? 0 : expected_ - 1; }
  // Writes behind a hole that were left out.
  uint64_t leftOut() const { return leftOut_; }
  // Names of the families that are kept as they were before a hole.
  std::set<std::string> cut() const;

  // --- rocksdb::WalFilter ---

  const char* Name() const override { return "holdfast.LogReplay"; }
  void ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t>& logs,
                                const std::map<std::string, uint32_t>& names) override;
  WalProcessingOption LogRecordFound(unsigned long long log, const std::string& file,
                                     const rocksdb::WriteBatch& batch, rocksdb::WriteBatch* kept,
                                     bool* changed) override;

 private:
  void cutFrom(uint64_t log);
  void checkBegin(uint64_t log, const std::string& file, uint64_t number);
  void addHole(const Hole& hole);

  std::optional<ClusterId> store_;
  std::set<uint64_t> missing_;
  std::map<uint32_t, uint64_t> logs_;  // by family: the first log that it needs
  std::map<std::string, uint32_t> names_;
  std::set<uint32_t> cut_;
  std::vector<Hole> holes_;
  std::set<uint64_t> foreign_;
  uint64_t cutThrough_ = 0;  // cut are the families that need a log up to this one
  uint64_t lastLog_ = 0;     // of the last write
  uint64_t expected_ = 0;    // number of the next write; 0: any
  uint64_t leftOut_ = 0;
};

}  // namespace holdfast
