// The controller's options, which a log begins with: a replay needs the same ones.
#pragma once

#include "core/controller.h"
#include "schema/capture.capnp.h"

namespace holdfast {

void write(const ControllerOptions& options, schema::CaptureStart::Builder to);
// Those of the index, which change nothing but speed, are the defaults.
ControllerOptions read(schema::CaptureStart::Reader from);

}  // namespace holdfast
