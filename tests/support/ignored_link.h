// A worker's link for tests: what the controller says to the worker is dropped. Links that keep
// some of it override that.
#pragma once

#include <string>

#include "core/worker_link.h"

namespace holdfast::test {

class IgnoredLink : public WorkerLink {
 public:
  void pause(const std::string&) override {}
  void resume() override {}
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
  void startFullSync(const std::string&, Reason, uint64_t) override {}
  void operate(const WorkerOperation&) override {}
  void superseded(const std::string&) override {}
  void closed(const std::string&) override {}
};

}  // namespace holdfast::test
