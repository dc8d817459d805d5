// Tells people and the service manager how far a start is, before there is a loop.
#pragma once

#include <string>

#include "daemon/logging.h"
#include "os/service_manager.h"
#include "peering/store_join.h"
#include "store/rocks_store.h"

namespace holdfast {

// On the thread that opens the store and recovers. A report of that first ends the process where a
// signal asks for it: nothing has been written yet, so nothing needs to be closed, and a migration
// that was cut short goes on at the next start.
class StartReports {
 public:
  // Both outlive it.
  StartReports(LoggedNotices& notices, ServiceManager& manager);

  void recovering(const StartProgress& progress) const;
  void migrating(const MigrationProgress& progress) const;
  // These two end nothing: the loop runs, and looks at signals itself.
  void joining(const peering::JoinProgress& progress) const;
  void waiting(const std::string& what) const;

 private:
  void tell(const Notice& notice) const;

  LoggedNotices& notices_;
  ServiceManager& manager_;
};

}  // namespace holdfast
