#include "metrics/scrape.h"

#include <kj/time.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <utility>

#include "metrics/table.h"
#include "net/read_budget.h"
#include "serving/call_queue.h"

namespace holdfast::metrics {
namespace {

// About 0.1 ms.
constexpr size_t kSamplesOfPiece = 32;
// What a scrape of a large fleet collects and writes, while it waits for its turn.
constexpr size_t kScrapeBytes = 64 << 10;

size_t samplesOf(const prometheus::MetricFamily& family) {
  size_t samples = 0;
  for (const auto& one : family.metric) samples += 1 + one.histogram.bucket.size();
  return samples;
}

kj::Promise<void> piecesOf(Services& services, Scrape& scrape) {
  return services.budget.ready(ReadBudget::kBytesPerTurn)
      .then([&services, &scrape]() -> kj::Promise<void> {
        const kj::MonotonicClock& clock = kj::systemPreciseMonotonicClock();
        const kj::TimePoint begin = clock.now();
        const bool more = scrape.step();
        const int64_t took = (clock.now() - begin) / kj::NANOSECONDS;
        services.measured.scrapeTurns.record(static_cast<uint64_t>(std::max<int64_t>(0, took)));
        if (!more) return kj::READY_NOW;
        return piecesOf(services, scrape);
      });
}

}  // namespace

Scrape::Scrape(const Services& services)
    : services_(services),
      batches_(services.registry.tree()),
      cursor_(services.registry.tree()),
      walking_(services.options.metricsOfInstances) {}

bool Scrape::step() {
  if (countingFiles_) {
    countingFiles_ = files_.next();
    return true;
  }
  if (!snapshot_) {
    snapshot_ = collect(services_, files_.count());
    constexpr auto kRunning = static_cast<size_t>(FullSyncTracker::Phase::kRunning);
    countingBatches_ = services_.options.metricsOfLmcache && snapshot_->fullSyncs[kRunning] != 0;
    return true;
  }
  if (countingBatches_) {
    countingBatches_ = batches_.next();
    snapshot_->missingBatches = batches_.count();
    return true;
  }
  if (walking_) {
    walking_ = cursor_.next(instances_);
    return true;
  }
  const std::span<const Metric> all = table();
  for (size_t samples = 0; samples < kSamplesOfPiece && metric_ < all.size();) {
    samples += writeSome(all[metric_]);
  }
  return metric_ < all.size();
}

size_t Scrape::writeSome(const Metric& metric) {
  if (metric.group == Group::kLmcache && !services_.options.metricsOfLmcache) {
    ++metric_;
    return 0;
  }
  prometheus::MetricFamily family;
  family.name = metric.name;
  family.help = metric.help;
  family.type = metric.type;
  Samples samples(metric, family);
  const size_t begin = instance_;
  if (metric.write != nullptr) {
    metric.write(*snapshot_, samples);
  } else {
    const size_t end = std::min(instances_.size(), begin + kSamplesOfPiece);
    for (; instance_ < end; ++instance_) metric.writeInstance(instances_[instance_], samples);
  }
  // One whose labels have no value yet is described all the same.
  if (metric.write != nullptr || !family.metric.empty()) serialise(family, begin != 0);
  if (metric.write != nullptr || instance_ == instances_.size()) {
    ++metric_;
    instance_ = 0;
  }
  return samplesOf(family);
}

void Scrape::serialise(const prometheus::MetricFamily& family, bool continues) {
  const prometheus::TextSerializer serialiser;
  if (!continues) return serialiser.Serialize(out_, {family});
  // Its two lines of description are there already.
  const std::string text =
      static_cast<const prometheus::Serializer&>(serialiser).Serialize({family});
  out_ << std::string_view(text).substr(text.find('\n', text.find('\n') + 1) + 1);
}

kj::Promise<std::string> scrape(Services& services) {
  return services.queries.enter(kScrapeBytes).then([&services](kj::Own<CallQueue::Turn>&& turn) {
    auto one = kj::heap<Scrape>(services);
    Scrape& scrape = *one;
    return piecesOf(services, scrape)
        .then([&scrape]() { return scrape.take(); })
        .attach(kj::mv(one), kj::mv(turn));
  });
}

}  // namespace holdfast::metrics
