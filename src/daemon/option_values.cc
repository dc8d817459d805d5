#include "daemon/option_values.h"

#include <cctype>
#include <string_view>

namespace holdfast {

ValueKind kindOf(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return ValueKind::kFlag;
  if (option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll) return ValueKind::kList;
  // Its checks follow behind a colon.
  const std::string full = option.get_type_name();
  const std::string_view name = std::string_view(full).substr(0, full.find(':'));
  if (name == "N") return ValueKind::kCount;
  if (name == "SHARE") return ValueKind::kShare;
  if (name == "DURATION") return ValueKind::kDuration;
  if (name == "SIZE") return ValueKind::kSize;
  return ValueKind::kText;
}

std::string tableOf(const CLI::Option& option) {
  std::string table;
  for (const char c : option.get_group()) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) break;
    table += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return table;
}

std::string keyOf(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : option.get_lnames().front();
}

std::vector<CLI::Option*> optionsOfFiles(CLI::App& app) {
  std::vector<CLI::Option*> options;
  for (CLI::Option* option : app.get_options()) {
    const std::string key = keyOf(*option);
    if (key.empty() || key == "help" || key == "version") continue;
    if (option->get_group() != kCommandLineGroup) options.push_back(option);
  }
  return options;
}

}  // namespace holdfast
