// Sends the full syncs of a worker over one session, message by message as the state machine says,
// and hands it the answers. On the client thread; gone with the session.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <optional>
#include <string>

#include "client/client_shared.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class FullSyncSender final : private kj::TaskSet::ErrorHandler {
 public:
  class User {
   public:
    // The state machine learned something: there may be more to send. `complete`: the location
    // can be compared now.
    virtual void fullSyncAdvanced(bool complete) = 0;
    virtual void freezeMayEnd(const std::string& location) = 0;
    virtual void sessionFailed(const Error& error) = 0;

   protected:
    ~User() = default;
  };

  // Keeps both references.
  FullSyncSender(ClientShared& shared, User& user, schema::WorkerSession::Client session);

  // Sends the next message that is due. Nothing: none is; else ready when more may be sent.
  std::optional<kj::Promise<void>> sendNext(uint64_t nowMs);

 private:
  using Send = kj::Function<kj::Promise<void>()>;

  Send toSend(const FullSyncStart& start);
  Send toSend(const FullSyncBatch& batch);
  Send toSend(const FullSyncEnd& end);
  Send toSend(const FullSyncPoll& poll);
  template <typename Request>
  Send toAsk(Request request, const std::string& location, uint64_t syncId);
  void started(const std::string& location, uint64_t syncId, const FullSyncStartOutcome& answer);
  void answered(const std::string& location, uint64_t syncId, const FullSyncStatus& answer);
  void taskFailed(kj::Exception&& exception) override;

  ClientShared& shared_;
  User& user_;
  schema::WorkerSession::Client session_;
  kj::TaskSet calls_;
};

}  // namespace holdfast
