// The calls of a LookupClient, on its loop: each is under way at one controller, at several where
// some are slow, or waits for one. All of them only read, so a call is made again wherever that
// helps.
#pragma once

#include <kj/async.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/connector.h"
#include "client/controller_address.h"
#include "client/event_loop.h"
#include "client/lookup_client.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class LookupClient::Caller final {
 public:
  // Of a connection.
  struct Capabilities {
    std::optional<schema::Orchestrator::Client> orchestrator;
    std::optional<schema::Operator::Client> operator_;
    bool several = false;  // there are other controllers to ask
  };
  struct Call {
    uint64_t deadlineMs = 0;
    // Makes the call; the promise ends when the answer was given to whoever asked. It fails with
    // what the controller, or the connection, says: another one is asked where that may help. May
    // be called several times; of several answers the first counts.
    std::function<kj::Promise<void>(Capabilities&)> make;
    std::function<void(const Error&)> fail;
  };

  Caller(ClientThread::Loop& loop, const LookupClientOptions& options);
  // Every call fails.
  ~Caller();

  void start();
  void add(Call call);

  std::atomic<size_t> underWay = 0;  // asked for and not yet answered

 private:
  class Line;              // to one controller
  using Lines = uint32_t;  // a set of them, by number
  static_assert(kControllersMax <= 32);

  struct Waiting {
    Call call;
    Lines asked = 0;           // in this round; an answer may still come
    Lines pending = 0;         // of those: it has not answered
    uint64_t passOverMs = 0;   // then another one is asked as well
    uint64_t nextRoundMs = 0;  // then all may be asked again; 0: there is nothing to wait for
    uint32_t pauseMs = 0;      // before the next round
    Error lastError{ErrorCode::kUnavailable, ""};  // that a controller answered with
  };

  bool several() const { return several_; }
  void place(uint64_t id, Waiting& waiting);
  // The next one for it; null: there is none.
  Line* lineFor(const Waiting& waiting);
  void answered(Line& line, uint64_t id, const std::optional<Error>& error);
  // Of lines.
  void connected();
  void lost(const Line& line);
  // Nobody will let anybody in: no call should wait.
  void failIfAllRefuse();

  kj::Promise<void> sweep();
  void judge(uint64_t nowMs);
  void passOver(uint64_t nowMs);
  Error tooLate(const Waiting& waiting) const;
  void failAll(const Error& error);

  const LookupClientOptions& options_;
  ClientThread::Loop& loop_;
  bool several_ = false;  // controllers
  uint64_t nextId_ = 1;
  std::map<uint64_t, Waiting> calls_;  // in the order of their deadlines too: all wait alike
  size_t nextLine_ = 0;                // calls go to all in turns
  bool sweeping_ = false;
  kj::Promise<void> sweep_ = nullptr;
  std::vector<std::unique_ptr<Line>> lines_;
};

}  // namespace holdfast
