#include "wire/reports.h"

#include <cstring>
#include <string>

#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

void writeBits(const EvictBits& evicts, size_t operations, capnp::Data::Builder to) {
  if (evicts.offset % 8 != 0) {
    for (size_t i = 0; i < operations; ++i) {
      if (evicts.test(i)) to[i / 8] |= static_cast<kj::byte>(1u << (i % 8));
    }
    return;
  }
  std::memcpy(to.begin(), evicts.bits + evicts.offset / 8, to.size());
  // What stands behind the last operation says nothing.
  if (operations % 8 != 0) {
    to[to.size() - 1] &= static_cast<kj::byte>((1u << (operations % 8)) - 1);
  }
}

}  // namespace

Result<Report> read(schema::BatchedKVOperationMsg::Reader from, std::vector<uint64_t>& scratch) {
  const std::span<const uint64_t> keys = numbersOf<uint64_t>(from.getKeys(), scratch);
  const capnp::Data::Reader evicts = from.getEvicts();
  if (evicts.size() != 0 && evicts.size() < (keys.size() + 7) / 8) {
    return Error{ErrorCode::kInvalid,
                 "report of " + std::to_string(keys.size()) + " operations with " +
                     std::to_string(evicts.size()) +
                     " bytes of evict bits, one bit for each operation is needed"};
  }
  return Report{.location = viewOf(from.getLocation()),
                .incarnation = from.getIncarnation(),
                .firstSeq = from.getFirstSeq(),
                .operations = {keys, {evicts.size() == 0 ? nullptr : evicts.begin(), 0}}};
}

void write(const Report& report, schema::BatchedKVOperationMsg::Builder to) {
  const Operations& operations = report.operations;
  to.setLocation(textOf(report.location));
  to.setIncarnation(report.incarnation);
  to.setFirstSeq(report.firstSeq);
  copyNumbers<uint64_t>(operations.keys, to.initKeys(listSize(operations.size())));
  if (operations.evicts.allAdmits() || operations.size() == 0) return;
  writeBits(operations.evicts, operations.size(),
            to.initEvicts(listSize((operations.size() + 7) / 8)));
}

}  // namespace holdfast
