#include "gateways/lmcache/encoder.h"

#include <bit>
#include <cstddef>
#include <msgpack.hpp>
#include <utility>

namespace holdfast::lmcache {
namespace {

// A map with its type first, and a writer for the rest.
class Encoding {
 public:
  Encoding(std::string_view type, uint32_t fields) : packer_(*this) {
    packer_.pack_map(fields + 1);
    text("type", type);
  }

  // For the packer.
  void write(const char* bytes, size_t size) { bytes_.append(bytes, size); }

  Encoding& name(std::string_view name) {
    put(name);
    return *this;
  }
  Encoding& text(std::string_view name, std::string_view value) {
    put(name);
    put(value);
    return *this;
  }
  Encoding& flag(std::string_view name, bool value) {
    put(name);
    packer_.pack(value);
    return *this;
  }
  // msgpack-c writes whole numbers as integers, which a field of floats must not be.
  Encoding& real(std::string_view name, double value) {
    put(name);
    bytes_ += '\xCB';
    const auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(bits >> shift);
    return *this;
  }
  Encoding& tokens(std::optional<Tokens> tokens) {
    put("tokens");
    if (!tokens) {
      packer_.pack_nil();
      return *this;
    }
    packer_.pack_array(static_cast<uint32_t>(tokens->size()));
    for (const uint32_t token : *tokens) packer_.pack_uint32(token);
    return *this;
  }
  void put(std::string_view value) {
    packer_.pack_str(static_cast<uint32_t>(value.size()));
    packer_.pack_str_body(value.data(), static_cast<uint32_t>(value.size()));
  }
  msgpack::packer<Encoding>& packer() { return packer_; }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
  msgpack::packer<Encoding> packer_;
};

std::string compression(std::string_view type, std::string_view id, std::string_view method,
                        std::string_view location, std::optional<Tokens> tokens) {
  return Encoding(type, 4)
      .text("worker_event_id", id)
      .text("method", method)
      .text("location", location)
      .tokens(tokens)
      .take();
}

}  // namespace

std::string registered(std::string_view heartbeatUrl) {
  Encoding message("RegisterRetMsg", 1);
  message.name("extra_config").packer().pack_map(heartbeatUrl.empty() ? 0 : 1);
  if (!heartbeatUrl.empty()) message.text("heartbeat_url", heartbeatUrl);
  return message.take();
}

std::string heartbeatAnswer(bool fullSync, std::string_view reason) {
  Encoding message("HeartbeatRetMsg", 1);
  message.name("commands").packer().pack_array(fullSync ? 1 : 0);
  if (fullSync) {
    message.packer().pack_map(3);
    message.text("command_type", "full_sync").text("reason", reason);
    message.name("args").packer().pack_nil();
  }
  return message.take();
}

std::string peerAnswer(const std::optional<Peer>& peer) {
  const Peer told = peer.value_or(Peer{});
  Encoding message("BatchedP2PLookupRetMsg", 1);
  message.name("layout_info").packer().pack_array(1).pack_array(4);
  message.put(told.instance);
  message.put(told.location);
  message.packer().pack_uint64(told.chunks);
  message.put(told.url);
  return message.take();
}

std::string syncStarted(std::string_view syncId, std::string_view error) {
  Encoding message("FullSyncStartRetMsg", 3);
  message.text("sync_id", syncId).flag("accepted", error.empty()).name("error_msg");
  if (error.empty()) {
    message.packer().pack_nil();
  } else {
    message.put(error);
  }
  return message.take();
}

std::string syncStatus(std::string_view syncId, bool complete, double progress, bool canExitFreeze,
                       std::span<const uint32_t> missingBatches) {
  Encoding message("FullSyncStatusRetMsg", 5);
  message.text("sync_id", syncId)
      .flag("is_complete", complete)
      .real("global_progress", progress)
      .flag("can_exit_freeze", canExitFreeze)
      .name("missing_batches");
  message.packer().pack_array(static_cast<uint32_t>(missingBatches.size()));
  for (const uint32_t batch : missingBatches) message.packer().pack_uint32(batch);
  return message.take();
}

std::string error(std::string_view text) {
  return Encoding("ErrorMsg", 1).text("error", text).take();
}

std::string clear(std::string_view id, std::string_view location) {
  return Encoding("ClearWorkerMsg", 2)
      .text("worker_event_id", id)
      .text("location", location)
      .take();
}

std::string pin(std::string_view id, std::string_view location, Tokens tokens) {
  return Encoding("PinWorkerMsg", 3)
      .text("worker_event_id", id)
      .text("location", location)
      .tokens(tokens)
      .take();
}

std::string compress(std::string_view id, std::string_view method, std::string_view location,
                     std::optional<Tokens> tokens) {
  return compression("CompressWorkerMsg", id, method, location, tokens);
}

std::string decompress(std::string_view id, std::string_view method, std::string_view location,
                       std::optional<Tokens> tokens) {
  return compression("DecompressWorkerMsg", id, method, location, tokens);
}

std::string move(std::string_view id, std::string_view from, const MoveTarget& to,
                 std::optional<Tokens> tokens, bool copy) {
  Encoding message("MoveWorkerMsg", 5);
  message.text("worker_event_id", id).text("old_position", from).name("new_position");
  message.packer().pack_array(2);
  message.put(to.url);
  message.put(to.location);
  return message.tokens(tokens).flag("copy", copy).take();
}

std::string health(std::string_view id) {
  return Encoding("HealthWorkerMsg", 1).text("worker_event_id", id).take();
}

std::string checkFinish(std::string_view id) {
  return Encoding("CheckFinishWorkerMsg", 1).text("worker_event_id", id).take();
}

}  // namespace holdfast::lmcache
