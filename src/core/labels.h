// What a worker says of itself in its own words when it registers, as ("zone", "eu-1a"): free,
// never looked into, and given back to whoever looks up.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace holdfast {

struct Label {
  std::string key;    // 1 to kLabelKeyBytesMax ASCII letters, digits, '-', '_', '.' and '/'
  std::string value;  // UTF-8 without control characters, at most kLabelValueBytesMax; may be empty

  friend bool operator==(const Label&, const Label&) = default;
};

// Each key once, in the order in which the worker states them.
using Labels = std::vector<Label>;

// What is wrong with them, as a sentence that names the limit and the value; nothing if they are
// valid.
std::optional<std::string> invalidLabels(const Labels& labels);

}  // namespace holdfast
