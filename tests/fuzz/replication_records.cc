#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/contents.h"
#include "format/words.h"
#include "replication/frame_body.h"
#include "replication/records.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

using namespace replication;

void checkBody(std::string_view bytes) {
  std::vector<uint64_t> scratch;
  const auto words = alignedWords(bytes, scratch);
  if (!words) return;
  const auto body = decodeBody(*words);
  if (!body) return;
  uint64_t sum = 0;
  for (const LoggedWrite& write : body->writes) {
    if (const auto* report = std::get_if<LoggedReport>(&write)) {
      if (const auto entry = decodeJournal(report->record)) {
        for (const ChunkHash key : entry->operations.keys) sum += key;
      }
    } else if (const auto* batch = std::get_if<LoggedSyncBatch>(&write)) {
      if (const auto keys = decodeBatch(batch->record)) {
        for (const ChunkHash key : *keys) sum += key;
      }
    }
  }
  // So that nothing of it is optimised away.
  [[maybe_unused]] volatile const uint64_t read = sum;
  // What is understood can be passed on.
  const std::vector<uint8_t> sent = encodeBody(*body);
  std::vector<uint64_t> aligned;
  const auto again =
      decodeBody(*alignedWords({reinterpret_cast<const char*>(sent.data()), sent.size()}, aligned));
  FUZZ_CHECK(again && encodeBody(*again) == sent);
}

}  // namespace

// The first byte says whether the rest is a record of the log or the body of a batch.
void replicationRecords(std::string_view input) {
  if (input.empty()) return;
  const std::string_view value = input.substr(1);
  if (input[0] == 'b') return checkBody(value);
  RecordDecoder decoder;
  const auto record = decoder.decode(value);
  if (!record) return;
  const std::string sent = encodeRecord(*record);
  RecordDecoder again;
  const auto back = again.decode(sent);
  FUZZ_CHECK(back && encodeRecord(*back) == sent);
  if (const auto* frame = std::get_if<Frame>(&*record)) {
    checkBody({reinterpret_cast<const char*>(frame->body.data()), frame->body.size()});
  }
}

}  // namespace holdfast::fuzz
