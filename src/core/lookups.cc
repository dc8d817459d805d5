#include "core/lookups.h"

namespace holdfast {

std::string_view lookupMissName(LookupMiss miss) {
  switch (miss) {
    case LookupMiss::kNone:
      return "none";
    case LookupMiss::kNoChunk:
      return "noChunk";
    case LookupMiss::kUnknownModel:
      return "unknownModel";
    case LookupMiss::kNotHeld:
      return "notHeld";
    case LookupMiss::kHidden:
      return "hidden";
    case LookupMiss::kHashingDiffers:
      return "hashingDiffers";
  }
  return "unknown";
}

}  // namespace holdfast
