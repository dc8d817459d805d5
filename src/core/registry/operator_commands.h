// What operators do to workers and instances.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/registration_controller.h"
#include "core/registry/registry_tree.h"
#include "core/repair/repair_controller.h"
#include "core/result.h"

namespace holdfast {

class OperatorCommands {
 public:
  // Keeps all references.
  OperatorCommands(RegistryTree& tree, RegistryStore& store, NoticeSink& notices,
                   RegistrationController& registration, RepairController& repair)
      : tree_(tree),
        store_(store),
        notices_(notices),
        registration_(registration),
        repair_(repair) {}

  // Has a worker send everything of a location again, whatever state it is in; an empty name means
  // all its locations. How many there will be. kNotFound: no such worker or location; kUnavailable:
  // the worker is not connected.
  Result<uint32_t> forceSync(std::string_view instance, uint32_t worker, std::string_view location);

  // Ends a worker's session and drops its state. Answer when the ticket is committed. kNotFound: no
  // such worker.
  Result<Ticket> forget(std::string_view instance, uint32_t worker);

  // Takes an instance out of look-ups, or back into them. Answer when the ticket is committed.
  // kNotFound: no such instance.
  Result<Ticket> drain(std::string_view instance, bool drained);

 private:
  RegistryTree& tree_;
  RegistryStore& store_;
  NoticeSink& notices_;
  RegistrationController& registration_;
  RepairController& repair_;
};

}  // namespace holdfast
