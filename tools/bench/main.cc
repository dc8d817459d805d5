// holdfast-bench: measures the rows that Holdfast promises floors for.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "bench/bench.h"
#include "command_line/output_end.h"
#include "command_line/usage.h"

namespace holdfast::bench {
namespace {

constexpr int kRunsMax = 100;

struct Measured {
  Row row;
  double value = 0;    // median of runs
  double ofLimit = 0;  // median of value over limit; 0: there is no limit
  std::vector<double> runs;
  std::string note;
  std::string error;
  std::string skipped;
};

std::string machine() {
  std::ifstream cpus("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(cpus, line);) {
    if (line.rfind("model name", 0) == 0) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  const auto bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  char text[256];
  std::snprintf(text, sizeof(text), "%s, %ld processors, %.0f GiB", model.c_str(),
                sysconf(_SC_NPROCESSORS_ONLN), bytes / (1 << 30));
  return text;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

Measured measure(const Row& row, RunOptions options, int runs) {
  Measured measured;
  measured.row = row;
  std::vector<double> ratios;
  for (int i = 0; i < runs; ++i) {
    const Stopwatch watch;
    options.lastRun = i + 1 == runs;
    const RunResult result = row.run(options);
    if (!result.error.empty()) {
      measured.error = result.error;
      progress(row.name + ": " + result.error);
      break;
    }
    if (!result.skipped.empty()) {
      measured.skipped = result.skipped;
      progress(row.name + ": skipped: " + result.skipped);
      break;
    }
    measured.runs.push_back(result.value);
    measured.note = result.note;
    if (result.limit > 0) ratios.push_back(result.value / result.limit);
    progress(row.name + " run " + std::to_string(i + 1) + "/" + std::to_string(runs) + ": " +
             number(result.value) + " " + row.unit +
             (result.limit > 0 ? ", " + number(ratios.back()) + " x the limit" : "") +
             (result.note.empty() ? "" : " (" + result.note + ")") + ", took " +
             number(watch.seconds()) + " s");
  }
  if (!measured.runs.empty()) measured.value = median(measured.runs);
  if (!ratios.empty()) measured.ofLimit = median(ratios);
  return measured;
}

void printJson(const std::vector<Measured>& all) {
  std::ostringstream out;
  out << "{\"machine\": " << quoted(machine()) << ", \"rows\": [";
  const char* separator = "\n  ";
  for (const Measured& m : all) {
    if (m.runs.empty()) continue;
    out << separator << "{\"name\": " << quoted(m.row.name) << ", \"value\": " << number(m.value)
        << ", \"unit\": " << quoted(m.row.unit) << ", \"floor\": " << number(m.row.floor)
        << ", \"aim\": " << number(m.row.aim) << ", \"of_limit\": " << number(m.ofLimit)
        << ", \"floor_of_limit\": " << number(m.row.floorOfLimit)
        << ", \"better\": " << (m.row.better == Better::kHigher ? "\"higher\"" : "\"lower\"")
        << ", \"runs\": [";
    for (size_t i = 0; i < m.runs.size(); ++i) out << (i > 0 ? ", " : "") << number(m.runs[i]);
    out << "]}";
    separator = ",\n  ";
  }
  out << "\n]}\n";
  std::fputs(out.str().c_str(), stdout);
}

void printTable(const std::vector<Measured>& all, double scale) {
  std::printf("%s%s\n\n", machine().c_str(),
              scale == 1 ? "" : ("; sizes scaled by " + number(scale)).c_str());
  std::printf("%-20s %10s %-12s %8s %8s %8s %8s  %-12s %s\n", "row", "value", "unit", "floor",
              "aim", "x limit", "floor", "verdict", "what");
  for (const Measured& m : all) {
    if (m.runs.empty()) {
      std::printf("%-20s %10s %-12s %8s %8s %8s %8s  %-12s %s\n", m.row.name.c_str(), "-",
                  m.row.unit.c_str(), number(m.row.floor).c_str(), number(m.row.aim).c_str(), "-",
                  "-", m.skipped.empty() ? "FAILED" : "skipped", (m.error + m.skipped).c_str());
      continue;
    }
    const bool meetsFloor = m.row.floorOfLimit > 0 && m.ofLimit > 0
                                ? m.row.meets(m.ofLimit, m.row.floorOfLimit)
                                : m.row.meets(m.value, m.row.floor);
    const char* const verdict = !meetsFloor                       ? "BELOW FLOOR"
                                : m.row.meets(m.value, m.row.aim) ? "meets aim"
                                                                  : "meets floor";
    std::string what = m.row.what;
    if (m.ofLimit > 0) what += "; limit: " + m.row.limit;
    if (!m.note.empty()) what += " [" + m.note + "]";
    std::printf("%-20s %10s %-12s %8s %8s %8s %8s  %-12s %s\n", m.row.name.c_str(),
                number(m.value).c_str(), m.row.unit.c_str(), number(m.row.floor).c_str(),
                number(m.row.aim).c_str(), m.ofLimit > 0 ? number(m.ofLimit).c_str() : "",
                m.row.floorOfLimit > 0 ? number(m.row.floorOfLimit).c_str() : "", verdict,
                what.c_str());
  }
}

std::vector<std::string> namesOf(const std::vector<Row>& rows) {
  std::vector<std::string> names = {"all"};
  for (const Row& row : rows) names.push_back(row.name);
  return names;
}

int run(int argc, char** argv) {
  const std::vector<Row> rows = allRows();
  std::string known;
  for (const Row& row : rows) {
    char line[256];
    std::snprintf(line, sizeof(line), "  %-20s %s (%s; floor %s, aim %s)\n", row.name.c_str(),
                  row.what.c_str(), row.unit.c_str(), number(row.floor).c_str(),
                  number(row.aim).c_str());
    known += line;
  }

  CLI::App app{
      "Measures Holdfast on this machine and compares with the floor and the aim of each row.\n"
      "The value of a row is the median of its runs. Progress goes to stderr.\n\n"
      "  holdfast-bench all                   every row, as a table\n"
      "  holdfast-bench all --json            the same as one JSON object\n"
      "  holdfast-bench lookup_32 --runs 5    one row, five runs\n"
      "  holdfast-bench all --scale 0.01      a quick look; floors hold for full sizes only"};
  app.name("holdfast-bench");
  app.footer(
      "Rows:\n" + known +
      "\nExit status: 0 measured, or skipped for what this machine lacks, 1 a row could not be "
      "measured or the output not written, 2 wrong usage.\n"
      "Close other programs first: rows use both processors of a small machine.");
  std::vector<std::string> names;
  bool json = false;
  bool list = false;
  RunOptions options;
  int runs = 3;
  app.add_option("NAME", names, "Rows to measure, or 'all'");
  app.add_flag("--json", json, "Print one JSON object instead of a table");
  app.add_flag("--list", list, "Print the rows and measure nothing");
  app.add_option("--scale", options.scale, "Multiply every size by this")
      ->check(CLI::Range(1e-6, 10.0))
      ->capture_default_str();
  app.add_option("--trace", options.trace,
                 "Requests for lookup_trace: JSON lines of a Mooncake trace (README.md of "
                 "tools/fleet); otherwise built-in ones like them")
      ->check(CLI::ExistingFile);
  app.add_option("--runs", runs, "Runs of each row")
      ->check(CLI::Range(1, kRunsMax))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      std::fputs(usageText(app, error).c_str(), stderr);
      return 2;
    }
    app.exit(error);  // --help
    return outputWritten("holdfast-bench") ? 0 : 1;
  }
  if (list) {
    std::fputs(known.c_str(), stdout);
    return outputWritten("holdfast-bench") ? 0 : 1;
  }
  if (names.empty()) {
    std::fprintf(stderr, "Which rows? 'all' or some of:\n%s", known.c_str());
    return 2;
  }
  const bool all = std::find(names.begin(), names.end(), "all") != names.end();
  for (const std::string& name : names) {
    if (name != "all" &&
        std::none_of(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; })) {
      std::fprintf(stderr,
                   "holdfast-bench: there is no row '%s'%s\nholdfast-bench --list has them.\n",
                   name.c_str(), didYouMean(name, namesOf(rows)).c_str());
      return 2;
    }
  }
  std::vector<Measured> measured;
  bool failed = false;
  for (const Row& row : rows) {
    if (!all && std::find(names.begin(), names.end(), row.name) == names.end()) continue;
    measured.push_back(measure(row, options, runs));
    failed |= !measured.back().error.empty();
  }
  if (json) {
    printJson(measured);
  } else {
    printTable(measured, options.scale);
  }
  return outputWritten("holdfast-bench") && !failed ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  return holdfast::bench::run(argc, argv);
}
