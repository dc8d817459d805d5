// Opens what is left of a store that may not open by itself: CURRENT, the list of table files or
// logs may be damaged or gone.
//
// It is opened in a directory of its own, of links to the table files and copies of what is whole
// of the rest, so that nothing is written to the store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "store/store_reader.h"

namespace holdfast {

struct SalvageView {
  std::unique_ptr<StoreReader> reader;
  // Whether the list of table files was made anew from the files: RocksDB's own is not to be had,
  // so a table that is missing is not noticed.
  bool rebuilt = false;
  std::vector<std::string> damage;  // what is wrong with the store as a whole
};

// `scratch` is an empty directory of the caller's, which must outlive what comes back. The error
// says why nothing of it can be opened.
Result<SalvageView> openForSalvage(const std::string& dataDir, const std::string& scratch);

}  // namespace holdfast
