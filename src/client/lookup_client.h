// What routers and tools ask the controller: look-ups, queries, status. Reconnects by itself; a
// call made while there is no connection waits for one, until its time-out.
//
// Of the controllers of a group any one may answer: calls are spread over those that are there. One
// that is away, says that it is unavailable (its log is older than a look-up allows, it does not
// lead) or has not answered in time (passOverMs) is passed over, until the call's time is over.
// What only the leader knows (status, queryWorkers, diverged) is asked until it has answered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client_thread.h"
#include "client/security.h"
#include "core/result.h"
#include "core/types.h"
#include "core/views.h"

namespace holdfast {

struct LookupClientOptions {
  // "HOST:PORT" or "unix:PATH", or a list of 1 to 16 of them, separated by commas: the controllers
  // of a group. No other address is connected to.
  std::string controller = "127.0.0.1:7440";
  ClientSecurity security = {};  // a token of the role router or operator, TLS
  uint32_t timeoutMs = 5'000;    // of one call, waiting for a connection included
  uint32_t backoffMinMs = 20;    // reconnection: doubles from min to max, jittered
  uint32_t backoffMaxMs = 1'000;
  std::optional<uint32_t> peerTimeoutMs = {};  // as of ClientOptions
  // Of several controllers: one that has not answered a call for so long is passed over, and not
  // asked until it answers something, unless all are so; at least 1.
  uint32_t passOverMs = 200;
  size_t callsMax = 65'536;  // not yet answered; one more fails at once
  // Told why the controller cannot be reached, once for each new reason, and that it is. May be
  // null.
  ClientLog onLog = {};

  // kInvalid, with what is wrong as a sentence; nothing if all is valid.
  std::optional<Error> validate() const;
};

struct LookupOptions {
  std::string model = {};     // empty: the default one
  bool withPins = false;      // say how much of each prefix is pinned, which takes longer
  uint32_t maxInstances = 0;  // answer with the best ones only; 0: with all
  bool withEndpoints = true;  // say where instances are and how they are labelled
  // Beside tokens, what the engines of the model hash with them, each at most 4,096 bytes: the
  // adapter, where they loaded it from, and a cache salt. Empty: none.
  std::string loraName = {};
  std::string loraPath = {};
  std::string cacheSalt = {};
  // Who answers may be that much behind its group's log, ms (LookupAnswer::ageMs); 0: any.
  uint64_t maxAgeMs = 0;
  // Answers of the same id have instances that match equally in the same order; empty: those come
  // in another one each time. At most 256 bytes.
  std::string eventId = {};
};

// One of many look-ups in a call: exactly one of the lists is looked at.
struct LookupPrompt {
  std::vector<ChunkHash> hashes = {};
  std::vector<uint32_t> tokens = {};  // not empty: instead of hashes
  LookupOptions options = {};
};

template <typename T>
class AwaitedAnswer;  // one_answer.h

class LookupClient {
 public:
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  // Connects at once; `thread` must outlive it. An error where the options are not valid.
  static Result<std::unique_ptr<LookupClient>> create(ClientThread& thread,
                                                      LookupClientOptions options);
  // For options that validate() has passed: ends the process for any others.
  LookupClient(ClientThread& thread, LookupClientOptions options);
  // Calls that are still under way end with an error, before it returns.
  ~LookupClient();
  LookupClient(const LookupClient&) = delete;
  LookupClient& operator=(const LookupClient&) = delete;

  // All may be called from any thread. The blocking forms must not be called on the client's
  // thread. A callback is called once, on the client's thread, and must not block. After fork() the
  // child's copy is dead: every call ends at once with an error, on the caller's thread.
  //
  // Errors: kInvalid and kRefused as the controller says; kUnauthenticated where the token is
  // missing or not known, which may change; kDenied where its role does not include the call;
  // kUnavailable where there was no answer in time or too many calls are under way.

  // Consecutive chunks of a prompt from the first, at most 65,536.
  Result<LookupAnswer> lookup(std::vector<ChunkHash> hashes, LookupOptions options = {});
  void lookup(std::vector<ChunkHash> hashes, LookupOptions options,
              Callback<LookupAnswer> callback);
  // A prompt, at most 4,194,304 tokens.
  Result<LookupAnswer> lookupTokens(std::vector<uint32_t> tokens, LookupOptions options = {});
  void lookupTokens(std::vector<uint32_t> tokens, LookupOptions options,
                    Callback<LookupAnswer> callback);
  // Many in one call, at most 1,024, and together as many hashes and tokens as one may have:
  // answers in the same order. They list 65,536 instances at most, each an equal share (`leftOut`).
  Result<std::vector<LookupAnswer>> lookups(std::vector<LookupPrompt> prompts);
  void lookups(std::vector<LookupPrompt> prompts, Callback<std::vector<LookupAnswer>> callback);
  // Whether look-ups name it, how its ranks are, where it is. Empty: all.
  Result<std::vector<InstanceView>> instances(std::string instance = {});
  // The instance with a worker registered at this ip; empty: none.
  Result<std::string> queryInstance(std::string ip);
  // Empty instance: of all; empty list: all workers.
  Result<std::vector<WorkerView>> queryWorkers(std::string instance = {},
                                               std::vector<uint32_t> workers = {});
  // Where asked to, the controller begins a new window of look-up latencies after its answer.
  Result<ControllerStatus> status(bool resetLookupWindow = false);
  void status(Callback<ControllerStatus> callback, bool resetLookupWindow = false);
  Result<std::vector<DivergedView>> diverged();

 private:
  class Caller;  // lookup_caller.h; lives on the loop
  const LookupClientOptions options_;
  ClientThread::Loop& loop_;
  std::unique_ptr<Caller> caller_;

  template <typename T>
  bool tooLong(const char* what, size_t size, size_t max, const Callback<T>& callback);
  template <typename T, typename Rpc>
  void call(Rpc rpc, Callback<T> callback);
  template <typename T>
  Result<T> wait(AwaitedAnswer<T>& answer);
};

}  // namespace holdfast
