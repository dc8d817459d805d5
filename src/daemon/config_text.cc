#include "daemon/config_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <sstream>
#include <string_view>

#include "core/ids.h"
#include "daemon/option_values.h"

namespace holdfast {
namespace {

constexpr size_t kWidth = 98;

bool isWholeNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool isFraction(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0 &&
         std::isdigit(static_cast<unsigned char>(text.back())) != 0 &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

// A text of TOML, with whatever may be in a path.
std::string inQuotes(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += "\\u00";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string valueText(ValueKind kind, const std::vector<std::string>& values) {
  switch (kind) {
    case ValueKind::kFlag:
      return values.front();
    case ValueKind::kCount:
      return isWholeNumber(values.front()) ? values.front() : inQuotes(values.front());
    case ValueKind::kShare:
      return isFraction(values.front()) ? values.front() : inQuotes(values.front());
    case ValueKind::kList: {
      std::string list;
      for (const std::string& one : values) list += (list.empty() ? "" : ", ") + inQuotes(one);
      return "[" + list + "]";
    }
    case ValueKind::kText:
    case ValueKind::kDuration:
    case ValueKind::kSize:
      break;
  }
  return inQuotes(values.front());
}

// "# " and so many words as fit, line by line.
std::string comment(const std::string& text) {
  std::string lines;
  std::string line = "#";
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > kWidth) {
      lines += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return lines + line + "\n";
}

// "DIR" of an option that is not set by default.
std::string placeholder(const CLI::Option& option) {
  const std::string name = option.get_type_name();
  return inQuotes(name.substr(0, name.find(':')));
}

// Calls write(option) for each option, table by table, below the header of its table.
template <typename Write>
std::string byTable(CLI::App& app, Write write) {
  std::vector<CLI::Option*> options = optionsOfFiles(app);
  std::vector<std::string> tables;
  for (const CLI::Option* option : options) {
    if (std::find(tables.begin(), tables.end(), tableOf(*option)) == tables.end()) {
      tables.push_back(tableOf(*option));
    }
  }
  std::string text;
  for (const std::string& table : tables) {
    text += "\n[" + table + "]\n";
    for (const CLI::Option* option : options) {
      if (tableOf(*option) == table) text += write(*option);
    }
  }
  return text;
}

}  // namespace

std::vector<std::string> defaultsOf(const CLI::Option& option) {
  const ValueKind kind = kindOf(option);
  if (kind == ValueKind::kFlag) return {"false"};
  std::string text = option.get_default_str();
  if (text.empty()) return {};
  if (kind != ValueKind::kList) return {text};
  // As CLI11 writes lists: [a,b].
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  std::vector<std::string> values;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) values.push_back(part);
  return values;
}

std::vector<std::string> valuesOf(const CLI::Option& option) {
  if (option.count() == 0) return defaultsOf(option);
  if (kindOf(option) == ValueKind::kFlag) return {option.as<bool>() ? "true" : "false"};
  return option.results();
}

std::string printedConfig(CLI::App& app, const std::vector<EffectiveOption>& options) {
  const auto write = [&options](const CLI::Option& option) -> std::string {
    const auto found = std::find_if(options.begin(), options.end(),
                                    [&](const auto& one) { return one.key == keyOf(option); });
    if (found->values.empty()) {
      return "# " + found->key + " = " + placeholder(option) + "  # not set\n";
    }
    return found->key + " = " + valueText(kindOf(option), found->values) + "  # " +
           (found->from.empty() ? "default" : oneLineForPeople(found->from, 512)) + "\n";
  };
  return "# The configuration in effect of holdfastd " HOLDFAST_VERSION
         ", and where each value comes from.\n" +
         byTable(app, write);
}

std::string sampleConfig(CLI::App& app) {
  const auto write = [](const CLI::Option& option) -> std::string {
    const std::string help = "\n" + comment(option.get_description());
    const std::string key = keyOf(option);
    if (option.get_required() || key == "data-dir") {
      return help + key + " = \"/var/lib/holdfast\"\n";
    }
    const auto values = valuesOf(option);
    return help + "#" + key + " = " +
           (values.empty() ? placeholder(option) : valueText(kindOf(option), values)) + "\n";
  };
  return comment(
             "Configuration of holdfastd: holdfastd --config FILE. Every option of the command "
             "line is here under its long name; what is commented out has that value by default.") +
         comment(
             "The command line wins over HOLDFAST_* variables, these over this file. Durations "
             "are written \"500ms\", \"5s\", \"1h30m\" or \"1d\", sizes \"64MiB\" or \"1GiB\". An "
             "option stands in its table, or above the first one.") +
         comment(
             "holdfastd --config FILE --check-config says whether it is right; --print-config "
             "what is in effect.") +
         byTable(app, write);
}

}  // namespace holdfast
