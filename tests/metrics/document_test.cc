// docs/metrics.md lists what the table has. With HOLDFAST_WRITE=1 it is written.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

constexpr const char* kFile = SOURCE_DIR "/docs/metrics.md";
// What is between them is generated; the rest is written by hand.
constexpr std::string_view kBegin = "<!-- metrics: from src/metrics -->\n";
constexpr std::string_view kEnd = "<!-- end of metrics -->\n";

std::string typeOf(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "gauge";
  }
}

// The label with the values that it has in a scrape of nothing, a few of each.
std::string labelsOf(const Metric& metric) {
  constexpr size_t kNamedMax = 8;
  // What depends on the place or on the fleet.
  static const std::map<std::string_view, std::string> kFree = {{"version", "of the program"},
                                                                {"instance_id", "its name"},
                                                                {"limit", "what may be filled up"}};
  prometheus::MetricFamily family;
  if (metric.write != nullptr) {
    Samples samples(metric, family);
    metric.write(Snapshot(), samples);
  }
  std::string text;
  for (const std::string_view label : metric.labels) {
    if (label.empty()) continue;
    std::vector<std::string> values;
    for (const auto& sample : family.metric) {
      for (const auto& one : sample.label) {
        if (one.name == label && std::find(values.begin(), values.end(), one.value) == values.end())
          values.push_back(one.value);
      }
    }
    text += (text.empty() ? "`" : "; `") + std::string(label) + "`";
    if (const auto free = kFree.find(label); free != kFree.end()) {
      text += ": " + free->second;
      continue;
    }
    for (size_t i = 0; i < std::min(values.size(), kNamedMax); ++i) {
      text += (i == 0 ? ": " : ", ") + values[i];
    }
    if (values.size() > kNamedMax) text += ", ...";
  }
  return text;
}

std::string generated() {
  std::string text;
  Group group = Group::kInstances;
  for (const Metric& metric : table()) {
    if (text.empty() || metric.group != group) {
      group = metric.group;
      text += "\n### " + std::string(titleOf(group)) + "\n\n";
      if (group == Group::kInstances) text += "Only with `--metrics-instances`.\n\n";
      if (group == Group::kLmcache) {
        text +=
            "Only with its gateway ([lmcache.md](lmcache.md)), for dashboards that know them.\n\n";
      }
      text += "| metric | type | what | labels |\n| --- | --- | --- | --- |\n";
    }
    text += "| `" + std::string(metric.name) + "` | " + typeOf(metric.type) + " | " +
            std::string(metric.help) + " | " + labelsOf(metric) + " |\n";
  }
  return text + "\n";
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Document, IsWhatTheTableSays) {
  const std::string content = contentOf(kFile);
  const size_t begin = content.find(kBegin);
  const size_t end = content.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t from = begin + kBegin.size();
  const std::string expected = content.substr(0, from) + generated() + content.substr(end);
  if (std::getenv("HOLDFAST_WRITE") != nullptr) {
    std::ofstream(kFile) << expected;
    return;
  }
  EXPECT_EQ(content, expected) << "HOLDFAST_WRITE=1 metrics_test writes it";
}

}  // namespace
}  // namespace holdfast::metrics
