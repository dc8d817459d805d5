// A copy of the store, for another controller to begin with.
#pragma once

#include <memory>
#include <utility>

#include "rpc/guarded.h"
#include "schema/controller.capnp.h"
#include "serving/services.h"
#include "serving/store_copy.h"

namespace holdfast {

class StoreCopyService final : public Guarded<schema::StoreCopy> {
 public:
  StoreCopyService(Services& services, std::shared_ptr<ConnectionHandle> connection,
                   kj::Own<StoreCopy> copy)
      : Guarded(services, std::move(connection)), copy_(kj::mv(copy)) {}

  kj::Promise<void> files(FilesContext context) override;
  kj::Promise<void> read(ReadContext context) override;

 private:
  kj::Own<StoreCopy> copy_;
};

// Into an answer.
void write(const StoreCopyFacts& facts, schema::StoreCopyRetMsg::Builder to);

}  // namespace holdfast
