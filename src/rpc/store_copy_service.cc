#include "rpc/store_copy_service.h"

#include <algorithm>
#include <cstring>

#include "wire/text.h"

namespace holdfast {

kj::Promise<void> StoreCopyService::files(FilesContext context) {
  const auto& files = copy_->facts().files;
  const size_t first = std::min<size_t>(context.getParams().getFirst(), files.size());
  const size_t count = std::min<size_t>(files.size() - first, kCopyFilesListed);
  auto list = context.getResults().initFiles(static_cast<kj::uint>(count));
  for (kj::uint i = 0; i < count; ++i) {
    const StoreCopyFile& file = files[first + i];
    list[i].setName(textOf(file.name));
    list[i].setBytes(file.bytes);
    list[i].setChecksum(textOf(file.checksum));
  }
  return kj::READY_NOW;
}

kj::Promise<void> StoreCopyService::read(ReadContext context) {
  const auto params = context.getParams();
  // The call keeps this, and the copy with it, until it is answered.
  return copy_->read(params.getFile(), params.getOffset(), params.getLength())
      .then([context](kj::Array<kj::byte>&& bytes) mutable {
        auto data = context.getResults().initData(static_cast<kj::uint>(bytes.size()));
        std::memcpy(data.begin(), bytes.begin(), bytes.size());
      });
}

void write(const StoreCopyFacts& facts, schema::StoreCopyRetMsg::Builder to) {
  to.setClusterId(textOf(facts.clusterId));
  to.setFormat(facts.format);
  to.setSequence(facts.sequence);
  to.setMadeWallMs(facts.madeWallMs);
  to.setRegistryDigest(textOf(facts.registryDigest));
  to.setFiles(static_cast<uint32_t>(facts.files.size()));
  uint64_t bytes = 0;
  for (const StoreCopyFile& file : facts.files) bytes += file.bytes;
  to.setBytes(bytes);
}

}  // namespace holdfast
