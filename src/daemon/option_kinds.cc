#include "daemon/option_kinds.h"

#include "command_line/size.h"
#include "core/address.h"

namespace holdfast {

CLI::Option* addSize(CLI::App& app, const std::string& name, uint64_t& bytes, uint64_t min,
                     uint64_t max, const std::string& help) {
  const auto errorOf = [min, max](const std::string& text) -> std::string {
    const auto parsed = parseSize(text);
    if (!parsed) return quotedForPeople(text) + " is no size: use 4096 (bytes), 64MiB or 1GiB";
    if (*parsed >= min && *parsed <= max) return "";
    return text + " is not between " + sizeText(min) + " and " + sizeText(max);
  };
  return app
      .add_option_function<std::string>(
          name, [&bytes](const std::string& text) { bytes = *parseSize(text); }, help)
      ->check(CLI::Validator(errorOf, "", "size"))
      ->type_name("SIZE")
      ->default_str(sizeText(bytes));
}

std::string addressError(const std::string& text) {
  const auto parsed = parseAddress(text);
  return parsed.ok() ? "" : parsed.error().message;
}

}  // namespace holdfast
