// The [[engine]] tables of a configuration file: engines whose KV events are read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "command_line/config_file.h"
#include "core/engine_source.h"
#include "core/result.h"

namespace holdfast {

// The header of such a table, without its brackets.
inline constexpr const char* kEngineTable = "engine";

// Of one file.
class EngineTables {
 public:
  explicit EngineTables(std::string file) : file_(std::move(file)) {}

  // An entry of such a table. The error begins with the place.
  std::optional<Error> add(const FileEntry& entry);
  // When all are added: a source for each rank, each name once.
  Result<std::vector<EngineSource>> sources() const;

 private:
  struct Table {
    FilePlace place;
    EngineSource source;
    uint32_t ranks = 1;
  };

  const std::string file_;
  std::vector<Table> tables_;
};

}  // namespace holdfast
