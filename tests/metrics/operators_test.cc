// Alerts, dashboard and documentation name nothing that is not exposed.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "metrics/table.h"

namespace holdfast::metrics {
namespace {

// The series that Prometheus makes of the table.
std::set<std::string> exposed() {
  std::set<std::string> names;
  for (const Metric& metric : table()) {
    const std::string name(metric.name);
    if (metric.type == prometheus::MetricType::Histogram) {
      for (const char* part : {"_bucket", "_sum", "_count"}) names.insert(name + part);
    } else {
      names.insert(name);
    }
  }
  return names;
}

std::string textOf(const std::string& path) {
  std::ifstream file(std::string(SOURCE_DIR "/") + path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> namedIn(const std::string& text) {
  const std::regex name(R"(\b(holdfast|process)_[a-z0-9_]+)");
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    names.insert(at->str());
  }
  return names;
}

class OperatorsTest : public testing::TestWithParam<const char*> {};

TEST_P(OperatorsTest, NamesNothingThatIsNotExposed) {
  const std::set<std::string> known = exposed();
  const std::set<std::string> named = namedIn(textOf(GetParam()));
  EXPECT_GT(named.size(), 10u) << "hardly anything is read of it";
  for (const std::string& name : named) EXPECT_TRUE(known.contains(name)) << name;
}

INSTANTIATE_TEST_SUITE_P(Files, OperatorsTest,
                         testing::Values("tools/deploy/prometheus/alerts.yaml",
                                         "tools/deploy/grafana/dashboard.json",
                                         "tests/metrics/alerts_test.yaml"));

TEST(Alerts, SayEachWhatIsWrongAndWhatToDo) {
  const std::string text = textOf("tools/deploy/prometheus/alerts.yaml");
  const auto count = [&text](const std::string& what) {
    size_t times = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++times;
    }
    return times;
  };
  const size_t alerts = count("- alert: ");
  EXPECT_GT(alerts, 12u);
  EXPECT_EQ(count(" severity: "), alerts);
  EXPECT_EQ(count(" summary: "), alerts);
  EXPECT_EQ(count(" description: "), alerts);
  EXPECT_EQ(count(" action: "), alerts);
}

TEST(Alerts, HaveATestEach) {
  const std::string text = textOf("tools/deploy/prometheus/alerts.yaml");
  const std::string tests = textOf("tests/metrics/alerts_test.yaml");
  const std::regex alert(R"(- alert: (\w+))");
  for (std::sregex_iterator at(text.begin(), text.end(), alert), end; at != end; ++at) {
    const std::string fires = "alertname=\"" + at->str(1) + "\"";
    EXPECT_NE(tests.find(fires), std::string::npos) << at->str(1);
  }
}

}  // namespace
}  // namespace holdfast::metrics
