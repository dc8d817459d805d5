#include "store/log_replay.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "store/batch_head.h"

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

rocksdb::WalFilter::WalProcessingOption LogReplay::LogRecordFound(unsigned long long log,
                                                                  const std::string&,
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
  if (expected_ != 0 && number > expected_) {
    if (holes_.size() < kHolesMax) holes_.push_back({lastLog_, log, expected_, number - 1});
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
