// POST /v1/lookup and /v1/lookups: who has the longest prefix.
#pragma once

#include "http/json.h"
#include "http/route.h"
#include "serving/services.h"

namespace holdfast::http {

// `services` outlives the routes.
void addLookups(RouteTable& routes, Services& services);

// Measures a look-up from its arrival until its answer is given to the socket, as RPC's are. To be
// called once its body is read: what cannot be read is no look-up.
void measureLookup(Services& services, Request& request);

// `role`, `epoch`, `index` and `ageMs` of who answers.
void writeWhoAnswers(JsonWriter& json, const ReplicaView& replica);

}  // namespace holdfast::http
