// Reads a store that belongs to nobody or to another process: a stopped one, a backup, or one
// beside its running daemon. Writes nothing into the store's directory and takes no lock, so it is
// in nobody's way.
//
// What is read is the store as of one moment, that of open(): see pinned_files.h. Damage does not
// keep a store from being opened: what can be read is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "format/commit_mark.h"
#include "format/family_rows.h"
#include "format/keys.h"
#include "format/registry_records.h"

namespace holdfast {

class StoreReader {
 public:
  struct Family {
    std::string name;
    std::optional<OwnerRecord> owner;
    bool ownerDamaged = false;  // it has an owner record, which does not decode
  };
  struct TableFile {
    std::string path;
    std::string family;
    uint64_t bytes = 0;  // as the store knows it
  };

  // Not in a process that has the store open itself: looking at its lock would end that lock. The
  // error says what is wrong, where, and what to do.
  static Result<std::unique_ptr<StoreReader>> open(const std::string& dataDir);
  ~StoreReader();
  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;

  const std::string& dataDir() const;
  // Whether another process had the store open.
  bool besideWriter() const;
  // RocksDB's number of the last write that is seen.
  uint64_t sequence() const;
  // The same of what is in table files.
  uint64_t sequenceInTables() const;
  // Empty, or why RocksDB did not open the store whole.
  const std::string& damage() const;
  // Of a store that no process has open: what it has lost, in sentences. Empty: nothing is known.
  const std::vector<std::string>& losses() const;
  // Whether that is more than what had not reached stable storage when the machine stopped.
  bool lossIsDamage() const;
  // What the store had confirmed when it was last written; null if nothing says so.
  const CommitMark* mark() const;

  const FormatRecord& format() const;
  // Empty, or why the records of this store cannot be understood: no format record, a damaged one,
  // a newer format.
  const std::string& formatError() const;

  // All but `default`, by name.
  const std::vector<Family>& families() const;
  // Named by owner records, but not there.
  const std::vector<Family>& missingFamilies() const;
  std::vector<TableFile> tableFiles() const;
  // Reads and checks every block. The error says what is wrong. Any thread.
  std::optional<Error> verifyTable(const TableFile& table) const;

  // The records of a family; `family` is an index of families(). Each thread makes its own.
  // `readaheadBytes`: for reading much in key order; 0 for a few records here and there.
  FamilyRows rows(size_t family, size_t readaheadBytes = 0) const;

 private:
  struct Parts;
  explicit StoreReader(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast
