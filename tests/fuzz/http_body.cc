// JSON bodies of the HTTP door, and the targets of its requests.
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "http/body.h"
#include "http/json.h"
#include "http/target.h"
#include "http/utf8.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

struct FuzzedBody {
  bool flag = false;
  std::string text;
  double real = 0;
  uint64_t number = 0;
  uint64_t hash = 0;
  std::vector<uint64_t> hashes;
  std::vector<uint32_t> numbers;
  std::vector<std::string> texts;
  std::deque<std::vector<uint64_t>> objects;

  friend bool operator==(const FuzzedBody&, const FuzzedBody&) = default;
};

std::vector<http::Field> fieldsOf(FuzzedBody& body) {
  const auto next = [&body]() -> std::vector<http::Field> {
    return {{"hashes", http::Hashes{&body.objects.emplace_back(), 3}, http::kRequired}};
  };
  return {{"flag", &body.flag},
          {"text", &body.text},
          {"real", &body.real},
          {"number", http::Number{&body.number, 5, 500}},
          {"hash", http::Hash{&body.hash}},
          {"hashes", http::Hashes{&body.hashes, 100}},
          {"numbers", http::Numbers{&body.numbers, 100}},
          {"texts", http::Texts{&body.texts, 100}},
          {"objects", http::Objects{next, 10}}};
}

bool readInto(FuzzedBody& body, std::string_view text) {
  std::vector<kj::byte> buffer(text.size() + http::kBodyPadding, 0xEE);
  std::memcpy(buffer.data(), text.data(), text.size());
  return !http::readObject(buffer, text.size(), fieldsOf(body));
}

std::string written(const FuzzedBody& body, http::HashStyle style) {
  std::string text;
  http::JsonWriter json(text, style);
  json.beginObject().boolean("flag", body.flag).text("text", body.text).real("real", body.real);
  if (body.number != 0) json.number("number", body.number);
  json.hash("hash", body.hash).hashes("hashes", body.hashes).key("numbers").beginList();
  for (const uint32_t number : body.numbers) json.number(number);
  json.endList().key("texts").beginList();
  for (const std::string& one : body.texts) json.text(one);
  json.endList().key("objects").beginList();
  for (const auto& hashes : body.objects) json.beginObject().hashes("hashes", hashes).endObject();
  json.endList().endObject();
  return text;
}

}  // namespace

// What was read, written and read again is the same, in either style of hashes.
void httpBody(std::string_view input) {
  FuzzedBody body;
  if (!readInto(body, input)) return;
  for (const auto style : {http::HashStyle::kNumber, http::HashStyle::kString}) {
    FuzzedBody again;
    FUZZ_CHECK(readInto(again, written(body, style)));
    FUZZ_CHECK(again == body);
  }
}

// Whatever a query was decoded to is text.
void httpTarget(std::string_view input) {
  const http::Target target = http::targetOf(input);
  FUZZ_CHECK(target.path.size() + target.query.size() <= input.size() + 1);
  http::decoded(target.path);
  const auto query = http::parseQuery(target.query);
  if (!query.ok()) return;
  for (const auto& [name, value] : query.value()) {
    FUZZ_CHECK(http::isUtf8(name) && http::isUtf8(value));
  }
}

}  // namespace holdfast::fuzz
