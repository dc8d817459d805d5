// What a LookupClient asks and is answered, to and from messages.
#pragma once

#include <vector>

#include "client/lookup_client.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// Beside the chunks.
void write(const LookupOptions& options, schema::LookupMsg::Builder to);
void write(const LookupPrompt& prompt, schema::LookupMsg::Builder to);
std::vector<LookupAnswer> read(capnp::List<schema::LookupRetMsg>::Reader from);

}  // namespace holdfast
