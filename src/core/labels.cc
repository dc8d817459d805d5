#include "core/labels.h"

#include <algorithm>
#include <string_view>

#include "core/ids.h"
#include "core/limits.h"

namespace holdfast {
namespace {

bool isOfLabelKey(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> invalidLabels(const Labels& labels) {
  if (labels.size() > kLabelsMax) {
    return "a worker may have " + std::to_string(kLabelsMax) + " labels, not " +
           std::to_string(labels.size());
  }
  size_t bytes = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const Label& one = labels[i];
    if (auto bad = invalidId("label key", one.key, kLabelKeyBytesMax)) return bad;
    if (!std::all_of(one.key.begin(), one.key.end(), isOfLabelKey)) {
      return "label key " + quotedForPeople(one.key) +
             " may have ASCII letters, digits, '-', '_', '.' and '/' only";
    }
    if (auto bad = invalidText("label value", one.value, kLabelValueBytesMax)) {
      return *bad + " (key " + quotedForPeople(one.key) + ")";
    }
    for (size_t j = 0; j < i; ++j) {
      if (labels[j].key == one.key) return "label " + quotedForPeople(one.key) + " is stated twice";
    }
    bytes += one.key.size() + one.value.size();
  }
  if (bytes > kLabelBytesMax) {
    return "the labels of a worker may have " + std::to_string(kLabelBytesMax) +
           " bytes in all, not " + std::to_string(bytes);
  }
  return std::nullopt;
}

}  // namespace holdfast
