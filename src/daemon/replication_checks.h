// What the options of a group cannot be, told before anything is opened or asked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/configuration.h"

namespace holdfast {

struct OptionFault {
  std::string text;               // what is wrong, and what to do
  std::vector<std::string> keys;  // of the options that take part in it
};

// Looks whether files that are named can be read, too.
std::optional<OptionFault> wrongReplication(const Configuration& configuration);

}  // namespace holdfast
