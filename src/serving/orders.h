// An operator's orders, as both doors carry them out. Promises fail with exceptions of wireError().
#pragma once

#include <kj/async.h>
#include <kj/memory.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "serving/services.h"

namespace holdfast {

// Has the worker's location synced; an empty one: all of them. The number of full syncs that there
// will be.
Result<uint32_t> forceSync(Services& services, std::string_view instance, uint32_t worker,
                           std::string_view location);

// These resolve when what changed is committed.
kj::Promise<void> forgetWorker(Services& services, std::string_view instance, uint32_t worker);
// Look-ups do not name the instance, or name it again.
kj::Promise<void> drainInstance(Services& services, std::string_view instance, bool drained);

// The folder of the log that begins, or of the one that has ended. An empty directory: the one of
// the daemon's options.
kj::Promise<std::string> beginCapture(Services& services, const std::string& directory,
                                      bool redact);
Result<std::string> endCapture(Services& services);

// What a backup holds, and what it took.
struct BackupMade {
  std::string path;
  uint64_t bytes = 0;
  uint64_t sequence = 0;  // the last write that it holds
  uint64_t instances = 0;
  uint64_t workers = 0;
  uint64_t memberships = 0;
  std::string registryDigest;
  uint64_t milliseconds = 0;
};
// `path`: on the controller's machine.
kj::Promise<kj::Own<BackupMade>> backUp(Services& services, const std::string& path);

}  // namespace holdfast
