// Writes to the store have numbers, so that answers can wait for them.
#pragma once

#include <cstdint>

namespace holdfast {

// Names a queued write; they ascend by 1 from 1. Everything up to a committed ticket is committed.
using Ticket = uint64_t;

}  // namespace holdfast
