// Cap'n Proto RPC over a stream to a controller, from whoever is its client.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "schema/controller.capnp.h"

namespace holdfast {

// On the thread of its stream's loop.
struct RpcConnection {
  explicit RpcConnection(kj::Own<kj::AsyncIoStream> socket);

  // Where every conversation begins.
  schema::Bootstrap::Client bootstrap();

  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

}  // namespace holdfast
