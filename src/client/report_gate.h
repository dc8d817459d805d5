// The seam where faults are injected: tests and holdfast-fleet lose, repeat, delay and change
// reports here, between the state machine, which counts them as sent, and the connection.
#pragma once

#include <vector>

#include "client/worker_state.h"

namespace holdfast {

// Given to a client by its options. Called on the client's thread.
class ReportGate {
 public:
  using Report = WorkerStateMachine::OutgoingReport;

  struct Passage {
    // What is sent in place of the report, in this order: nothing (it is lost, or held back), it
    // twice, another one that was held back, one with a changed key.
    std::vector<Report> reports;
    bool cut = false;  // send nothing, break the connection
  };

  virtual ~ReportGate() = default;
  virtual Passage pass(Report report) = 0;
  // A session begins: what was held back in an older one must not come any more. Reports are of no
  // use once the client is gone.
  virtual void sessionBegan() = 0;
};

}  // namespace holdfast
