// Reports: consecutive operations of one location.
#pragma once

#include <cstdint>
#include <vector>

#include "core/messages.h"
#include "core/result.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// Refers to the message, and to `scratch`. kInvalid if it has too few evict bits.
Result<Report> read(schema::BatchedKVOperationMsg::Reader from, std::vector<uint64_t>& scratch);
void write(const Report& report, schema::BatchedKVOperationMsg::Builder to);

}  // namespace holdfast
