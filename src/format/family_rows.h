// The records of one family in the order of their keys.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "format/keys.h"

namespace rocksdb {
class Iterator;
}

namespace holdfast {

// One thread's at a time. What it stands on must outlive it.
class FamilyRows {
 public:
  // `translated` is applied to what RocksDB says of errors; may be empty.
  explicit FamilyRows(std::unique_ptr<rocksdb::Iterator> rows,
                      std::function<std::string(std::string)> translated = {});
  ~FamilyRows();
  FamilyRows(FamilyRows&& other) noexcept;
  FamilyRows& operator=(FamilyRows&&) = delete;

  // To the first record that is not below `key`; to the last one below it.
  void seek(const StoreKey& key);
  void seekBelow(const StoreKey& key);
  void next();
  // False at the end, and where reading failed: then there is an error().
  bool valid() const;
  bool at(const StoreKey& prefix) const { return valid() && key().starts_with(prefix.view()); }
  // Of the record here, until the next move.
  std::string_view key() const;
  std::string_view value() const;
  // The value; nothing if it is not whole words.
  std::optional<std::span<const uint64_t>> words();
  // The value of this very key, where this is then. Nothing if it is not there, or cannot be read.
  std::optional<std::string_view> find(const StoreKey& key);
  // What reading met, a damaged table file mostly.
  std::optional<Error> error() const;

 private:
  std::unique_ptr<rocksdb::Iterator> rows_;
  std::function<std::string(std::string)> translated_;
  std::vector<uint64_t> scratch_;
};

}  // namespace holdfast
