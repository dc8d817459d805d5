#include "format/contents.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/limits.h"
#include "format/packed_keys.h"
#include "format/record_message.h"
#include "schema/storage.capnp.h"

namespace holdfast {

using namespace record_message;

std::string encodeSegment(std::span<const ChunkHash> keys) {
  HOLDFAST_CHECK(!keys.empty() && keys.size() <= kSegmentKeysMax, "a segment of %zu keys",
                 keys.size());
  const uint32_t width = differenceWidth(keys);
  const size_t bytes = (keys.size() - 1) * width;
  return encode<schema::SegmentRecord>(
      8 + wordsOfBytes(bytes), [&](schema::SegmentRecord::Builder to) {
        to.setFirst(keys.front());
        to.setWidth(static_cast<uint8_t>(width));
        auto differences = to.initDifferences(static_cast<unsigned>(bytes));
        packDifferences(keys, width, {differences.begin(), differences.size()});
      });
}

size_t journalWords(const Operations& operations) {
  const size_t evictBytes = operations.evicts.allAdmits() ? 0 : (operations.size() + 7) / 8;
  constexpr size_t kDigestWords = capnp::sizeInWords<schema::KeyDigest>();
  return kPointerWords + capnp::sizeInWords<schema::JournalRecord>() + operations.size() +
         (evictBytes + 7) / 8 + kDigestWords;
}

void encodeJournal(const ReportRecord& report, std::span<uint64_t> out) {
  const Operations& operations = report.operations;
  const size_t count = operations.size();
  capnp::FlatMessageBuilder message(
      kj::arrayPtr(reinterpret_cast<capnp::word*>(out.data()), out.size()));
  auto record = message.initRoot<schema::JournalRecord>();
  record.setKeys(kj::ArrayPtr<const uint64_t>(operations.keys.data(), count));
  if (!operations.evicts.allAdmits()) {
    auto bits = record.initEvicts(static_cast<unsigned>((count + 7) / 8));
    const size_t offset = operations.evicts.offset;
    if (offset % 8 == 0) {
      std::memcpy(bits.begin(), operations.evicts.bits + offset / 8, bits.size());
    } else {
      for (size_t i = 0; i < count; ++i) {
        if (operations.evicts.test(i)) {
          bits[i >> 3] = static_cast<capnp::byte>(bits[i >> 3] | (1u << (i & 7)));
        }
      }
    }
  }
  record.setCountAfter(report.countAfter);
  setDigest(record.initDigestAfter(), report.digestAfter);
  record.setUncounted(!report.counted);
  if (report.position) {
    record.setSourceSeq(report.position->seq + 1);
    record.setSourceDigest(report.position->digest);
  }
  message.requireFilled();
}

size_t batchWords(size_t keys) {
  return kPointerWords + capnp::sizeInWords<schema::BatchRecord>() + keys;
}

void encodeBatch(const BatchRecord& batch, std::span<uint64_t> out) {
  capnp::FlatMessageBuilder message(
      kj::arrayPtr(reinterpret_cast<capnp::word*>(out.data()), out.size()));
  message.initRoot<schema::BatchRecord>().setHashes(
      kj::ArrayPtr<const uint64_t>(batch.keys.data(), batch.keys.size()));
  message.requireFilled();
}

std::optional<SegmentView> decodeSegment(std::span<const uint64_t> value) {
  const auto view = decode<schema::SegmentRecord>(value, [](schema::SegmentRecord::Reader from) {
    SegmentView to;
    to.width_ = from.getWidth();
    if (to.width_ == 0) {
      to.plain_ = keysOf(from.getHashes());
      to.size_ = to.plain_.size();
      return to;
    }
    const auto differences = from.getDifferences();
    to.first_ = from.getFirst();
    to.differences_ = {differences.begin(), differences.size()};
    // Anything else leaves no keys, which is damage below.
    if (to.width_ <= sizeof(ChunkHash) && differences.size() % to.width_ == 0) {
      to.size_ = 1 + differences.size() / to.width_;
    }
    return to;
  });
  if (!view || view->size() == 0 || view->size() > kSegmentKeysMax) return std::nullopt;
  return view;
}

bool SegmentView::read(std::span<ChunkHash> out) const {
  if (packed()) return unpackKeys(first_, width_, differences_, out);
  bool ascending = true;
  for (size_t i = 0; i < plain_.size(); ++i) {
    out[i] = plain_[i];
    ascending &= i == 0 || out[i - 1] < out[i];
  }
  return ascending;
}

std::optional<std::span<const ChunkHash>> readSegment(std::span<const uint64_t> value,
                                                      std::vector<ChunkHash>& keys) {
  const auto view = decodeSegment(value);
  if (!view) return std::nullopt;
  if (keys.size() < view->size()) keys.resize(view->size());
  const std::span<ChunkHash> out(keys.data(), view->size());
  if (!view->read(out)) return std::nullopt;
  return out;
}

std::optional<std::span<const ChunkHash>> decodeBatch(std::span<const uint64_t> value) {
  const auto keys = decode<schema::BatchRecord>(
      value, [](schema::BatchRecord::Reader from) { return keysOf(from.getHashes()); });
  if (!keys || keys->empty() || keys->size() > kKeysPerSyncBatchMax) return std::nullopt;
  return keys;
}

std::optional<JournalEntry> decodeJournal(std::span<const uint64_t> value) {
  const auto entry = decode<schema::JournalRecord>(value, [](schema::JournalRecord::Reader from) {
    JournalEntry to;
    to.operations.keys = keysOf(from.getKeys());
    const auto evicts = from.getEvicts();
    if (evicts.size() > 0) {
      // Too short a bitmap leaves no operations, which is damage below.
      if (evicts.size() * 8 < to.operations.keys.size()) to.operations.keys = {};
      to.operations.evicts.bits = evicts.begin();
    }
    to.countAfter = from.getCountAfter();
    to.digestAfter = getDigest(from.getDigestAfter());
    to.counted = !from.getUncounted();
    if (from.getSourceSeq() != 0) {
      to.position = SourcePosition{from.getSourceSeq() - 1, from.getSourceDigest()};
    }
    return to;
  });
  if (!entry || entry->operations.keys.empty()) return std::nullopt;
  return entry;
}

}  // namespace holdfast
