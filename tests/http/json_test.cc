#include "http/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace holdfast::http {
namespace {

std::string written(const std::string& text) {
  std::string json;
  JsonWriter(json).text(text);
  return json;
}

TEST(Json, SeparatesWhatStandsSideBySide) {
  std::string json;
  JsonWriter(json)
      .beginObject()
      .number("a", 1)
      .key("b")
      .beginList()
      .text("x")
      .beginObject()
      .endObject()
      .null()
      .endList()
      .boolean("c", true)
      .endObject();
  EXPECT_EQ(json, R"({"a":1,"b":["x",{},null],"c":true})");
}

TEST(Json, EscapesWhatMustNotStandInAText) {
  EXPECT_EQ(written("a\"b\\c\n\r\t\x01\x7f"), R"("a\"b\\c\n\r\t\u0001\u007f")");
  EXPECT_EQ(written("zürich 東京"), "\"zürich 東京\"");
  EXPECT_EQ(written(std::string("a\0b", 3)), R"("a\u0000b")");
}

TEST(Json, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(written("a\xff\""), "\"a\xEF\xBF\xBD\\\"\"");
}

TEST(Json, EscapesNamesThatOthersChose) {
  std::string json;
  JsonWriter(json).beginObject().freeKey("a\"b").number(1).freeKey("c").number(2).endObject();
  EXPECT_EQ(json, R"({"a\"b":1,"c":2})");
}

TEST(Json, WritesHashesAsTheClientWantsThem) {
  constexpr uint64_t kHash = 18'446'744'073'709'551'615u;
  std::string numbers;
  JsonWriter(numbers).beginObject().hashes("h", std::vector<uint64_t>{1, kHash}).endObject();
  EXPECT_EQ(numbers, R"({"h":[1,18446744073709551615]})");
  std::string texts;
  JsonWriter(texts, HashStyle::kString).beginObject().hash("h", kHash).number("n", 1).endObject();
  EXPECT_EQ(texts, R"({"h":"18446744073709551615","n":1})");
}

TEST(Json, WritesNumbersThatReadBackEqual) {
  std::string json;
  JsonWriter(json)
      .beginList()
      .real(0.1)
      .real(1e300)
      .real(std::nan(""))
      .real(std::numeric_limits<double>::infinity())
      .signedNumber(-5)
      .endList();
  EXPECT_EQ(json, "[0.1,1e+300,null,null,-5]");
}

}  // namespace
}  // namespace holdfast::http
