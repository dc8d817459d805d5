// What this folder is to a program that loads it as a library of its own: only who is to speak to
// the engine has the engine's library in its process.
//
// The entry is one of C; behind it values of C++ pass both ways, so both sides must be of one
// build. Whoever loads it looks at `build` before anything else. It is never unloaded: the
// engine's library keeps threads.
#pragma once

#include <memory>

#include "core/result.h"
#include "replication/log.h"
#include "replication/nats/nats_options.h"

namespace holdfast::replication::nats {

// Raise the number with whatever passes through: log.h, nats_options.h, core/result.h.
inline constexpr const char* kModuleBuild =
    "Holdfast " HOLDFAST_VERSION ", interface 1, compiler " __VERSION__;

struct Module {
  const char* build;  // kModuleBuild; stays the first field
  Result<std::unique_ptr<Log>> (*open)(const NatsOptions& options);  // as NatsLog::open()
};

// Exported as kModuleEntry; what it returns lives as long as the process.
using ModuleEntry = const Module*();
inline constexpr const char* kModuleEntry = "holdfast_nats_module";
inline constexpr const char* kModuleFile = "holdfast-nats.so";

}  // namespace holdfast::replication::nats
