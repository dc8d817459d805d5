// Between the plain values of the state machine and schema/messages.capnp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/worker_state.h"
#include "schema/controller.capnp.h"
#include "schema/messages.capnp.h"

namespace holdfast {

inline std::string toString(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
inline capnp::Text::Reader toText(std::string_view text) {
  return {text.data(), text.size()};
}

void writeStatements(const std::vector<LocationStatement>& statements,
                     capnp::List<schema::LocationStatement>::Builder to);
void writeRegistration(const ClientOptions& options,
                       const WorkerStateMachine::RegistrationRequest& request,
                       schema::RegisterMsg::Builder to);
std::vector<LocationDecision> readDecisions(capnp::List<schema::LocationDecision>::Reader from);
std::vector<CommittedSeq> readCommitted(
    capnp::List<schema::HeartbeatRetMsg::Committed>::Reader from);

// A call that carries the report, built but not sent.
capnp::StreamingRequest<schema::WorkerSession::ReportParams> makeReport(
    schema::WorkerSession::Client& session, const WorkerStateMachine::OutgoingReport& report);

}  // namespace holdfast
