#include "replication/nats/nats_log.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <utility>

#include "core/check.h"
#include "locks/mutex.h"
#include "replication/nats/arrivals.h"
#include "replication/nats/connected.h"
#include "replication/nats/doubt.h"
#include "replication/nats/reader.h"
#include "replication/records.h"

namespace holdfast::replication {

using namespace nats;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLookInterval{1};
// Between attempts to connect where servers refuse it; doubled up to this.
constexpr std::chrono::seconds kReopenIntervalMax{8};

std::string drawInbox() {
  natsInbox* raw = nullptr;
  HOLDFAST_CHECK(natsInbox_Create(&raw) == NATS_OK, "out of memory");
  const std::string inbox = raw;
  natsInbox_Destroy(raw);
  return inbox;
}

}  // namespace

struct NatsLog::Impl {
  explicit Impl(const NatsOptions& options)
      : arrivals(options.notify),
        connected(options, [this](natsConnection* connection) { return subscribe(connection); }),
        inbox(drawInbox()),
        missing(kDoubtTimes, options.doubt) {}

  std::optional<Error> open();
  void close();

  static void onAcknowledged(natsConnection*, natsSubscription*, natsMsg* raw, void* self) {
    const Message message(raw);
    static_cast<Impl*>(self)->acknowledged(raw);
  }
  static void onNoMore(void* self) {
    auto* const impl = static_cast<Impl*>(self);
    const MutexLock lock(impl->mutex);
    impl->subscribed = false;
    impl->wakened.notifyAll();
  }
  // To what acknowledges, on each connection before anything is published on it.
  std::optional<Error> subscribe(natsConnection* connection);
  void setSubscribed(bool is);
  void acknowledged(natsMsg* message);
  void publish();
  void ask();
  void ask(LogSequence sequence);
  void look();

  Arrivals arrivals;
  Connected connected;
  const std::string inbox;  // acknowledgements come to INBOX.ID
  Subscription acknowledgements;
  simdjson::dom::parser parser;  // of the thread that delivers them
  std::unique_ptr<Reader> reader;
  AppendId lastId = 0;  // the owner's

  // The asking thread's.
  LogSequence asked = 0;
  Doubt missing;  // whether that is

  Mutex mutex;
  Condition wakened;
  std::deque<std::pair<AppendId, std::string>> toPublish HOLDFAST_GUARDED_BY(mutex);
  LogSequence toFetch HOLDFAST_GUARDED_BY(mutex) = 0;  // the newest; 0: nothing
  bool subscribed HOLDFAST_GUARDED_BY(mutex) = false;
  bool stopping HOLDFAST_GUARDED_BY(mutex) = false;
  std::thread publishing;
  std::thread asking;
};

std::optional<Error> NatsLog::Impl::open() {
  if (auto error = connected.open()) return error;
  reader = std::make_unique<Reader>(connected, arrivals);
  publishing = std::thread([this] { publish(); });
  asking = std::thread([this] { ask(); });
  return std::nullopt;
}

void NatsLog::Impl::setSubscribed(bool is) {
  const MutexLock lock(mutex);
  subscribed = is;
}

std::optional<Error> NatsLog::Impl::subscribe(natsConnection* connection) {
  {
    // The former one's thread ends with its connection.
    const MutexLock lock(mutex);
    while (subscribed) wakened.wait(mutex);
  }
  natsSubscription* raw = nullptr;
  natsStatus status =
      natsConnection_Subscribe(&raw, connection, (inbox + ".*").c_str(), onAcknowledged, this);
  acknowledgements.reset(raw);
  if (status == NATS_OK) status = natsSubscription_SetPendingLimits(raw, -1, -1);
  // Before the library may say that there are no more.
  setSubscribed(true);
  if (status == NATS_OK) status = natsSubscription_SetOnCompleteCB(raw, onNoMore, this);
  if (status == NATS_OK) return std::nullopt;
  setSubscribed(false);
  return Error{ErrorCode::kUnavailable, "acknowledgements cannot be received: " + reason(status)};
}

void NatsLog::Impl::close() {
  {
    const MutexLock lock(mutex);
    stopping = true;
    wakened.notifyAll();
  }
  arrivals.close();
  connected.close();
  if (publishing.joinable()) publishing.join();
  if (asking.joinable()) asking.join();
  reader.reset();
  const MutexLock lock(mutex);
  while (subscribed) wakened.wait(mutex);
}

void NatsLog::Impl::acknowledged(natsMsg* message) {
  const std::string_view subject = natsMsg_GetSubject(message);
  const std::string_view number = subject.substr(subject.rfind('.') + 1);
  AppendId id = 0;
  if (std::from_chars(number.data(), number.data() + number.size(), id).ec != std::errc()) return;
  if (natsMsg_IsNoResponders(message)) {
    return arrivals.unknown(id, "no stream takes " + connected.stream().subject);
  }
  simdjson::dom::element answer;
  if (parser.parse(natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message)))
          .get(answer) != simdjson::SUCCESS) {
    return arrivals.unknown(id, "an acknowledgement cannot be read");
  }
  uint64_t sequence = 0;
  if (answer["error"].error() != simdjson::SUCCESS &&
      answer["seq"].get_uint64().get(sequence) == simdjson::SUCCESS && sequence > 0) {
    return arrivals.appended(id, sequence);
  }
  std::string_view why;
  if (answer["error"]["description"].get_string().get(why) != simdjson::SUCCESS) why = "no reason";
  arrivals.unknown(id, std::string(why));
}

void NatsLog::Impl::publish() {
  for (;;) {
    std::deque<std::pair<AppendId, std::string>> records;
    {
      const MutexLock lock(mutex);
      while (!stopping && toPublish.empty()) wakened.wait(mutex);
      if (stopping) return;
      records.swap(toPublish);
    }
    for (const auto& [id, bytes] : records) {
      const std::string reply = inbox + "." + std::to_string(id);
      const auto session = connected.session();
      const natsStatus status = natsConnection_PublishRequest(
          session->connection.get(), connected.stream().subject.c_str(), reply.c_str(),
          bytes.data(), static_cast<int>(bytes.size()));
      if (status != NATS_OK) arrivals.unknown(id, reason(status));
    }
  }
}

void NatsLog::Impl::ask() {
  std::chrono::seconds interval = kLookInterval;
  auto nextLook = Clock::now() + interval;
  for (;;) {
    LogSequence sequence = 0;
    {
      const MutexLock lock(mutex);
      while (!stopping && toFetch == 0 && wakened.waitUntil(mutex, nextLook)) {
      }
      if (stopping) return;
      std::swap(sequence, toFetch);
    }
    if (sequence != 0) ask(sequence);
    if (Clock::now() < nextLook) continue;
    if (!connected.givenUp() || !connected.reopen()) {
      interval = kLookInterval;
      look();
    } else {
      interval = std::min(2 * interval, kReopenIntervalMax);
    }
    nextLook = Clock::now() + interval;
  }
}

void NatsLog::Impl::ask(LogSequence sequence) {
  if (sequence != asked) missing.over();
  asked = sequence;
  const auto record = connected.fetch(sequence, missing);
  if (record.ok()) return arrivals.fetched(sequence, record.value());
  // Otherwise whoever asked asks again.
  if (record.error().code == ErrorCode::kNotFound) arrivals.lost(record.error());
}

void NatsLog::Impl::look() {
  const auto stream = connected.look();
  if (!stream.ok() && stream.error().code != ErrorCode::kUnavailable) {
    arrivals.lost({ErrorCode::kNotFound, stream.error().message});
  }
}

NatsLog::NatsLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

NatsLog::~NatsLog() {
  impl_->close();
}

Result<std::unique_ptr<NatsLog>> NatsLog::open(const NatsOptions& options) {
  std::unique_ptr<NatsLog> log(new NatsLog(std::make_unique<Impl>(options)));
  if (auto error = log->impl_->open()) return *std::move(error);
  return log;
}

AppendId NatsLog::append(std::string_view bytes) {
  HOLDFAST_CHECK(bytes.size() <= kRecordBytesMax, "a record of %zu bytes", bytes.size());
  const AppendId id = ++impl_->lastId;
  const MutexLock lock(impl_->mutex);
  impl_->toPublish.emplace_back(id, bytes);
  impl_->wakened.notifyAll();
  return id;
}

void NatsLog::fetch(LogSequence sequence) {
  const MutexLock lock(impl_->mutex);
  impl_->toFetch = sequence;
  impl_->wakened.notifyAll();
}

void NatsLog::follow(LogSequence from) {
  impl_->reader->follow(from);
}

LogState NatsLog::state() const {
  return impl_->connected.state();
}

void NatsLog::poll(LogListener& listener) {
  impl_->arrivals.deliver(listener);
}

}  // namespace holdfast::replication
