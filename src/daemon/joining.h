// How a controller of a group begins: with content of the others, and with the log of the group.
#pragma once

#include <kj/async-io.h>

#include <memory>
#include <optional>

#include "core/result.h"
#include "daemon/configuration.h"
#include "daemon/group.h"
#include "daemon/http_door.h"
#include "daemon/start_reports.h"
#include "daemon/wakeup.h"
#include "store/rocks_store.h"

namespace holdfast {

// What the parts of a start share here. All of it outlives the calls, which wait as long as what
// they need is not there; a signal ends that.
struct JoinContext {
  const Configuration& configuration;
  kj::AsyncIoContext& io;
  const StartReports& reports;
  LoggedNotices& notices;
  HttpDoor& http;
};

// With --join, before the store is opened: an empty data directory gets a copy of another
// controller's store, unless the log of the group has nothing yet. How the process is to end, where
// the start cannot go on; that was said.
std::optional<ExitCode> joinStore(const JoinContext& context);

// As soon as the log of the group can be reached. Null: the process was asked to end before.
Result<std::unique_ptr<Group>> joinGroup(const JoinContext& context, RocksStore& store,
                                         Wakeup& storeWakeup);

}  // namespace holdfast
