// A scrape, as a reader of Prometheus' text format sees it.
#pragma once

#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

namespace holdfast::test {

struct Scraped {
  std::map<std::string, double> samples;    // by name with labels, as in the text
  std::map<std::string, std::string> help;  // by metric
  std::map<std::string, std::string> types;

  explicit Scraped(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string mark;
      std::string what;
      std::string name;
      std::string rest;
      if (line.starts_with("# ")) {
        words >> mark >> what >> name;
        std::getline(words >> std::ws, rest);
        auto& to = what == "HELP" ? help : types;
        if (!to.emplace(name, rest).second) throw std::runtime_error("twice: " + line);
      } else {
        const size_t end = line.rfind(' ');
        const double value = std::stod(line.substr(end + 1));
        if (!samples.emplace(line.substr(0, end), value).second) {
          throw std::runtime_error("twice: " + line);
        }
      }
    }
  }

  double operator[](const std::string& sample) const {
    const auto found = samples.find(sample);
    if (found == samples.end()) throw std::runtime_error("not scraped: " + sample);
    return found->second;
  }
};

}  // namespace holdfast::test
