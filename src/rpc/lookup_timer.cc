#include "rpc/lookup_timer.h"

#include <capnp/schema.h>

#include <algorithm>

#include "schema/controller.capnp.h"

namespace holdfast {
namespace {

bool isLookup(capnp::rpc::Call::Reader call) {
  static const uint16_t method =
      capnp::Schema::from<schema::Orchestrator>().getMethodByName("lookup").getOrdinal();
  return call.getInterfaceId() == capnp::typeId<schema::Orchestrator>() &&
         call.getMethodId() == method;
}

}  // namespace

void LookupTimer::received(capnp::rpc::Call::Reader call, kj::TimePoint arrival) {
  if (isLookup(call)) asked_.insert_or_assign(call.getQuestionId(), arrival);
}

void LookupTimer::writing(capnp::rpc::Return::Reader answer) {
  if (asked_.empty()) return;
  const auto question = asked_.find(answer.getAnswerId());
  if (question == asked_.end()) return;
  if (answer.isResults()) answered_.push_back(question->second);
  asked_.erase(question);
}

void LookupTimer::sending(kj::TimePoint now) {
  for (const kj::TimePoint arrival : answered_) {
    const int64_t took = (now - arrival) / kj::NANOSECONDS;
    const auto nanoseconds = static_cast<uint64_t>(std::max<int64_t>(0, took));
    all_.record(nanoseconds);
    window_.record(nanoseconds);
  }
  answered_.clear();
}

}  // namespace holdfast
