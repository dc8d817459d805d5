// A scrape: all metrics in Prometheus' text format, made in pieces of about 0.1 ms.
#pragma once

#include <kj/async.h>

#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "core/queries/instance_counts.h"
#include "metrics/metric.h"
#include "metrics/missing_batches.h"
#include "metrics/snapshot.h"
#include "os/process_usage.h"
#include "serving/services.h"

namespace holdfast::metrics {

// Of the text.
inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

// On the loop's thread. What it shows is of one moment, but for instances: each worker as of its
// piece.
class Scrape {
 public:
  // Keeps the reference.
  explicit Scrape(const Services& services);

  // The next piece. False: that was the last one.
  bool step();
  // After that, once.
  std::string take() { return std::move(out_).str(); }

 private:
  // All of the metric, or some of its instances. How many samples that were.
  size_t writeSome(const Metric& metric);
  void serialise(const prometheus::MetricFamily& family, bool continues);

  const Services& services_;
  OpenFileCount files_;
  bool countingFiles_ = true;
  std::optional<Snapshot> snapshot_;
  MissingBatches batches_;
  bool countingBatches_ = false;
  queries::InstanceCountsCursor cursor_;
  bool walking_;  // instances are wanted, and not all of them were seen
  queries::InstanceCountsCursor::Found instances_;
  size_t metric_ = 0;    // of the table, next
  size_t instance_ = 0;  // of that metric, next
  std::ostringstream out_;
};

// A whole scrape, between everything else that the loop does; one at a time of all connections.
// Fails with "unavailable:" where too many wait. `services` outlives the promise.
kj::Promise<std::string> scrape(Services& services);

}  // namespace holdfast::metrics
