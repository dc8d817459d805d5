#include "replication/nats/module.h"

#include <utility>

#include "replication/nats/nats_log.h"

namespace holdfast::replication::nats {
namespace {

Result<std::unique_ptr<Log>> openLog(const NatsOptions& options) {
  auto opened = NatsLog::open(options);
  if (!opened.ok()) return opened.error();
  return std::unique_ptr<Log>(std::move(opened.value()));
}

constexpr Module kModule = {kModuleBuild, openLog};

}  // namespace

// The only name that the library shows, kModuleEntry.
extern "C" __attribute__((visibility("default"))) const Module* holdfast_nats_module() {
  return &kModule;
}

}  // namespace holdfast::replication::nats
