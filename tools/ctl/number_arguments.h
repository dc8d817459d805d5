// Tokens or chunk hashes on a command line: as arguments, from a file or from stdin.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::ctl {

class NumberArguments {
 public:
  struct Numbers {
    // At most one is set.
    std::optional<std::vector<uint32_t>> tokens;
    std::optional<std::vector<uint64_t>> hashes;
  };

  // Adds the options to a command, after its other positional ones.
  void addTo(CLI::App& command, const std::string& whatNoneMeans);
  // Reads them. None at all: neither is set; `required` makes that an error. Throws
  // CLI::ParseError.
  Numbers read(bool required) const;

 private:
  std::string text() const;

  std::string command_;
  std::vector<std::string> numbers_;
  std::string file_;
  bool hashes_ = false;
};

}  // namespace holdfast::ctl
