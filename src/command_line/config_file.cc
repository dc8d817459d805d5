#include "command_line/config_file.h"

// All of its cost to the compiler is here.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/ids.h"

namespace holdfast {
namespace {

FilePlace placeOf(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

std::string shortest(double value) {
  std::string text(32, '\0');
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  text.resize(static_cast<size_t>(end - text.data()));
  return text;
}

// Nothing where an option cannot have such a value.
std::optional<FileValue> valueOf(const toml::node& node) {
  const FilePlace place = placeOf(node.source());
  if (const auto* text = node.as_string()) {
    return FileValue{FileValue::Type::kText, text->get(), place};
  }
  if (const auto* integer = node.as_integer()) {
    return FileValue{FileValue::Type::kInteger, std::to_string(integer->get()), place};
  }
  if (const auto* fraction = node.as_floating_point()) {
    return FileValue{FileValue::Type::kFraction, shortest(fraction->get()), place};
  }
  if (const auto* truth = node.as_boolean()) {
    return FileValue{FileValue::Type::kTruth, truth->get() ? "true" : "false", place};
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  // Of the whole file; an entry that is a table is one of these, unless it is in one.
  std::optional<Error> read(const toml::table& table, const std::string& name, size_t element = 0) {
    for (const auto& [key, node] : table) {
      const FilePlace place = placeOf(key.source());
      const toml::table* inner = node.as_table();
      if (inner != nullptr && name.empty()) {
        if (auto error = read(*inner, std::string(key.str()))) return error;
        continue;
      }
      const toml::array* several = node.as_array();
      if (name.empty() && several != nullptr && several->is_array_of_tables()) {
        size_t number = 0;
        for (const toml::node& one : *several) {
          if (auto error = read(*one.as_table(), std::string(key.str()), ++number)) return error;
        }
        continue;
      }
      FileEntry entry{name, element, std::string(key.str()), place, node.is_array(), {}};
      if (auto error = addValues(node, entry)) return error;
      entries_.push_back(std::move(entry));
    }
    return std::nullopt;
  }
  std::vector<FileEntry> inOrder() && {
    std::sort(entries_.begin(), entries_.end(),
              [](const FileEntry& a, const FileEntry& b) { return a.place < b.place; });
    return std::move(entries_);
  }

 private:
  std::optional<Error> addValues(const toml::node& node, FileEntry& entry) const {
    const toml::array* list = node.as_array();
    if (list == nullptr) return add(node, entry);
    for (const toml::node& one : *list) {
      if (auto error = add(one, entry)) return error;
    }
    return std::nullopt;
  }
  std::optional<Error> add(const toml::node& node, FileEntry& entry) const {
    auto value = valueOf(node);
    if (!value) {
      return Error{ErrorCode::kInvalid,
                   describe(file_, placeOf(node.source())) + ": " + quotedForPeople(entry.key) +
                       " wants a text, a number, true or false, or a list of texts"};
    }
    entry.values.push_back(std::move(*value));
    return std::nullopt;
  }

  const std::string& file_;
  std::vector<FileEntry> entries_;
};

}  // namespace

std::string describe(const std::string& file, FilePlace place) {
  return file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

Result<std::vector<FileEntry>> parseConfigFile(const std::string& file, std::string_view text) {
  if (text.size() > kConfigFileBytesMax) {
    return Error{ErrorCode::kInvalid, file + ": a configuration file has at most " +
                                          std::to_string(kConfigFileBytesMax) + " bytes"};
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error{ErrorCode::kInvalid,
                 describe(file, placeOf(error.source())) +
                     ": this is no TOML: " + oneLineForPeople(error.description(), 512) +
                     " (texts stand in quotes: data-dir = \"/var/lib/holdfast\")"};
  }
  Reader reader(file);
  if (auto error = reader.read(parsed.table(), "")) return *error;
  return std::move(reader).inOrder();
}

}  // namespace holdfast
