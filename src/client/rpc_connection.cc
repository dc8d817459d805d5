#include "client/rpc_connection.h"

#include "wire/reader_options.h"

namespace holdfast {

RpcConnection::RpcConnection(kj::Own<kj::AsyncIoStream> socket)
    : stream(kj::mv(socket)),
      network(*stream, capnp::rpc::twoparty::Side::CLIENT, readerOptions()),
      rpc(capnp::makeRpcClient(network)) {}

schema::Bootstrap::Client RpcConnection::bootstrap() {
  capnp::MallocMessageBuilder message(4);
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  return rpc.bootstrap(vat).castAs<schema::Bootstrap>();
}

}  // namespace holdfast
