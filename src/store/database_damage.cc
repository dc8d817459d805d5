// What an open does about damage: the commit mark is asked first, what is lost is said, and nothing
// that may still be of use is deleted.
#include <memory>
#include <utility>

#include "format/iterate.h"
#include "format/keys.h"
#include "format/registry_records.h"
#include "format/slices.h"
#include "store/database.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr const char* kSetAside = "set-aside";

// Whose a family is by its own records.
std::optional<OwnerRecord> ownerWithin(rocksdb::Iterator& rows) {
  const auto seek = [&](const StoreKey& key) {
    rows.Seek(slice(key));
    return rows.Valid() && rows.key() == slice(key);
  };
  if (seek(workerKey())) {
    if (const auto worker = decodeWorker(rows.value().ToStringView())) {
      return OwnerRecord{worker->instance, OwnerKind::kWorker, worker->worker};
    }
  } else if (seek(instanceKey())) {
    if (const auto instance = decodeInstance(rows.value().ToStringView())) {
      return OwnerRecord{instance->instance, OwnerKind::kInstance, 0};
    }
  }
  return std::nullopt;
}

}  // namespace

Error Database::cannotOpen(const std::string& why) const {
  return unavailable("cannot open the store in " + options_.dataDir + ": " + withTableNames(why) +
                     ". Nothing was deleted; " + remedies(options_.dataDir));
}

// A CURRENT that is missing or damaged says nothing that the mark does not know.
void Database::mendCurrent() {
  const ReadMark read = readCommitMark(options_.dataDir);
  const auto name = read.mark ? manifestInstead(options_.dataDir, *read.mark) : std::nullopt;
  if (!name) return;
  const rocksdb::Status written =
      rocksdb::WriteStringToFile(&gate_, *name + "\n", path("CURRENT"), true);
  log(LogLevel::kWarning, path("CURRENT") + " was missing or damaged and " +
                              (written.ok() ? "is written anew: it names " + *name
                                            : "cannot be written anew: " + written.ToString()));
}

// Before RocksDB sees the directory: where it is misled, it changes what is there.
std::optional<Error> Database::readMark() {
  ReadMark read = readCommitMark(options_.dataDir);
  if (created_) {
    if (!read.mark) return std::nullopt;
    return cannotOpen("it has the file " + std::string(kCommitMarkFile) +
                      " of a store, but the store's file CURRENT is missing");
  }
  if (!read.problem.empty()) {
    log(LogLevel::kWarning, path(kCommitMarkFile) + " cannot be used: " + read.problem +
                                ". It says what a damaged log has lost; it is written anew");
  }
  mark_ = std::move(read.mark);
  if (mark_) {
    if (const auto wrong = checkManifest(options_.dataDir, *mark_)) {
      return cannotOpen(wrong->message);
    }
  }
  replay_.expect(mark_ ? std::optional(mark_->store) : std::nullopt,
                 missingLogs(options_.dataDir, mark_));
  return std::nullopt;
}

// After the first open that succeeded.
void Database::judge() {
  loss_ = judgeLoss(mark_, replay_, db_->GetLatestSequenceNumber());
  const std::vector<std::string> unread = dropped_.takeSentences();
  // Later opens of this run begin where this one ended.
  replay_.expect(mark_ ? std::optional(mark_->store) : std::nullopt, {});
  if (!loss_.any()) {
    for (const std::string& sentence : unread) {
      log(LogLevel::kInfo, sentence + "; nothing that was confirmed is missing");
    }
    return;
  }
  loss_.what.insert(loss_.what.begin(), unread.begin(), unread.end());
  const LogLevel level = loss_.damage ? LogLevel::kError : LogLevel::kWarning;
  for (const std::string& sentence : loss_.what) {
    log(level, "the store in " + options_.dataDir + " has lost writes: " + sentence);
  }
}

void Database::settleFiles() {
  if (!loss_.damage) {
    kept_->release();
    return;
  }
  size_t moved = 0;
  const rocksdb::IOStatus status = kept_->setAside(path(kSetAside), &moved);
  if (moved != 0) {
    log(LogLevel::kWarning, "the logs that were read (" + std::to_string(moved) + ") are kept in " +
                                path(kSetAside) +
                                "; delete them when nobody wants to look at them");
  }
  if (!status.ok()) log(LogLevel::kWarning, "logs cannot be kept: " + status.ToString());
}

void Database::recovered() {
  starting_ = false;
  settleFiles();
  gate_.open();
}

// Families that have records, though no owner is known: after damage only. What says whose they are
// was lost, and they are not: their own records say it. Nobody else may get them.
std::optional<Error> Database::adoptOrphans(rocksdb::WriteBatch& batch) {
  if (!loss_.any() && paranoid_) return std::nullopt;
  std::vector<FamilyIndex> empty;
  for (const FamilyIndex family : pool_.freeOnes()) {
    const auto rows = iterateOnce(*db_, handle(family), 0);
    rows->SeekToFirst();
    if (!rows->Valid() && rows->status().ok()) {
      empty.push_back(family);
      continue;
    }
    std::optional<OwnerRecord> owner = ownerWithin(*rows);
    if (owner) {
      log(LogLevel::kWarning, "family " + name(family) +
                                  " had lost its owner and is again that of instance " +
                                  owner->instance);
      // In front: of two families of one owner the one whose record is there is the older one.
      owned_.insert(owned_.begin(), {family, *owner});
    } else {
      // Dropped by the next start.
      log(LogLevel::kWarning, "family " + name(family) + " has records of nobody and is abandoned");
      owner = {"", OwnerKind::kAbandoned, 0};
    }
    const rocksdb::Status put = batch.Put(default_, ownerKey(name(family)), encodeRecord(*owner));
    if (!put.ok()) {
      return unavailable("cannot write owner records: " + put.ToString());
    }
  }
  pool_.setFree(std::move(empty));
  return std::nullopt;
}

}  // namespace holdfast
