// A source as the intake keeps it. For the files of this folder.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateways/engine_events/endpoints.h"
#include "gateways/engine_events/intake.h"

namespace holdfast::engines {

struct Intake::Entry final : WorkerLink {
  Entry(Intake& itsIntake, EngineSource its) : intake(itsIntake), source(std::move(its)) {}

  // What is refused is tried again, and after resume() the session is another one.
  void pause(const std::string&) override {}
  void resume() override { session = kNoSession; }
  // An engine is not asked by the registry: what it can say again, the stream has asked for.
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
  void startFullSync(const std::string&, Reason, uint64_t) override {}
  void operate(const WorkerOperation& operation) override { asked.push_back(operation.number); }
  void superseded(const std::string&) override { ended(); }
  void closed(const std::string&) override { ended(); }
  void ended() {
    session = kNoSession;
    intake.gone_.insert(source.name);
  }

  Intake& intake;
  EngineSource source;
  SourceId id = 0;  // 0: it is not read
  SessionId session = kNoSession;
  bool anew = false;   // nothing that is held can be placed in the stream
  bool lossy = false;  // messages are lost that may be about any location
  SourceNews news;
  uint64_t heartbeatMs = 0;     // when the next one is due
  uint64_t reopenMs = 0;        // where it is not read: when it is again
  uint64_t noticeMs = 0;        // before it, no loss is told
  std::vector<uint64_t> asked;  // operations, to be refused
};

}  // namespace holdfast::engines
