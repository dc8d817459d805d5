// Answers the HTTP listeners while the loop's thread is busy with the start: a store may take
// minutes to be migrated and recovered, and whoever supervises the process must see that it lives
// and how far it is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "access/access_control.h"
#include "core/notice_sink.h"
#include "http/probes.h"
#include "net/listen_address.h"
#include "net/tls.h"

namespace holdfast::http {

class ProbeServer {
 public:
  // Answers on a thread of its own from now on: the probes of probes.h, and a 503 for whatever
  // else. References outlive it; `notices` is used from that thread.
  ProbeServer(std::vector<ListeningSocket> sockets, std::string version, const ServerTls* tls,
              const AccessControl& access, NoticeSink& notices);
  // Unlinks Unix sockets that were not taken.
  ~ProbeServer();
  ProbeServer(const ProbeServer&) = delete;
  ProbeServer& operator=(const ProbeServer&) = delete;

  // What is answered from now on. From any thread.
  void report(Readiness readiness);

  // Ends the thread and gives the sockets back. Answers that are under way are sent first; whoever
  // connects from now on waits for the next that accepts. Once.
  std::vector<ListeningSocket> take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::http
