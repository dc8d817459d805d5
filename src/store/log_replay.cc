#include "store/log_replay.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "store/batch_head.h"
#include "store/kept_files.h"
#include "store/log_prefix.h"

namespace holdfast {
namespace {

constexpr std::string_view kStamp = "holdfast";
// Damage may come in many pieces; the first ones say enough.
constexpr size_t kHolesMax = 16;

// Reads the stamp, which is the first thing in a batch, and nothing else.
class StampReader : public rocksdb::WriteBatch::Handler {
 public:
  void LogData(const rocksdb::Slice& data) override {
    more_ = false;
    const std::string_view text = data.ToStringView();
    ClusterId id{};
    if (text.size() != kStamp.size() + id.size() || !text.starts_with(kStamp)) return;
    std::memcpy(id.data(), text.data() + kStamp.size(), id.size());
    store = id;
  }
  rocksdb::Status PutCF(uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return end();
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice&) override { return end(); }
  rocksdb::Status DeleteRangeCF(uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return end();
  }
  bool Continue() override { return more_; }

  std::optional<ClusterId> store;

 private:
  rocksdb::Status end() {
    more_ = false;
    return rocksdb::Status::OK();
  }
  bool more_ = true;
};

// Copies what is not of certain families into a batch, in RocksDB's form: a batch can only be made
// with handles, and there are none before the open has ended.
class Sieve : public rocksdb::WriteBatch::Handler {
 public:
  explicit Sieve(const std::set<uint32_t>& dropped)
      : dropped_(dropped), rep(kBatchHeadBytes, '\0') {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    return copy(kPut, family, key, &value);
  }
  rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice& key) override {
    return copy(kDelete, family, key, nullptr);
  }
  rocksdb::Status DeleteRangeCF(uint32_t family, const rocksdb::Slice& begin,
                                const rocksdb::Slice& end) override {
    return copy(kDeleteRange, family, begin, &end);
  }
  void LogData(const rocksdb::Slice&) override {}

  uint32_t kept() const { return kept_; }
  rocksdb::WriteBatch batch() {
    std::memcpy(rep.data() + sizeof(uint64_t), &kept_, sizeof(kept_));
    return rocksdb::WriteBatch(std::move(rep));
  }

 private:
  // Tags of records that name their family.
  static constexpr char kDelete = 0x4;
  static constexpr char kPut = 0x5;
  static constexpr char kDeleteRange = 0xE;

  rocksdb::Status copy(char tag, uint32_t family, const rocksdb::Slice& first,
                       const rocksdb::Slice* second) {
    if (dropped_.contains(family)) return rocksdb::Status::OK();
    ++kept_;
    rep.push_back(tag);
    varint(family);
    text(first);
    if (second != nullptr) text(*second);
    return rocksdb::Status::OK();
  }
  void varint(uint32_t value) {
    for (; value >= 0x80; value >>= 7) rep.push_back(static_cast<char>(value | 0x80));
    rep.push_back(static_cast<char>(value));
  }
  void text(const rocksdb::Slice& slice) {
    varint(static_cast<uint32_t>(slice.size()));
    rep.append(slice.data(), slice.size());
  }

  const std::set<uint32_t>& dropped_;
  std::string rep;
  uint32_t kept_ = 0;
};

// Of the logs beside `file`, from `first` on, those before `log` of which nothing can be read; of
// several in a row all.
std::map<uint64_t, LogBegin> unreadableBefore(uint64_t log, const std::filesystem::path& file,
                                              uint64_t first) {
  std::set<uint64_t> before;
  std::error_code error;
  for (std::filesystem::directory_iterator at(file.parent_path(), error), end; !error && at != end;
       at.increment(error)) {
    const auto number = logNumber(at->path().string());
    if (number && *number >= first && *number < log) before.insert(*number);
  }
  std::map<uint64_t, LogBegin> unreadable;
  for (auto at = before.rbegin(); at != before.rend(); ++at) {
    const auto begin =
        readLogBegin(std::filesystem::path(file).replace_filename(logName(*at)).string());
    if (!begin || begin->whole) break;
    unreadable[*at] = *begin;
  }
  return unreadable;
}

// What the damaged begin of a log says of its number, if the writes up to `last` may begin there.
uint64_t believed(uint64_t first, uint64_t last) {
  // Far more than what logs hold: a number that is damaged itself is hardly ever that near.
  constexpr uint64_t kWritesInLogsMax = uint64_t{1} << 32;
  return first <= last && last - first < kWritesInLogsMax ? first : 0;
}

}  // namespace

void stampBatch(rocksdb::WriteBatch& batch, const ClusterId& store) {
  std::string stamp(kStamp);
  stamp.append(reinterpret_cast<const char*>(store.data()), store.size());
  const rocksdb::Status status = batch.PutLogData(stamp);
  HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
}

void LogReplay::expect(const std::optional<ClusterId>& store, std::set<uint64_t> missing) {
  store_ = store;
  missing_ = std::move(missing);
}

bool LogReplay::needed(uint64_t log) const {
  return std::any_of(logs_.begin(), logs_.end(),
                     [&](const auto& family) { return family.second <= log; });
}

std::set<uint64_t> LogReplay::missing() const {
  std::set<uint64_t> gone = missing_;
  std::erase_if(gone, [&](uint64_t log) { return !needed(log); });
  return gone;
}

std::set<std::string> LogReplay::cut() const {
  std::set<std::string> families;
  for (const auto& [name, family] : names_) {
    if (cut_.contains(family)) families.insert(name);
  }
  return families;
}

// A replay begins. An open that fails is tried again with the same expectations.
void LogReplay::ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t>& logs,
                                         const std::map<std::string, uint32_t>& names) {
  logs_ = logs;
  names_ = names;
  cut_.clear();
  holes_.clear();
  foreign_.clear();
  cutThrough_ = 0;
  lastLog_ = 0;
  expected_ = 0;
  leftOut_ = 0;
  for (const uint64_t log : missing_) cutFrom(log);
}

// Something of this log is gone.
void LogReplay::cutFrom(uint64_t log) {
  if (log <= cutThrough_) return;
  cutThrough_ = log;
  for (const auto& [family, first] : logs_) {
    if (first <= log) cut_.insert(family);
  }
}

void LogReplay::addHole(const Hole& hole) {
  if (holes_.size() < kHolesMax) holes_.push_back(hole);
}

// The first write that is read, `number` in `log`: whether some that a family needs came before it.
void LogReplay::checkBegin(uint64_t log, const std::string& file, uint64_t number) {
  uint64_t needed = log;
  for (const auto& [family, first] : logs_) needed = std::min(needed, first);
  // Nothing has come of the logs before this one. Of one whose first record is whole, that is
  // because nobody needs it: RocksDB keeps no account of what families without content need.
  if (const auto lost = unreadableBefore(log, file, needed); !lost.empty()) {
    const auto& [oldest, begin] = *lost.begin();
    addHole({oldest, log, believed(begin.first, number - 1), number - 1});
    cutFrom(lost.rbegin()->first);
  }
  const auto begin = readLogBegin(file);
  if (!begin || begin->first == number) return;
  if (holes_.empty()) addHole({log, log, believed(begin->first, number - 1), number - 1});
  cutFrom(log);
}

rocksdb::WalFilter::WalProcessingOption LogReplay::LogRecordFound(unsigned long long log,
                                                                  const std::string& file,
                                                                  const rocksdb::WriteBatch& batch,
                                                                  rocksdb::WriteBatch* kept,
                                                                  bool* changed) {
  const BatchHead head = batchHead(batch.Data());
  const uint64_t number = head.first;
  const uint64_t count = head.count;
  StampReader stamp;
  batch.Iterate(&stamp).PermitUncheckedError();
  if (stamp.store && !store_) store_ = stamp.store;
  // A number that was there already cannot be ours either.
  if ((stamp.store && *stamp.store != *store_) || number < expected_) {
    foreign_.insert(log);
    cutFrom(log);
    leftOut_ += count;
    return WalProcessingOption::kIgnoreCurrentRecord;
  }
  if (expected_ == 0) {
    checkBegin(log, file, number);
  } else if (number > expected_) {
    addHole({lastLog_, log, expected_, number - 1});
    cutFrom(log);
  }
  expected_ = head.next();
  lastLog_ = log;
  if (cut_.empty()) return WalProcessingOption::kContinueProcessing;
  Sieve sieve(cut_);
  const rocksdb::Status status = batch.Iterate(&sieve);
  if (!status.ok()) {
    // Records of a kind that the store does not write.
    leftOut_ += count;
    return WalProcessingOption::kIgnoreCurrentRecord;
  }
  if (sieve.kept() == count) return WalProcessingOption::kContinueProcessing;
  leftOut_ += count - sieve.kept();
  if (sieve.kept() == 0) return WalProcessingOption::kIgnoreCurrentRecord;
  *kept = sieve.batch();
  *changed = true;
  return WalProcessingOption::kContinueProcessing;
}

}  // namespace holdfast
