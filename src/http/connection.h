// One client's connection: reads its requests one after the other, finds who answers, and sends
// that.
#pragma once

#include <kj/async-io.h>
#include <kj/compat/http.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/caller.h"
#include "core/result.h"
#include "http/route.h"
#include "net/acceptor.h"
#include "net/buffered_stream.h"
#include "net/connection_ends.h"
#include "net/held_bytes.h"

namespace holdfast::http {

class Server;

// Costs little until the peer says something.
class Connection final : public kj::HttpService {
 public:
  // `server` outlives the connection.
  Connection(Server& server, AcceptedSocket socket);
  ~Connection();
  KJ_DISALLOW_COPY(Connection);

  // Resolves when the connection is over, for whatever reason but endSoon().
  kj::Promise<void> run();
  // Resolves after endSoon(). Once.
  kj::Promise<void> endAsked() { return kj::mv(ended_); }
  // Ends it from a later turn of the loop. `reason` is logged if it is not empty.
  void endSoon(ConnectionEnd end, std::string reason);
  bool endsSoon() const { return endsSoon_; }
  // Ends it if nothing has come.
  void endIfSilent();
  // Ends it if its peer is too slow, or listens with a token that is gone.
  void check(kj::TimePoint now);

  const std::string& peer() const { return peer_; }
  ConnectionEnd end() const { return end_; }
  const std::string& endReason() const { return reason_; }

  // Where the server keeps it.
  struct Place {
    std::list<Connection>::iterator at;
    bool busy = false;
  };
  Place place;

  // The stream as KJ's server reads it: it ends where the peer wanted no more answers.
  class Wire;

 private:
  enum class Phase : uint8_t {
    kSilent,   // nothing has come
    kIdle,     // between requests, or in the headers of one: KJ's server looks at the time
    kReading,  // a body
    kWaiting,  // for a handler
    kWriting,  // until the peer takes it
  };
  enum class Received : uint8_t { kAll, kTooLarge };

  kj::Promise<void> request(kj::HttpMethod method, kj::StringPtr url,
                            const kj::HttpHeaders& headers, kj::AsyncInputStream& body,
                            Response& response) override;
  kj::Promise<void> serve(kj::HttpMethod method, std::string_view url,
                          const kj::HttpHeaders& headers, kj::AsyncInputStream& body,
                          Response& response);
  kj::Promise<void> answer(const Route& route, std::shared_ptr<Request> request, bool expects,
                           kj::AsyncInputStream& body, Response& response);
  kj::Promise<void> stream(const Route& route, std::shared_ptr<Request> request,
                           Response& response);
  kj::Promise<Reply> handle(const Route& route, std::shared_ptr<Request> request);

  // Who asks, into the request; or why it may not.
  std::optional<Error> admit(const Route& route, const kj::HttpHeaders& headers, Request& request);
  Result<Principal> authenticate(std::string_view token);
  Error refuse(AuthFailure failure, const Caller& caller, const Error& why);
  // Operators' calls are told.
  kj::Promise<Reply> audited(const Route& route, const std::shared_ptr<Request>& request,
                             kj::Promise<Reply> reply);

  kj::Promise<Received> receive(kj::AsyncInputStream& body, Request& request);
  kj::Promise<Received> receiveOn(kj::AsyncInputStream& body, Request& request, size_t expected);
  kj::Promise<void> respond(Response& response, Reply reply, std::string_view allow = {});
  kj::Promise<void> writeFrom(kj::AsyncOutputStream& to, std::string_view rest);
  // Headers that are too long: KJ's server would end the connection without a word.
  kj::Promise<size_t> refuseHeaders();
  // Lets the peer read its last answer.
  kj::Promise<void> linger();
  kj::Promise<void> discard(size_t most);

  void enter(Phase phase);
  void finished();
  // Counts what is held for the peer until the request is over.
  void hold(size_t bytes);

  Server& server_;
  const RouteTable& routes_;
  const bool isUnix_;
  const Trust trust_;
  const PeerAddress address_;
  HeldBytes::Share share_;
  BufferedStream socket_;
  kj::Own<kj::AsyncIoStream> ready_;  // the socket, or TLS over it
  kj::Own<Wire> wire_;
  std::string peer_;
  std::string certificate_;
  Phase phase_ = Phase::kSilent;
  kj::TimePoint since_;     // that phase
  bool head_ = false;       // the request has the method HEAD
  bool closes_ = false;     // after the answer: the peer wants no more
  bool streams_ = false;    // events, until the peer leaves: its only request
  bool refused_ = false;    // its headers were too long: nothing else is written
  size_t headerBytes_ = 0;  // read since the last request, about
  size_t held_ = 0;         // of share_
  std::function<void(kj::TimePoint)> onSending_;
  std::string token_;  // that principal_ was found for
  std::optional<Principal> principal_;
  ConnectionEnd end_ = ConnectionEnd::kPeerLeft;
  std::string reason_;
  bool endsSoon_ = false;
  kj::Own<kj::PromiseFulfiller<void>> asked_;
  kj::Promise<void> ended_;
};

}  // namespace holdfast::http
