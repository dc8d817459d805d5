// Whom a notice is about, of the registry's own parts.
#pragma once

#include "core/notice.h"
#include "core/registry/registry_tree.h"

namespace holdfast {

inline WorkerName nameOf(const Worker& worker) {
  return {worker.record.instance, worker.record.worker};
}

inline LocationName nameOf(const Location& location) {
  return {nameOf(*location.worker), location.record.name};
}

}  // namespace holdfast
