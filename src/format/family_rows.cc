#include "format/family_rows.h"

#include <rocksdb/iterator.h>

#include <utility>

#include "format/slices.h"
#include "format/words.h"

namespace holdfast {

FamilyRows::FamilyRows(std::unique_ptr<rocksdb::Iterator> rows,
                       std::function<std::string(std::string)> translated)
    : rows_(std::move(rows)), translated_(std::move(translated)) {}
FamilyRows::~FamilyRows() = default;
FamilyRows::FamilyRows(FamilyRows&& other) noexcept = default;

void FamilyRows::seek(const StoreKey& key) {
  rows_->Seek(slice(key));
}
void FamilyRows::seekBelow(const StoreKey& key) {
  // No key equals the end of a range of keys, so the last one that is not above is below.
  rows_->SeekForPrev(slice(key));
}
void FamilyRows::next() {
  rows_->Next();
}
bool FamilyRows::valid() const {
  return rows_->Valid();
}
std::string_view FamilyRows::key() const {
  return rows_->key().ToStringView();
}
std::string_view FamilyRows::value() const {
  return rows_->value().ToStringView();
}
std::optional<std::span<const uint64_t>> FamilyRows::words() {
  return alignedWords(value(), scratch_);
}

std::optional<std::string_view> FamilyRows::find(const StoreKey& key) {
  seek(key);
  if (!valid() || this->key() != key.view()) return std::nullopt;
  return value();
}

std::optional<Error> FamilyRows::error() const {
  const rocksdb::Status status = rows_->status();
  if (status.ok()) return std::nullopt;
  std::string what = status.ToString();
  return Error{ErrorCode::kUnavailable, translated_ ? translated_(std::move(what)) : what};
}

}  // namespace holdfast
