// Options by what their values are, with what is said of a wrong one: durations, sizes, addresses.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "command_line/duration.h"
#include "core/ids.h"

namespace holdfast {

inline constexpr uint64_t kDayMs = 86'400'000;

// A duration, kept in milliseconds, of at most `maxMs`.
template <typename Milliseconds>
CLI::Option* addDuration(CLI::App& app, const std::string& name, Milliseconds& ms,
                         const std::string& help, uint64_t maxMs = kDayMs) {
  const auto errorOf = [maxMs](const std::string& text) -> std::string {
    const auto parsed = parseDurationMs(text);
    if (!parsed) {
      return quotedForPeople(text) + " is no duration: use 500ms, 5s, 10m, 1h30m or 1d";
    }
    return *parsed <= maxMs ? "" : text + " is more than " + durationText(maxMs);
  };
  const auto take = [&ms](const std::string& text) {
    ms = static_cast<Milliseconds>(*parseDurationMs(text));
  };
  return app.add_option_function<std::string>(name, take, help)
      ->check(CLI::Validator(errorOf, "", "duration"))
      ->type_name("DURATION")
      ->default_str(durationText(ms));
}

// A size in bytes.
CLI::Option* addSize(CLI::App& app, const std::string& name, uint64_t& bytes, uint64_t min,
                     uint64_t max, const std::string& help);

// What is wrong with an address to listen on; empty: nothing.
std::string addressError(const std::string& text);

}  // namespace holdfast
