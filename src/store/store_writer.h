// Writes a new store record by record, in the newest format, for imports. It gets its name when it
// is whole: until publish() it is in a directory beside that, see staged_directory.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "format/keys.h"
#include "format/registry_records.h"

namespace holdfast {

class StoreWriter {
 public:
  // `format` is that of the store that it is a copy of: not newer than this program's. The
  // directory must not exist or be empty. The error says what is wrong and what to do. What is not
  // published is removed in the end.
  static Result<std::unique_ptr<StoreWriter>> create(const std::string& dataDir,
                                                     const FormatRecord& format);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  // A family of its own; what is put from now on goes there.
  std::optional<Error> beginFamily(const OwnerRecord& owner);
  std::optional<Error> put(const StoreKey& key, std::string_view value);
  std::optional<Error> putEvent(std::string_view id, std::string_view value);
  // Makes it a store, on stable storage, and closes it. Nothing can be put after that.
  std::optional<Error> finish();
  // After finish(): where it can be read until it is published.
  const std::string& directory() const;
  // Gives it its name, and the file COPY. `registryDigest` as hexadecimal digits, or empty. The
  // last call.
  std::optional<Error> publish(const std::string& registryDigest);

 private:
  struct Parts;
  explicit StoreWriter(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast
