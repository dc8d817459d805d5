// A copy of another controller's store that comes into an empty data directory, piece by piece, for
// a store to be opened on. Each file is checked against its size and checksum. The directory has
// the whole copy in the end, or nothing of it (incoming_files.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "store/copy_manifest.h"
#include "store/rocks_store.h"

namespace holdfast {

class IncomingCopy {
 public:
  // Locks the data directory, which is made where `options` say so. Null: there is a store already.
  // The error is what opening a store there would say. Only the directory and whether to make it
  // are looked at, and the log is told.
  static Result<std::unique_ptr<IncomingCopy>> into(const StoreOptions& options);
  // Throws away what has not been finished.
  ~IncomingCopy();
  IncomingCopy(const IncomingCopy&) = delete;
  IncomingCopy& operator=(const IncomingCopy&) = delete;

  // A copy of these files comes, and whatever came before is thrown away. kInvalid: that is no list
  // of a store's files; kUnavailable: there is no room for them, or nothing can be written.
  std::optional<Error> begin(CopyManifest manifest);
  // The next bytes, file after file in the order of the list, none of two files at once. kInvalid:
  // they are not what the list says, so the copy is to be begun anew; kUnavailable: the disk.
  std::optional<Error> add(const char* data, size_t bytes);
  // All has come: the data directory has a store now. Nothing can be called after it.
  std::optional<Error> finish();

 private:
  struct Parts;
  explicit IncomingCopy(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast
