// Verifies a whole store: everything is read, every table file's checksums are checked, everything
// that is counted is counted anew.
#pragma once

#include <cstdint>

#include "inspect/findings.h"
#include "store/store_reader.h"
#include "text/progress.h"

namespace holdfast::inspect {

struct VerifyOptions {
  // Keys held at a time by all threads together, 11 to 22 bytes each. See recount.h.
  uint64_t keysMax = uint64_t{16} << 20;
};

struct VerifyOutcome {
  std::vector<Finding> findings;
  size_t problems = 0;
  size_t notes = 0;
  uint64_t families = 0;  // with an owner
  uint64_t keys = 0;      // read, of segments, batches and journals
  uint64_t tableFiles = 0;
  uint64_t tableBytes = 0;
  double seconds = 0;
};

VerifyOutcome verify(const StoreReader& reader, const VerifyOptions& options,
                     text::Progress& progress);

}  // namespace holdfast::inspect
