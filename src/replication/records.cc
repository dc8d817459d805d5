#include "replication/records.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "format/record_message.h"
#include "schema/replication.capnp.h"

namespace holdfast::replication {

using namespace record_message;

namespace {

// What a frame's record takes beside its body: root, frame, point, pointers.
constexpr size_t kFrameWords = 16;
// A multiple of 8, so that only a batch's last part ends within a word.
constexpr size_t kPartBytes = kRecordBytesMax - kFrameWords * sizeof(uint64_t);
constexpr size_t kWordsKeptMax = size_t{1} << 19;

void setPoint(schema::LogPoint::Builder to, const LogPoint& from) {
  to.setEpoch(from.epoch);
  to.setIndex(from.index);
}
LogPoint getPoint(schema::LogPoint::Reader from) {
  return {from.getEpoch(), from.getIndex()};
}

std::string encoded(const TakeOver& from) {
  const size_t words = 24 + wordsOfBytes(from.node.size()) + wordsOfBytes(from.address.size()) +
                       wordsOfBytes(from.digest.size());
  return encode<schema::LogRecord>(words, [&](schema::LogRecord::Builder record) {
    auto to = record.initTakeOver();
    setPoint(to.initBase(), from.base);
    to.setNode(text(from.node));
    to.setNonce(from.nonce);
    to.setAddress(text(from.address));
    to.setWallMs(from.wallMs);
    to.setFormatMin(from.formatMin);
    to.setFormatMax(from.formatMax);
    to.setDigest(text(from.digest));
  });
}

std::string encoded(const Beat& from) {
  return encode<schema::LogRecord>(8, [&](schema::LogRecord::Builder record) {
    auto to = record.initBeat();
    to.setEpoch(from.epoch);
    to.setWallMs(from.wallMs);
  });
}

std::string encoded(const Retire& from) {
  return encode<schema::LogRecord>(8, [&](schema::LogRecord::Builder record) {
    auto to = record.initRetire();
    to.setEpoch(from.epoch);
    to.setWallMs(from.wallMs);
  });
}

std::string encoded(const Frame& from) {
  const size_t words = kFrameWords + wordsOfBytes(from.body.size());
  return encode<schema::LogRecord>(words, [&](schema::LogRecord::Builder record) {
    auto to = record.initFrame();
    setPoint(to.initAt(), from.at);
    to.setWallMs(from.wallMs);
    to.setPart(from.part);
    to.setParts(from.parts);
    to.setBody({from.body.data(), from.body.size()});
  });
}

std::optional<LogRecord> readRecord(schema::LogRecord::Reader record) {
  switch (record.which()) {
    case schema::LogRecord::TAKE_OVER: {
      const auto from = record.getTakeOver();
      TakeOver to{.base = getPoint(from.getBase()),
                  .node = std::string(text(from.getNode())),
                  .nonce = from.getNonce(),
                  .address = std::string(text(from.getAddress())),
                  .wallMs = from.getWallMs(),
                  .formatMin = from.getFormatMin(),
                  .formatMax = from.getFormatMax(),
                  .digest = std::string(text(from.getDigest()))};
      if (to.node.size() > kNodeBytesMax || to.address.size() > kAddressBytesMax ||
          to.digest.size() > kDigestBytesMax) {
        return {};
      }
      return to;
    }
    case schema::LogRecord::BEAT:
      return Beat{record.getBeat().getEpoch(), record.getBeat().getWallMs()};
    case schema::LogRecord::RETIRE:
      return Retire{record.getRetire().getEpoch(), record.getRetire().getWallMs()};
    case schema::LogRecord::FRAME: {
      const auto from = record.getFrame();
      const auto body = from.getBody();
      const Frame to{.at = getPoint(from.getAt()),
                     .wallMs = from.getWallMs(),
                     .part = from.getPart(),
                     .parts = from.getParts(),
                     .body = {body.begin(), body.size()}};
      if (to.parts > kPartsMax || to.part >= to.parts || to.body.empty()) return {};
      return to;
    }
  }
  return {};  // of a newer program
}

}  // namespace

RecordHead headOf(const LogRecord& record) {
  struct Head {
    RecordHead operator()(const TakeOver& of) const {
      return {RecordHead::Kind::kTakeOver, of.base, of.nonce};
    }
    RecordHead operator()(const Beat& of) const { return {RecordHead::Kind::kBeat, {of.epoch, 0}}; }
    RecordHead operator()(const Retire& of) const {
      return {RecordHead::Kind::kRetire, {of.epoch, 0}};
    }
    RecordHead operator()(const Frame& of) const { return {RecordHead::Kind::kFrame, of.at}; }
  };
  return std::visit(Head{}, record);
}

std::string encodeRecord(const LogRecord& record) {
  return std::visit([](const auto& of) { return encoded(of); }, record);
}

std::optional<LogRecord> RecordDecoder::decode(std::string_view bytes) {
  if (bytes.size() > kRecordBytesMax) return std::nullopt;
  const auto words = alignedWords(bytes, aligned_);
  if (!words) return std::nullopt;
  const auto record = record_message::decode<schema::LogRecord>(*words, readRecord);
  return record ? *record : std::nullopt;
}

size_t framesOf(size_t bodyBytes) {
  return (bodyBytes + kPartBytes - 1) / kPartBytes;
}

std::vector<std::string> encodeFrames(std::span<const uint8_t> body, LogPoint first,
                                      uint64_t wallMs) {
  HOLDFAST_CHECK(!body.empty() && bodyFits(body.size()), "a batch of %zu bytes", body.size());
  const auto parts = static_cast<uint32_t>(framesOf(body.size()));
  std::vector<std::string> records;
  records.reserve(parts);
  for (uint32_t part = 0; part < parts; ++part) {
    const size_t from = part * kPartBytes;
    records.push_back(
        encoded(Frame{.at = {first.epoch, first.index + part},
                      .wallMs = wallMs,
                      .part = part,
                      .parts = parts,
                      .body = body.subspan(from, std::min(kPartBytes, body.size() - from))}));
  }
  return records;
}

BatchAssembler::Taken BatchAssembler::take(const Frame& frame) {
  if (frame.part != next_ || (next_ > 0 && frame.parts != parts_)) return Taken::kBroken;
  batch_ = {frame.at, frame.wallMs, frame.body};
  if (frame.parts == 1) return Taken::kWhole;
  parts_ = frame.parts;
  if (frame.part == 0) begin();
  words_.resize((bytes_ + frame.body.size() + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::memcpy(reinterpret_cast<uint8_t*>(words_.data()) + bytes_, frame.body.data(),
              frame.body.size());
  bytes_ += frame.body.size();
  if (++next_ < parts_) return Taken::kPart;
  batch_.body = {reinterpret_cast<const uint8_t*>(words_.data()), bytes_};
  next_ = parts_ = 0;
  return Taken::kWhole;
}

void BatchAssembler::begin() {
  // What one large batch took is not kept for ever.
  if (words_.capacity() > kWordsKeptMax) words_ = {};
  bytes_ = 0;
}

void BatchAssembler::drop() {
  next_ = parts_ = 0;
}

}  // namespace holdfast::replication
