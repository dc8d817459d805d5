// Checks a copy of a store against its file COPY: every file is there, no other is, and all are as
// they were.
#pragma once

#include <string>

#include "inspect/verifier.h"
#include "store/copy_manifest.h"
#include "text/progress.h"

namespace holdfast::inspect {

struct CopyCheck {
  CopyState state;
  VerifyOutcome outcome;  // of the files; nothing in it of what is no copy
};

// Reads every file whose checksum is known. Needs no store that opens.
CopyCheck checkCopy(const std::string& dataDir, text::Progress& progress);

// Whether the store as it reads is what the copy says; adds to the outcome.
void compareWithCopy(const StoreReader& reader, CopyCheck& check, text::Progress& progress);

}  // namespace holdfast::inspect
