// Messages of engines to events: the MessagePack of vLLM, SGLang and TensorRT-LLM, with events as
// maps or, of older versions, as arrays. What is not known is passed over and counted.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "gateways/engine_events/events.h"

namespace holdfast::engines {

// Of one message; more is refused.
inline constexpr size_t kPayloadBytesMax = size_t{64} << 20;

// `batch` is replaced. Memory is bounded by a small multiple of the payload, whatever sizes it
// claims. The error says what is wrong, and where; what is in `batch` then is of no use.
std::optional<Error> decode(std::string_view payload, Batch& batch);

// Of a stored event that was decoded. False: one of these fields is not what it should be.
bool detailsOf(const Event& event, Details& details);

}  // namespace holdfast::engines
