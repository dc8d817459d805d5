#include "gateways/engine_events/cache_resets.h"

#include <iterator>
#include <utility>

#include "core/notice.h"
#include "gateways/engine_events/endpoints.h"

namespace holdfast::engines {
namespace {

constexpr uint32_t kNotFound = 404;
constexpr size_t kAnswerBytesMax = size_t{64} << 10;

std::string whyOf(const kj::Exception& exception) {
  switch (exception.getType()) {
    case kj::Exception::Type::DISCONNECTED:
      return "nobody answers there";
    case kj::Exception::Type::OVERLOADED:
      return "there is no answer in time";
    default:
      return "that is no address, or no HTTP server's";
  }
}

// "http://HOST:PORT/PATH" without a slash at the end, as what is asked there begins with one.
std::string baseOf(std::string address) {
  while (address.ends_with('/')) address.pop_back();
  return address;
}

}  // namespace

CacheResets::CacheResets(kj::Network& network, kj::Timer& timer, NoticeSink& notices)
    : timer_(timer),
      notices_(notices),
      client_(kj::newHttpClient(timer, headers_, network, nullptr)),
      tasks_(*this) {}

void CacheResets::ask(const EngineSource& source) {
  if (source.http.empty()) return;
  const kj::TimePoint now = timer_.now();
  std::erase_if(asked_, [&](const auto& one) { return now - one.second >= kPause; });
  if (!asked_.emplace(source.http, now).second) return;
  Asked asked{nameOf(source), baseOf(source.http)};
  if (underWay_ < kUnderWayMax) return begin(asked);
  if (waiting_.size() == kWaitingMax) {
    return failed(asked.name, asked.url, "too many engines are to be asked");
  }
  waiting_.push_back(std::move(asked));
}

void CacheResets::begin(const Asked& asked) {
  ++underWay_;
  auto done = kj::evalNow([&]() {
                return post(asked.url + "/reset_prefix_cache");
              }).then([this, base = asked.url](uint32_t status) -> kj::Promise<uint32_t> {
    if (status != kNotFound) return status;
    return post(base + "/flush_cache");
  });
  tasks_.add(
      timer_.timeoutAfter(kTimeMax, kj::mv(done))
          .then([this, asked](uint32_t status) { told(asked.name, asked.url, status); },
                [this, asked](kj::Exception&& why) { failed(asked.name, asked.url, whyOf(why)); })
          .then([this]() { ended(); }));
}

void CacheResets::ended() {
  --underWay_;
  if (waiting_.empty()) return;
  const Asked next = std::move(waiting_.front());
  waiting_.pop_front();
  begin(next);
}

kj::Promise<uint32_t> CacheResets::post(const std::string& url) {
  const kj::HttpHeaders none(headers_);
  auto request =
      client_->request(kj::HttpMethod::POST, kj::StringPtr(url.c_str()), none, uint64_t{0});
  return request.response
      .then([](kj::HttpClient::Response&& response) -> kj::Promise<uint32_t> {
        const uint32_t status = response.statusCode;
        // Read to its end, or the connection is of no further use; answers are short.
        return response.body->readAllBytes(kAnswerBytesMax)
            .then([status](auto&&) { return status; })
            .attach(kj::mv(response.body));
      })
      .attach(kj::mv(request.body));
}

void CacheResets::told(const WorkerName& name, const std::string& url, uint32_t status) {
  if (status < 300) {
    notices_.notice(notice::EngineResetAsked{name, url});
  } else if (status == kNotFound) {
    failed(name, url, "it has neither /reset_prefix_cache nor /flush_cache");
  } else {
    failed(name, url, "it answers " + std::to_string(status));
  }
}

void CacheResets::failed(const WorkerName& name, const std::string& url, std::string why) {
  notices_.notice(notice::EngineResetFailed{name, url, std::move(why)});
}

void CacheResets::taskFailed(kj::Exception&&) {}

}  // namespace holdfast::engines
