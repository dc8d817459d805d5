// Payloads of LMCache's wire to messages: a MessagePack map, or the same as JSON where the first
// byte is '{'. Fields may come in any order; those that are not known are skipped.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "gateways/lmcache/fields.h"
#include "gateways/lmcache/messages.h"

namespace holdfast::lmcache {

// Reuses its buffers; one thread.
class Decoder {
 public:
  // Of one payload; more is refused.
  static constexpr size_t kPayloadBytesMax = size_t{64} << 20;

  Decoder();
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // The message is valid until the next call, as long as `payload` is. Memory is bounded by a small
  // multiple of the payload, whatever sizes it claims. The error says what is wrong, and where.
  Result<const Message*> decode(std::string_view payload);

 private:
  struct Json;

  bool readMessagePack(std::string_view payload);
  bool readJson(std::string_view payload);

  FieldReader fields_;
  Message report_;  // of what readReport() takes
  std::string malformed_;
  std::unique_ptr<Json> json_;  // made when the first JSON comes
};

}  // namespace holdfast::lmcache
