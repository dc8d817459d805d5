// Rows of holdfast-bench. A row measures one number; a file of rows adds its table to groups().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::bench {

struct RunOptions {
  double scale = 1;        // of every size
  bool lastRun = true;     // what is kept between the runs of a row can go after this one
  std::string trace = {};  // file of requests for rows of a trace; empty: built-in ones like it

  // A size of the full benchmark, scaled; at least `least`.
  uint64_t size(uint64_t full, uint64_t least = 1) const;
};

struct RunResult {
  double value = 0;
  std::string note;   // for people, beside the value; may be empty
  std::string error;  // why there is no value, empty if there is one
  // What this machine could do at best in this run, in the row's unit: Row::limit says what that
  // is. 0: the row is held against nothing.
  double limit = 0;
  std::string skipped = {};  // what this machine lacks to measure the row; empty: nothing
};

// A run that came to nothing.
inline RunResult failed(const std::string& why) {
  return {.value = 0, .note = {}, .error = why};
}

// A run that this machine lacks something for.
inline RunResult skipped(const std::string& why) {
  return {.value = 0, .note = {}, .error = {}, .limit = 0, .skipped = why};
}

enum class Better { kHigher, kLower };

struct Row {
  std::string name;
  std::string what;  // in a few words
  std::string unit;
  double floor = 0;  // the value that must be met on the reference machine
  double aim = 0;
  Better better = Better::kHigher;
  std::function<RunResult(const RunOptions&)> run;
  // What the value is held against, in a few words; empty: nothing. Machines of one kind differ by
  // several times from day to day; a ratio to what was measured in the same run does not.
  std::string limit = {};
  double floorOfLimit = 0;  // of value over limit: where there is one it decides, not `floor`

  bool meets(double value, double bound) const {
    return better == Better::kHigher ? value >= bound : value <= bound;
  }
};

// The tables, one for each file of rows.
std::vector<Row> indexRows();
std::vector<Row> promptRows();
std::vector<Row> traceRows();
std::vector<Row> evictRows();
std::vector<Row> storeRows();
std::vector<Row> inspectRows();
std::vector<Row> rpcRows();
std::vector<Row> clientRows();
std::vector<Row> crowdRows();
std::vector<Row> heavyRows();
std::vector<Row> repairRows();
std::vector<Row> operationRows();
std::vector<Row> captureRows();
std::vector<Row> statusRows();
std::vector<Row> scrapeRows();
std::vector<Row> doorRows();
std::vector<Row> httpRows();
std::vector<Row> lmcacheRows();
std::vector<Row> engineRows();
std::vector<Row> replicationRows();

// All rows in the order of the report.
std::vector<Row> allRows();

// --- For rows ---

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double milliseconds() const { return seconds() * 1e3; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

double median(std::vector<double> values);
// The value below which this share (0 to 1) of the values lies, the smallest such. Not empty.
double quantile(std::vector<double> values, double share);
// Resident memory of this process, from /proc/self/statm.
uint64_t residentBytes();
// A line on stderr.
void progress(const std::string& text);

}  // namespace holdfast::bench
