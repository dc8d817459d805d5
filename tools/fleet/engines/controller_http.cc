#include "fleet/engines/controller_http.h"

#include <utility>

namespace holdfast::fleet {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr auto kPatience = 10 * kj::SECONDS;

}  // namespace

ControllerHttp::ControllerHttp(std::string url, std::string token)
    : host_(std::move(url)), token_(std::move(token)) {
  if (host_.starts_with(kScheme)) host_.erase(0, kScheme.size());
  while (host_.ends_with('/')) host_.pop_back();
  kj::HttpHeaderTable::Builder builder;
  authorization_ = builder.add("Authorization");
  headers_ = builder.build();
}

Result<HttpAnswer> ControllerHttp::ask(std::string_view path, std::string_view body) {
  try {
    // A loop of its own: the time of one that has not turned meanwhile stands still.
    kj::AsyncIoContext io = kj::setupAsyncIo();
    auto address = io.provider->getNetwork().parseAddress(host_.c_str()).wait(io.waitScope);
    auto stream = address->connect().wait(io.waitScope);
    auto client = kj::newHttpClient(*headers_, *stream);
    kj::HttpHeaders headers(*headers_);
    headers.set(kj::HttpHeaderId::HOST, kj::heapString(host_.c_str()));
    if (!token_.empty()) headers.set(authorization_, kj::str("Bearer ", token_.c_str()));
    const std::string where(path);
    auto request = client->request(body.empty() ? kj::HttpMethod::GET : kj::HttpMethod::POST,
                                   where.c_str(), headers, body.size());
    HttpAnswer answer;
    kj::Promise<void> sent = kj::READY_NOW;
    if (!body.empty()) sent = request.body->write(body.data(), body.size());
    auto answered = sent.then([&]() {
                          request.body = nullptr;
                          return kj::mv(request.response);
                        })
                        .then([&answer](kj::HttpClient::Response&& response) {
                          answer.status = response.statusCode;
                          return response.body->readAllText().attach(kj::mv(response.body));
                        })
                        .then([&answer](kj::String&& text) { answer.body = text.cStr(); });
    io.provider->getTimer().timeoutAfter(kPatience, kj::mv(answered)).wait(io.waitScope);
    return answer;
  } catch (const kj::Exception& why) {
    return Error{ErrorCode::kUnavailable,
                 "http://" + host_ + " does not answer: " + why.getDescription().cStr()};
  }
}

}  // namespace holdfast::fleet
