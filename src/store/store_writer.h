// Writes a new store record by record, in the newest format, for imports. Until finish() has
// returned, what is in the directory is no store: there is no format record.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "store/keys.h"
#include "store/record_codec.h"

namespace holdfast {

class StoreWriter {
 public:
  // `format` is that of the store that it is a copy of: not newer than this program's. The
  // directory must not exist or be empty. The error says what is wrong and what to do.
  static Result<std::unique_ptr<StoreWriter>> create(const std::string& dataDir,
                                                     const FormatRecord& format);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  // These return the error, empty if there is none.
  // A family of its own; what is put from now on goes there.
  std::string beginFamily(const OwnerRecord& owner);
  std::string put(const StoreKey& key, std::string_view value);
  std::string putEvent(std::string_view id, std::string_view value);
  // Makes it a store, on stable storage. The last call.
  std::string finish();

 private:
  struct Parts;
  explicit StoreWriter(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast
