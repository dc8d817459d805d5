// How a capture log lies on the disk.
//
//   directory  := log*                                 --capture, --capture-retain
//   log        := a folder "capture-00001", ...: file+ checkpoint?
//   file       := "000001.log", ...: magic frame+      the first frame is a CaptureFile
//   frame      := length:u32 crc32c:u32 payload        little-endian
//   payload    := a CaptureEntry (schema/capture.capnp) in Cap'n Proto's stream form
//   checkpoint := a folder "checkpoint": the store as of the log's beginning
//
// Every length is a multiple of 8, so that entries are read where they lie. A file ends with a
// whole frame, unless its writer was killed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/limits.h"

namespace holdfast {

inline constexpr std::string_view kLogMagic = "HFCAP-1\n";
inline constexpr size_t kFrameHeaderBytes = 8;
// Of a payload: the largest message with what is around it.
inline constexpr size_t kFrameBytesMax = kMessageBytesMax + (size_t{1} << 20);

inline constexpr std::string_view kCaptureFolderPrefix = "capture-";
inline constexpr std::string_view kCheckpointFolder = "checkpoint";

inline std::string captureFolderName(uint32_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "capture-%05u", number);
  return name;
}

inline std::string logFileName(uint32_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%06u.log", number);
  return name;
}

}  // namespace holdfast
