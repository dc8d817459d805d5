// A running controller that the messages of a log are sent to, as their senders would.
#pragma once

#include <kj/async-io.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/values.h"
#include "reach/controller.h"
#include "schema/capture.capnp.h"
#include "schema/controller.capnp.h"

namespace holdfast::replay {

class ControllerTarget {
 public:
  // Throws reach::Unreachable where there is none; so do the others.
  ControllerTarget(const std::string& address, const ClientSecurity& security);
  ~ControllerTarget();

  // Sends the message; what its sender would wait for is waited for. Errors of the controller are
  // answers like others. What is not a message (ticks, the store) is its own affair.
  void take(schema::CaptureEntry::Reader entry);

  struct State {
    std::string registryDigest;
    std::string contentDigest;
    NamedCounters counters;
  };
  // When everything that was sent is committed.
  State state();

 private:
  struct Session;

  std::unique_ptr<reach::Connection> connect();
  void registerWorker(schema::CaptureEntry::Reader entry);
  void takeWorkerMessage(Session& session, schema::CaptureEntry::Reader entry);
  void operate(schema::CaptureOperation::Reader operation);
  // Waits; an error of the controller is dropped.
  void settle(kj::Promise<void> call);
  // The same for calls of a stream, which are answered one by one.
  template <typename Request>
  void call(Request&& request) {
    settle(request.send().ignoreResult());
  }

  const std::string address_;
  const ClientSecurity security_;
  kj::AsyncIoContext io_;
  std::unique_ptr<reach::Connection> asking_;                        // of routers and operators
  std::unordered_map<uint64_t, std::unique_ptr<Session>> sessions_;  // as logged
};

}  // namespace holdfast::replay
