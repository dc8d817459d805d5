// Runs through a log and gives its entries to whatever they are replayed into.
#pragma once

#include "capture/log_reader.h"
#include "replay/options.h"

namespace holdfast::replay {

// Prints what came of it. An ExitCode.
int replay(LogReader& log, const Options& options);

}  // namespace holdfast::replay
