// Between the plain values of the state machine and schema/messages.capnp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/full_sync_state.h"
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

CacheOperation readOperation(schema::WorkerOperationMsg::Reader from);
void writeOutcome(const OperationOutcome& outcome, schema::WorkerOutcomeMsg::Builder to);

FullSyncStartOutcome readFullSyncStart(schema::FullSyncStartRetMsg::Reader from);
FullSyncStatus readFullSyncStatus(schema::FullSyncStatusRetMsg::Reader from);

void writeFullSyncStart(const FullSyncStart& start, schema::FullSyncStartMsg::Builder to);
void writeFullSyncEnd(const FullSyncEnd& end, schema::FullSyncEndMsg::Builder to);
void writeFullSyncPoll(const FullSyncPoll& poll, schema::FullSyncStatusMsg::Builder to);

// Calls that carry the report or the batch, built but not sent.
capnp::StreamingRequest<schema::WorkerSession::ReportParams> makeReport(
    schema::WorkerSession::Client& session, const WorkerStateMachine::OutgoingReport& report);
capnp::StreamingRequest<schema::WorkerSession::FullSyncBatchParams> makeFullSyncBatch(
    schema::WorkerSession::Client& session, const FullSyncBatch& batch);

}  // namespace holdfast
