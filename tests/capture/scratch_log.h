// A directory for capture logs, and what tests write into them and read back.
#pragma once

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "capture/log_reader.h"
#include "capture/log_writer.h"
#include "capture/values.h"
#include "schema/capture.capnp.h"

namespace holdfast::test {

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "holdfast-capture-XXXXXX";
    directory = mkdtemp(pattern.data());
  }
  ~LogTest() override { std::filesystem::remove_all(directory); }

  LogOptions options() const {
    LogOptions options;
    options.directory = directory;
    return options;
  }
  static std::unique_ptr<LogWriter> open(const LogOptions& options) {
    auto log = LogWriter::open(options);
    EXPECT_TRUE(log.ok()) << log.error().message;
    return log.ok() ? std::move(log.value()) : nullptr;
  }
  // An entry that is told from others by its number, with `keys` keys.
  static bool append(LogWriter& log, uint64_t number, size_t keys = 3) {
    capnp::MallocMessageBuilder message;
    auto entry = message.initRoot<schema::CaptureEntry>();
    entry.setSession(number);
    entry.initReport().initKeys(static_cast<kj::uint>(keys));
    return log.append(message);
  }
  static void close(LogWriter& log) {
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::CaptureEntry>().initEnd();
    log.close(&message);
  }

  struct Read {
    std::vector<uint64_t> numbers;  // of the entries that append() made
    bool ended = false;             // its last entry is an end
    std::vector<std::string> problems;
  };
  static Read read(const std::vector<std::string>& paths) {
    Read result;
    auto log = LogReader::open(paths);
    if (!log.ok()) {
      result.problems.push_back(log.error().message);
      return result;
    }
    while (log.value()->next()) {
      const auto entry = log.value()->entry();
      result.ended = entry.isEnd();
      if (entry.isReport()) result.numbers.push_back(entry.getSession());
    }
    result.problems = log.value()->problems();
    return result;
  }
  static std::vector<uint64_t> upTo(uint64_t last) {
    std::vector<uint64_t> numbers;
    for (uint64_t i = 1; i <= last; ++i) numbers.push_back(i);
    return numbers;
  }

  std::string directory;
};

}  // namespace holdfast::test
