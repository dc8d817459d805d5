// Where the log is and who may use it, as an operator says it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::replication {

inline constexpr size_t kClusterBytesMax = 64;

// Whether a cluster may be named so: it is a part of the stream's name and subjects.
inline bool isClusterName(std::string_view name) {
  const auto may = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  };
  return !name.empty() && name.size() <= kClusterBytesMax &&
         std::all_of(name.begin(), name.end(), may);
}

struct NatsOptions {
  // "nats://HOST:PORT", "tls://HOST:PORT" or "HOST:PORT"; those of one cluster, tried in this
  // order. Others of it that a server names are used as well.
  std::vector<std::string> servers;
  // Name the stream, HF-<cluster>-<shard>; see isClusterName().
  std::string cluster = "holdfast";
  uint32_t shard = 0;

  // Who this is: a user and a password, or a file with credentials (a JWT and its seed); or
  // neither.
  std::string user;
  std::string password;
  std::string credentialsFile;
  // TLS, also where no server's URL says so. Files as PEM; an empty one is left to the system.
  bool tls = false;
  std::string caFile;
  std::string certificateFile;
  std::string keyFile;

  // Of a stream that is not there yet and is made; one that is there must have as many replicas or
  // more.
  uint32_t replicas = 3;                  // 1 to 5
  uint64_t bytesMax = uint64_t{8} << 30;  // then the oldest records go

  // What the own store has of the log: its identity, and how far. With an identity no stream is
  // made. Empty and 0: nothing, so it may be a new log.
  std::string identity;
  uint64_t sequence = 0;

  // One attempt to connect, one question, one write that a server does not take.
  std::chrono::milliseconds patience{2000};
  // An answer that would end this controller must repeat itself for so long (`doubt.h`).
  std::chrono::milliseconds doubt{5000};
  // Between attempts to connect again.
  std::chrono::milliseconds reconnectInterval{100};

  // From any thread, when poll() has something new. Must not block.
  std::function<void()> notify;
};

}  // namespace holdfast::replication
