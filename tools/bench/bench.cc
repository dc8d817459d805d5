#include "bench/bench.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace holdfast::bench {

uint64_t RunOptions::size(uint64_t full, uint64_t least) const {
  return std::max(least, static_cast<uint64_t>(static_cast<double>(full) * scale));
}

std::vector<Row> allRows() {
  std::vector<Row> rows;
  for (auto group :
       {indexRows,  promptRows, traceRows, evictRows,   storeRows,     inspectRows,    rpcRows,
        clientRows, crowdRows,  heavyRows, repairRows,  operationRows, captureRows,    statusRows,
        scrapeRows, doorRows,   httpRows,  lmcacheRows, engineRows,    replicationRows}) {
    for (Row& row : group()) rows.push_back(std::move(row));
  }
  return rows;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double quantile(std::vector<double> values, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

uint64_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void progress(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace holdfast::bench
