// Tells people and the service manager how far a start is, before there is a loop.
#pragma once

#include "daemon/logging.h"
#include "os/service_manager.h"
#include "store/rocks_store.h"

namespace holdfast {

// On the thread that opens the store and recovers. Each report first ends the process where a
// signal asks for that: nothing has been written yet, so nothing needs to be closed, and a
// migration that was cut short goes on at the next start.
class StartReports {
 public:
  // Both outlive it.
  StartReports(LoggedNotices& notices, ServiceManager& manager);

  void recovering(const StartProgress& progress) const;
  void migrating(const MigrationProgress& progress) const;

 private:
  void tell(const Notice& notice) const;

  LoggedNotices& notices_;
  ServiceManager& manager_;
};

}  // namespace holdfast
