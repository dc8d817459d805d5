// What Connection does with a request: who asks, for what, and who answers.
#include <kj/debug.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/nearest_name.h"
#include "http/connection.h"
#include "http/error_reply.h"
#include "http/event_stream.h"
#include "http/server.h"
#include "http/target.h"
#include "serving/audit.h"
#include "serving/replica_gate.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view viewed(kj::StringPtr text) {
  return {text.begin(), text.size()};
}

bool equalIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool headerIs(const kj::HttpHeaders& headers, kj::HttpHeaderId id, std::string_view value) {
  KJ_IF_MAYBE (text, headers.get(id)) return equalIgnoringCase(viewed(*text), value);
  return false;
}

// What stands behind "Bearer"; empty: nothing was sent.
Result<std::string_view> bearerOf(const kj::HttpHeaders& headers, kj::HttpHeaderId id) {
  constexpr std::string_view kScheme = "Bearer ";
  KJ_IF_MAYBE (text, headers.get(id)) {
    std::string_view value = viewed(*text);
    if (!equalIgnoringCase(value.substr(0, kScheme.size()), kScheme)) {
      return Error{ErrorCode::kUnauthenticated,
                   "the Authorization header must be \"Bearer\" and a token"};
    }
    value.remove_prefix(kScheme.size());
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (value.empty()) {
      return Error{ErrorCode::kUnauthenticated, "the Authorization header has no token"};
    }
    return value;
  }
  return std::string_view();
}

// "POST /v1/drain": for the log.
std::string callOf(const Route& route) {
  return kj::str(route.method).cStr() + (" " + std::string(route.path));
}

// What comes of a request that was let in: in the words of the route's own API.
Reply failureOf(const Route& route, const kj::Exception& why, std::string_view leader = {}) {
  return route.failed != nullptr ? route.failed(why) : errorReply(why, leader);
}

// Why a query is not what the route declares.
std::optional<Error> unknownParameter(
    const Route& route, const std::map<std::string, std::string, std::less<>>& query) {
  for (const auto& [name, value] : query) {
    std::vector<std::string> known;
    for (const Parameter& parameter : route.parameters) {
      const std::string inPath = "{" + std::string(parameter.name) + "}";
      if (route.path.find(inPath) == std::string_view::npos) known.emplace_back(parameter.name);
    }
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string what = "unknown parameter " + quotedForPeople(name);
    if (const auto nearest = nearestName(name, known)) {
      what += "; did you mean " + quotedForPeople(*nearest) + "?";
    } else if (known.empty()) {
      what += "; this route has none";
    }
    return Error{ErrorCode::kInvalid, what};
  }
  return std::nullopt;
}

}  // namespace

kj::Promise<void> Connection::request(kj::HttpMethod method, kj::StringPtr url,
                                      const kj::HttpHeaders& headers, kj::AsyncInputStream& body,
                                      Response& response) {
  server_.began(*this);
  headerBytes_ = 0;
  enter(Phase::kWaiting);
  head_ = method == kj::HttpMethod::HEAD;
  closes_ = headerIs(headers, kj::HttpHeaderId::CONNECTION, "close");
  return serve(method, viewed(url), headers, body, response).then([this]() { finished(); });
}

kj::Promise<void> Connection::serve(kj::HttpMethod method, std::string_view url,
                                    const kj::HttpHeaders& headers, kj::AsyncInputStream& body,
                                    Response& response) {
  const Target target = targetOf(url);
  auto found = routes_.find(method, target.path);
  if (found.route == nullptr) {
    if (routes_.others()) return respond(response, routes_.others()());
    const std::string methods = routes_.methodsOf(target.path);
    if (methods.empty()) {
      return respond(response, errorReply(404, "unknown",
                                          "there is no " + quotedForPeople(target.path) +
                                              "; /openapi.json lists what there is"));
    }
    if (method == kj::HttpMethod::OPTIONS) return respond(response, Reply{}, methods);
    return respond(response,
                   errorReply(405, "method_not_allowed",
                              quotedForPeople(target.path) + " may be asked with " + methods),
                   methods);
  }
  const Route& route = *found.route;
  auto request = std::make_shared<Request>();
  if (const auto refused = admit(route, headers, *request)) {
    return respond(response, errorReply(*refused));
  }
  auto query = parseQuery(target.query);
  if (!query.ok()) return respond(response, failureOf(route, wireError(query.error())));
  if (const auto unknown = unknownParameter(route, query.value())) {
    return respond(response, failureOf(route, wireError(*unknown)));
  }
  request->query = std::move(query.value());
  request->path = std::move(found.path);
  request->bodies = &server_.grounds().bodies;
  request->arrived = socket_.lastByteNotBefore();
  KJ_IF_MAYBE (id, headers.get(server_.headers().lastEventId)) request->lastEventId = id->cStr();
  if (route.stream) return stream(route, std::move(request), response);
  const bool expects = headerIs(headers, server_.headers().expect, "100-continue");
  return answer(route, std::move(request), expects, body, response);
}

std::optional<Error> Connection::admit(const Route& route, const kj::HttpHeaders& headers,
                                       Request& request) {
  Caller& caller = request.caller;
  caller.peer = peer_;
  caller.principal.role = Role::kViewer;  // of whoever asks for what is open to all
  if (route.permission == Permission::kOpen) return std::nullopt;
  const auto token = bearerOf(headers, server_.headers().authorization);
  if (!token.ok()) return refuse(AuthFailure::kUnknown, caller, token.error());
  auto principal = authenticate(token.value());
  if (!principal.ok()) {
    return refuse(AccessControl::failureOf(token.value()), caller, principal.error());
  }
  caller.principal = std::move(principal.value());
  if (caller.principal.may(route.permission)) return std::nullopt;
  return refuse(AuthFailure::kDenied, caller,
                *mayNot(caller.principal, route.permission, callOf(route)));
}

Error Connection::refuse(AuthFailure failure, const Caller& caller, const Error& why) {
  server_.grounds().audit.refused(failure, caller, why.message);
  return why;
}

// A connection sends the same token with each request.
Result<Principal> Connection::authenticate(std::string_view token) {
  const AccessControl& access = server_.grounds().access;
  if (principal_ && token == token_ && access.isValid(*principal_)) return *principal_;
  auto found = access.authenticate(token, trust_);
  if (!found.ok()) return found.error();
  if (found.value().name.empty()) found.value().name = certificate_;
  token_ = token;
  principal_ = found.value();
  return found;
}

kj::Promise<void> Connection::answer(const Route& route, std::shared_ptr<Request> request,
                                     bool expects, kj::AsyncInputStream& body, Response& response) {
  kj::Promise<Reply> reply = nullptr;
  if (route.body.empty()) {
    reply = handle(route, std::move(request));
  } else {
    enter(Phase::kReading);
    kj::Promise<void> ready = kj::READY_NOW;
    if (expects) ready = ready_->write(kContinue.data(), kContinue.size());
    reply = ready.then([this, &body, request]() { return receive(body, *request); })
                .then([this, &route, request](Received received) -> kj::Promise<Reply> {
                  enter(Phase::kWaiting);
                  if (received == Received::kTooLarge) {
                    return errorReply(413, codeOf(413),
                                      "the body of a request may have " +
                                          std::to_string(server_.bounds().bodyBytesMax) +
                                          " bytes at most");
                  }
                  request->arrived = socket_.lastByteNotBefore();
                  return handle(route, request);
                });
  }
  return reply.then([this, &response](Reply&& done) { return respond(response, std::move(done)); });
}

kj::Promise<Reply> Connection::handle(const Route& route, std::shared_ptr<Request> request) {
  const bool changes =
      route.permission == Permission::kOperate || route.permission == Permission::kManage;
  auto reply = kj::evalNow([&]() -> kj::Promise<Reply> {
    GroupMember* const group = server_.grounds().group;
    if (group != nullptr && route.leaderOnly.value_or(changes)) {
      const ReplicaView& here = group->view();
      if (const auto elsewhere = leftToLeader(here)) {
        request->leader = here.leader;
        return wireError(*elsewhere);
      }
    }
    return route.handle(request);
  });
  if (changes) {
    reply = audited(route, request, kj::mv(reply));
  }
  return reply.then(
      [this, request](Reply&& done) {
        onSending_ = std::move(request->onSending);
        return std::move(done);
      },
      [&route, request](kj::Exception&& e) { return failureOf(route, e, request->leader); });
}

// Told once, also where the peer leaves before there is an answer.
kj::Promise<Reply> Connection::audited(const Route& route, const std::shared_ptr<Request>& request,
                                       kj::Promise<Reply> reply) {
  const auto tell = [&audit = server_.grounds().audit, &route, request](std::string_view error) {
    audit.operated(request->caller, callOf(route), request->about, error);
  };
  const auto told = std::make_shared<bool>(false);
  return reply
      .then(
          [tell, told](Reply&& done) {
            *told = true;
            tell({});
            return std::move(done);
          },
          [tell, told](kj::Exception&& e) -> Reply {
            *told = true;
            tell(descriptionOf(e).text);
            kj::throwFatalException(kj::mv(e));
          })
      .attach(kj::defer([tell, told]() {
        if (!*told) tell("the caller left before it had ended");
      }));
}

kj::Promise<void> Connection::stream(const Route& route, std::shared_ptr<Request> request,
                                     Response& response) {
  if (head_) return respond(response, Reply{.type = route.answerType});
  auto begins = kj::newPromiseAndFulfiller<void>();
  auto events = kj::heap<EventStream>(
      [this, &route, &response, &fulfiller = *begins.fulfiller]() {
        // Nothing else comes from a peer that listens: that it leaves is seen by reading.
        closes_ = true;
        streams_ = true;
        fulfiller.fulfill();
        kj::HttpHeaders headers(*server_.headers().table);
        headers.set(kj::HttpHeaderId::CONTENT_TYPE,
                    kj::StringPtr(route.answerType.data(), route.answerType.size()));
        headers.set(server_.headers().cacheControl, "no-store");
        server_.sayReplica(headers);
        return response.send(200, "OK", headers);
      },
      [this](bool writing) { enter(writing ? Phase::kWriting : Phase::kWaiting); });
  EventStream& begun = *events;
  return kj::evalNow([&]() { return route.stream(request, begun); })
      .catch_([this, &response, &begun](kj::Exception&& e) -> kj::Promise<void> {
        if (begun.begun()) return kj::mv(e);
        return respond(response, errorReply(e));
      })
      .exclusiveJoin(begins.promise.then([this]() { return discard(SIZE_MAX); })
                         .then([]() -> kj::Promise<void> {
                           return KJ_EXCEPTION(DISCONNECTED, "the peer left");
                         }))
      .attach(kj::mv(events), kj::mv(begins.fulfiller), std::move(request));
}

}  // namespace holdfast::http
