// The options of core and executor, which a log begins with: a replay needs the same ones.
#pragma once

#include "core/operations/executor.h"
#include "core/registry/registry.h"
#include "schema/capture.capnp.h"

namespace holdfast {

struct CoreOptions {
  RegistryOptions registry;
  Executor::Options executor;
};

void write(const CoreOptions& options, schema::CaptureStart::Builder to);
// Those of the index, which change nothing but speed, are the defaults.
CoreOptions read(schema::CaptureStart::Reader from);

}  // namespace holdfast
