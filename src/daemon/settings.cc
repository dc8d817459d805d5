#include "daemon/settings.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "command_line/config_file.h"
#include "command_line/usage.h"
#include "core/ids.h"
#include "daemon/engine_tables.h"
#include "daemon/option_values.h"
#include "daemon/options.h"

namespace holdfast {
namespace {

constexpr std::string_view kVariablePrefix = "HOLDFAST_";

// All options, to look at or to try some of them.
struct Declared {
  Declared() : app("", "holdfastd") {
    addOptions(app, configuration, texts, program);
    app.set_version_flag("--version", "");
    app.get_option("--data-dir")->required(false);
  }
  std::optional<std::string> errorOf(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError& e) {
      return errorText(app, e);
    }
    return std::nullopt;
  }

  CLI::App app;
  Configuration configuration;
  OptionTexts texts;
  ProgramOptions program;
};

// "--listen=127.0.0.1:7440"
std::string argument(const std::string& key, const std::string& value) {
  return "--" + key + "=" + value;
}

// Of a configuration file; of a larger one as much as shows that.
Result<std::string> contentsOf(const std::string& file) {
  struct Closed {
    void operator()(FILE* one) const { std::fclose(one); }
  };
  const std::unique_ptr<FILE, Closed> in(std::fopen(file.c_str(), "re"));
  std::string text(kConfigFileBytesMax + 1, '\0');
  if (in != nullptr) text.resize(std::fread(text.data(), 1, text.size(), in.get()));
  if (in != nullptr && std::ferror(in.get()) == 0) return text;
  return invalidError("cannot read the configuration file " + file + ": " + std::strerror(errno));
}

class Collector {
 public:
  explicit Collector(const std::vector<std::string>& arguments) {
    settings_.arguments = arguments;
    // What is wrong is found again by whoever parses them.
    parsed_ = !declared_.errorOf(arguments);
    for (CLI::Option* option : declared_.app.get_options()) {
      const std::string key = keyOf(*option);
      if (key.empty()) continue;
      options_.emplace(key, option);
      if (option->count() != 0) settings_.from[key] = kCommandLine;
    }
  }

  bool parsed() const { return parsed_; }

  std::optional<Error> addEnvironment() {
    for (const CLI::Option* option : settable()) {
      const std::string key = keyOf(*option);
      const char* value = std::getenv(variableOf(key).c_str());
      if (value == nullptr || *value == '\0') continue;
      if (auto error = add(key, {argument(key, value)}, variableOf(key))) return error;
      if (key == "config" && file_.empty()) file_ = value;
    }
    return std::nullopt;
  }

  std::optional<Error> addFile() {
    if (const CLI::Option* named = options_.at("config"); named->count() != 0) {
      file_ = named->results().front();
    }
    if (file_.empty()) return std::nullopt;
    const auto text = contentsOf(file_);
    if (!text.ok()) return text.error();
    const auto entries = parseConfigFile(file_, text.value());
    if (!entries.ok()) return entries.error();
    EngineTables engines(file_);
    for (const FileEntry& entry : entries.value()) {
      if (auto error = entry.element != 0 && entry.table == kEngineTable ? engines.add(entry)
                                                                         : addEntry(entry)) {
        return error;
      }
    }
    auto sources = engines.sources();
    if (!sources.ok()) return sources.error();
    settings_.engines = std::move(sources.value());
    return std::nullopt;
  }

  void warnOfVariables() {
    std::vector<std::string> names;
    for (const CLI::Option* option : settable()) names.push_back(variableOf(keyOf(*option)));
    const std::set<std::string> known(names.begin(), names.end());
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view variable(*entry);
      const std::string name(variable.substr(0, variable.find('=')));
      if (!name.starts_with(kVariablePrefix) || known.contains(name) || ofClients(name)) continue;
      settings_.warnings.push_back("the environment variable " + name + " names no option" +
                                   didYouMean(name, names));
    }
  }

  Settings take() { return std::move(settings_); }

 private:
  static bool ofClients(const std::string& name) {
    return name == "HOLDFAST_CONTROLLER" || name == "HOLDFAST_TOKEN_FILE" ||
           name == "HOLDFAST_TLS_CA";
  }

  // Those that have variables.
  std::vector<const CLI::Option*> settable() {
    std::vector<const CLI::Option*> options;
    for (const CLI::Option* one : optionsOfFiles(declared_.app)) options.push_back(one);
    options.push_back(options_.at("config"));
    return options;
  }

  // Checks the values, and takes them unless something that comes before has set the option.
  std::optional<Error> add(const std::string& key, const std::vector<std::string>& arguments,
                           const std::string& from) {
    if (const auto wrong = Declared().errorOf(arguments)) return invalidError(from + ": " + *wrong);
    if (!settings_.from.emplace(key, from).second) return std::nullopt;
    settings_.arguments.insert(settings_.arguments.end(), arguments.begin(), arguments.end());
    return std::nullopt;
  }

  std::optional<Error> addEntry(const FileEntry& entry) {
    const std::string place = describe(file_, entry.place);
    if (entry.element != 0) {
      return invalidError(place + ": only [[engine]] may come several times, not [[" + entry.table +
                          "]]");
    }
    std::vector<std::string> keys;
    for (const CLI::Option* one : optionsOfFiles(declared_.app)) keys.push_back(keyOf(*one));
    const auto found = options_.find(entry.key);
    if (found == options_.end() || std::find(keys.begin(), keys.end(), entry.key) == keys.end()) {
      return invalidError(place + ": there is no option " + quotedForPeople(entry.key) +
                          didYouMean(entry.key, keys));
    }
    const CLI::Option& option = *found->second;
    if (!entry.table.empty() && entry.table != tableOf(option)) {
      return invalidError(place + ": " + entry.key + " belongs in [" + tableOf(option) +
                          "], or above the first table, not in [" + entry.table + "]");
    }
    if (const auto [first, isNew] = seen_.emplace(entry.key, place); !isNew) {
      return invalidError(place + ": " + entry.key + " is set at " + first->second + " already");
    }
    std::vector<std::string> arguments;
    for (const FileValue& value : entry.values) {
      if (auto wrong = wrongType(option, entry, value)) return wrong;
      arguments.push_back(argument(entry.key, value.text));
    }
    if (arguments.empty()) return invalidError(place + ": " + entry.key + " has an empty list");
    return add(entry.key, arguments, place);
  }

  // Texts are read as a command line is.
  std::optional<Error> wrongType(const CLI::Option& option, const FileEntry& entry,
                                 const FileValue& value) const {
    using Type = FileValue::Type;
    const ValueKind kind = kindOf(option);
    const auto wants = [&](const std::string& what) {
      return invalidError(describe(file_, value.place) + ": " + entry.key + " wants " + what);
    };
    if (entry.isList && kind != ValueKind::kList) return wants("one value, not a list");
    if (value.type == Type::kText) return std::nullopt;
    switch (kind) {
      case ValueKind::kText:
      case ValueKind::kList:
        return wants("a text in quotes");
      case ValueKind::kFlag:
        if (value.type != Type::kTruth) return wants("true or false");
        break;
      case ValueKind::kCount:
        if (value.type != Type::kInteger) return wants("a whole number");
        break;
      case ValueKind::kShare:
        if (value.type == Type::kTruth) return wants("a number");
        break;
      case ValueKind::kDuration:
        if (value.type == Type::kTruth) return wants("a duration, as in \"10m\"");
        break;
      case ValueKind::kSize:
        if (value.type != Type::kInteger) return wants("a size, as in \"64MiB\"");
        break;
    }
    return std::nullopt;
  }

  Declared declared_;
  bool parsed_ = false;
  std::map<std::string, CLI::Option*> options_;  // by key
  std::string file_;
  std::map<std::string, std::string> seen_;  // keys of the file and their places
  Settings settings_;
};

}  // namespace

std::string variableOf(const std::string& key) {
  std::string name(kVariablePrefix);
  for (const char c : key) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

Result<Settings> settingsOf(const std::vector<std::string>& arguments) {
  Collector collector(arguments);
  if (!collector.parsed()) return collector.take();
  collector.warnOfVariables();
  if (auto error = collector.addEnvironment()) return *error;
  if (auto error = collector.addFile()) return *error;
  return collector.take();
}

}  // namespace holdfast
