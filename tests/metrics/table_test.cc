// Every metric follows the conventions of Prometheus.
#include "metrics/table.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace holdfast::metrics {
namespace {

using prometheus::MetricType;

bool endsInAUnit(const std::string& name) {
  return name.ends_with("_seconds") || name.ends_with("_bytes") || name.ends_with("_ratio");
}

TEST(Table, HasGoodNames) {
  const std::regex good("(holdfast|process)(_[a-z0-9]+)+");
  std::set<std::string> names;
  for (const Metric& metric : table()) {
    const std::string name(metric.name);
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
    if (metric.group == Group::kLmcache) continue;  // named by somebody else
    EXPECT_TRUE(std::regex_match(name, good)) << name;
    EXPECT_EQ(name.ends_with("_total"), metric.type == MetricType::Counter) << name;
    for (const char* reserved : {"_count", "_sum", "_bucket"}) {
      EXPECT_FALSE(name.ends_with(reserved)) << name;
    }
    for (const char* unit : {"ms", "us", "ns", "milliseconds", "microseconds", "minutes", "hours",
                             "kb", "mb", "kib", "mib", "kilobytes", "megabytes", "percent"}) {
      const std::string word = std::string("_") + unit;
      EXPECT_EQ((name + "_").find(word + "_"), std::string::npos) << name;
    }
    const bool lasts = name.find("duration") != std::string::npos;
    EXPECT_TRUE(!lasts || endsInAUnit(name)) << name;
  }
}

TEST(Table, ExplainsEachMetricInASentenceOrTwo) {
  std::set<std::string> all;
  for (const Metric& metric : table()) {
    const std::string help(metric.help);
    EXPECT_GT(help.size(), 8u) << metric.name;
    EXPECT_LT(help.size(), 160u) << metric.name;
    EXPECT_NE(help.back(), '.') << metric.name;
    EXPECT_TRUE(all.insert(help).second) << metric.name << " is explained as another one is";
  }
}

TEST(Table, NamesLabelsThatPrometheusTakes) {
  const std::regex good("[a-z][a-z_]*");
  for (const Metric& metric : table()) {
    for (const std::string_view label : metric.labels) {
      if (label.empty()) continue;
      const std::string name(label);
      EXPECT_TRUE(std::regex_match(name, good)) << metric.name << " " << name;
      // Prometheus' own.
      for (const char* taken : {"le", "quantile", "job", "instance"}) EXPECT_NE(name, taken);
    }
    EXPECT_FALSE(metric.labels[0].empty() && !metric.labels[1].empty()) << metric.name;
  }
}

TEST(Table, HasOneSourceForEachMetricInTheOrderOfTheGroups) {
  Group last = Group::kLookups;
  for (const Metric& metric : table()) {
    EXPECT_NE(metric.write == nullptr, metric.writeInstance == nullptr) << metric.name;
    EXPECT_EQ(metric.writeInstance != nullptr, metric.group == Group::kInstances) << metric.name;
    EXPECT_GE(metric.group, last) << metric.name;
    last = metric.group;
  }
}

TEST(Labels, AreMadeOfNamesForPeople) {
  EXPECT_EQ(labelOf("content differs"), "content_differs");
  EXPECT_EQ(labelOf("ACTIVE"), "active");
  EXPECT_EQ(labelOf("new, replayed from the start"), "new_replayed_from_the_start");
}

}  // namespace
}  // namespace holdfast::metrics
