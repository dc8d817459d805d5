#include "store_fixture.h"

#include <cstdlib>

namespace holdfast {

void StoreEvents::onCommitted(Ticket upTo) {
  EXPECT_GT(upTo, committed);
  committed = upTo;
}
void StoreEvents::onFolded(const FoldResult& result) {
  folds.push_back(result);
}
void StoreEvents::onHealth(const StoreHealth& health) {
  healths.push_back(health);
}

void StoreEvents::install(StoreOptions& options) {
  options.notify = [this] {
    const std::lock_guard lock(mutex_);
    news_ = true;
    changed_.notify_all();
  };
  options.log = [this](LogLevel, const std::string& message) {
    const std::lock_guard lock(mutex_);
    log_.push_back(message);
  };
  options.fatal = [this](const std::string& what) {
    const std::lock_guard lock(mutex_);
    fatal = what;
    news_ = true;
    changed_.notify_all();
  };
}

bool StoreEvents::waitForNews(std::chrono::milliseconds timeMax) {
  std::unique_lock lock(mutex_);
  const bool news = changed_.wait_for(lock, timeMax, [this] { return news_; });
  news_ = false;
  return news;
}

std::string StoreEvents::fatalError() {
  const std::lock_guard lock(mutex_);
  return fatal;
}

std::vector<std::string> StoreEvents::logged() {
  const std::lock_guard lock(mutex_);
  return log_;
}

// In memory where there is such a place: these tests lose power in their own way.
std::string makeTestDir() {
  std::string pattern = "/dev/shm/holdfast-store-XXXXXX";
  if (mkdtemp(pattern.data()) != nullptr) return pattern;
  pattern = (std::filesystem::temp_directory_path() / "holdfast-store-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

StoreFixture::StoreFixture() : dir_(makeTestDir()), events_(std::make_unique<StoreEvents>()) {}

StoreFixture::~StoreFixture() {
  std::filesystem::remove_all(dir_);
}

StoreOptions StoreFixture::options() const {
  StoreOptions options;
  options.dataDir = dir_ + "/data";
  options.create = true;
  options.familiesFree = 4;
  options.retryInterval = std::chrono::milliseconds(10);
  options.closeTimeMax = std::chrono::milliseconds(0);
  events_->install(options);
  return options;
}

std::unique_ptr<RocksStore> StoreFixture::open(StoreOptions options) {
  auto opened = RocksStore::open(std::move(options));
  if (!opened.ok()) {
    ADD_FAILURE() << opened.error().message;
    return nullptr;
  }
  sink_ = std::make_unique<ContentSink>();
  opened.value()->recover(*sink_);
  events_->committed = 0;
  return std::move(opened.value());
}

std::string StoreFixture::openError(StoreOptions options) {
  auto opened = RocksStore::open(std::move(options));
  EXPECT_FALSE(opened.ok());
  return opened.ok() ? "" : opened.error().message;
}

bool StoreFixture::committed(RegistryStore& store, Ticket ticket) {
  return events_->wait(store, [&] { return events_->committed >= ticket; });
}

LocationRecord emptyLocation(uint16_t id, const std::string& name, uint64_t incarnation) {
  LocationRecord location;
  location.id = id;
  location.name = name;
  location.nextGeneration = 2;
  location.live.generation = 1;
  location.live.stream = 1;
  location.live.incarnation = incarnation;
  return location;
}

std::vector<ChunkHash> numbers(ChunkHash from, size_t count) {
  std::vector<ChunkHash> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = from + i;
  return keys;
}

OwnerId StoreFixture::addWorker(RegistryStore& store, const std::string& instance,
                                uint32_t worker) {
  const OwnerId owner = store.claim();
  PutWorker put;
  put.owner = owner;
  put.record.instance = instance;
  put.record.worker = worker;
  put.record.run = 1;
  put.record.attempt = 1;
  StoreBatch batch;
  batch.steps.emplace_back(put);
  batch.steps.emplace_back(PutLocation{owner, emptyLocation(0, "gpu", 7)});
  store.write(std::move(batch));
  return owner;
}

Ticket StoreFixture::admit(RegistryStore& store, OwnerId owner, StoredLocation& content,
                           const std::vector<ChunkHash>& keys) {
  ReportRecord report;
  report.owner = owner;
  report.location = 0;
  report.generation = 1;
  report.stream = 1;
  report.firstSeq = content.lastSeq + 1;
  report.operations.keys = keys;
  applyTo(content.keys, report.operations);
  content.lastSeq += keys.size();
  report.countAfter = content.keys.size();
  report.digestAfter = digestOf(content.keys);
  return store.append(report);
}

}  // namespace holdfast
