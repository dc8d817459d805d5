// RocksDB's own log goes to ours: errors only. What it warns of is routine, but for what it cannot
// read of logs.
#pragma once

#include <rocksdb/env.h>

#include <functional>
#include <memory>
#include <string>

#include "store/dropped_bytes.h"

namespace holdfast {

// `error` is told of errors, and `dropped` of bytes that cannot be read; they must outlive what
// comes back. Either may be empty or null. From any thread.
std::shared_ptr<rocksdb::Logger> makeInfoLog(std::function<void(const std::string&)> error,
                                             DroppedBytes* dropped);

}  // namespace holdfast
