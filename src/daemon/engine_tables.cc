#include "daemon/engine_tables.h"

#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "command_line/usage.h"
#include "core/ids.h"
#include "gateways/engine_events/endpoints.h"

namespace holdfast {
namespace {

constexpr uint32_t kRanksMax = 1024;

const std::vector<std::string>& keysOfEngines() {
  static const std::vector<std::string> kKeys = {"instance", "endpoint", "replay",    "bind",
                                                 "topic",    "model",    "rank",      "ranks",
                                                 "http",     "labels",   "block-size"};
  return kKeys;
}

std::string* textOf(EngineSource& source, std::string_view key) {
  if (key == "instance") return &source.name.instance;
  if (key == "endpoint") return &source.endpoint;
  if (key == "replay") return &source.replayEndpoint;
  if (key == "topic") return &source.topic;
  if (key == "model") return &source.model;
  return key == "http" ? &source.http : nullptr;
}

std::optional<uint32_t> numberOf(const FileValue& value) {
  uint32_t number = 0;
  const char* const begin = value.text.data();
  const auto [end, error] = std::from_chars(begin, begin + value.text.size(), number);
  if (value.type != FileValue::Type::kInteger || error != std::errc() ||
      end != begin + value.text.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

std::optional<Error> EngineTables::add(const FileEntry& entry) {
  using Type = FileValue::Type;
  if (tables_.size() < entry.element) {
    tables_.resize(entry.element);
    tables_.back().place = entry.place;
  }
  Table& table = tables_[entry.element - 1];
  EngineSource& source = table.source;
  const auto wants = [&](const std::string& what) {
    return invalidError(describe(file_, entry.place) + ": " + entry.key + " wants " + what);
  };
  if (entry.key == "labels") {
    for (const FileValue& value : entry.values) {
      const size_t at = value.text.find('=');
      if (!entry.isList || value.type != Type::kText || at == std::string::npos) {
        return wants("a list of texts such as \"zone=eu-1a\"");
      }
      source.labels.push_back({value.text.substr(0, at), value.text.substr(at + 1)});
    }
    return std::nullopt;
  }
  if (entry.isList || entry.values.size() != 1) return wants("one value, not a list");
  const FileValue& value = entry.values.front();
  if (std::string* text = textOf(source, entry.key)) {
    if (value.type != Type::kText) return wants("a text in quotes");
    *text = value.text;
  } else if (entry.key == "bind") {
    if (value.type != Type::kTruth) return wants("true or false");
    source.bind = value.text == "true";
  } else if (entry.key == "rank" || entry.key == "ranks" || entry.key == "block-size") {
    const auto number = numberOf(value);
    if (!number || (entry.key == "ranks" && (*number == 0 || *number > kRanksMax))) {
      return wants(entry.key == "ranks" ? "a whole number from 1 to " + std::to_string(kRanksMax)
                                        : "a whole number");
    }
    (entry.key == "rank"    ? source.name.rank
     : entry.key == "ranks" ? table.ranks
                            : source.blockSize) = *number;
  } else {
    return invalidError(describe(file_, entry.place) + ": an engine has no " +
                        quotedForPeople(entry.key) + didYouMean(entry.key, keysOfEngines()));
  }
  return std::nullopt;
}

Result<std::vector<EngineSource>> EngineTables::sources() const {
  std::vector<EngineSource> all;
  std::set<SourceName> names;
  for (const Table& table : tables_) {
    const std::string where = describe(file_, table.place) + ": [[engine]]: ";
    if (const auto wrong = engines::invalidSource(table.source))
      return invalidError(where + *wrong);
    for (uint32_t i = 0; i < table.ranks; ++i) {
      EngineSource one = table.source;
      one.name.rank += i;
      one.configured = true;
      const auto endpoint = engines::endpointOfRank(one.endpoint, i);
      const auto replay = one.replayEndpoint.empty()
                              ? std::optional<std::string>(std::string())
                              : engines::endpointOfRank(one.replayEndpoint, i);
      if (!endpoint || !replay) {
        return invalidError(where + "there are no " + std::to_string(table.ranks) + " ports from " +
                            quotedForPeople(one.endpoint) + " on");
      }
      one.endpoint = *endpoint;
      one.replayEndpoint = *replay;
      if (!names.insert(one.name).second) {
        return invalidError(where + engines::describe(one.name) + " is there twice");
      }
      all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace holdfast
