// Bodies: what is taken, and what is said of what is not.
#include "http/body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <cstring>
#include <deque>
#include <thread>

namespace holdfast::http {
namespace {

using testing::HasSubstr;

struct Inner {
  std::string name;
  std::vector<uint32_t> numbers;
};
struct Everything {
  bool flag = false;
  std::string text;
  double real = 0;
  uint64_t number = 0;
  uint64_t hash = 0;
  std::vector<uint64_t> hashes;
  std::vector<uint32_t> numbers;
  std::vector<std::string> texts;
  std::deque<Inner> objects;
  Inner object;
  bool textGiven = false;
};

std::vector<Field> fieldsOf(Inner& inner) {
  return {{"name", &inner.name, kRequired}, {"numbers", Numbers{&inner.numbers, 4}}};
}

std::vector<Field> fieldsOf(Everything& all) {
  return {{"flag", &all.flag},
          {"text", &all.text, Presence::kOptional, &all.textGiven},
          {"real", &all.real},
          {"number", Number{&all.number, 1, 1000}},
          {"hash", Hash{&all.hash}},
          {"hashes", Hashes{&all.hashes, 5}},
          {"numbers", Numbers{&all.numbers, 200'000}},
          {"texts", Texts{&all.texts, 3}},
          {"objects", Objects{[&all]() { return fieldsOf(all.objects.emplace_back()); }, 2}},
          {"object", Object{[&all]() { return fieldsOf(all.object); }}}};
}

struct Read {
  Everything all;
  std::string error;  // empty: none
};

kj::Array<kj::byte> bufferOf(const std::string& body) {
  auto buffer = kj::heapArray<kj::byte>(body.size() + kBodyPadding);
  std::memset(buffer.begin(), 'x', buffer.size());
  std::memcpy(buffer.begin(), body.data(), body.size());
  return buffer;
}

Read read(const std::string& body) {
  Read result;
  const auto buffer = bufferOf(body);
  const auto error = readObject({buffer.begin(), buffer.size()}, body.size(), fieldsOf(result.all));
  if (error) {
    EXPECT_EQ(error->code, ErrorCode::kInvalid);
    result.error = error->message;
  }
  return result;
}

TEST(Body, IsReadIntoItsFields) {
  const Read got = read(R"( {"flag": true, "text": "a\"\u00fc", "real": 1.5, "number": 1000,
      "hash": 7, "hashes": [1, 2], "numbers": [0, 4294967295], "texts": ["x", ""],
      "objects": [{"name": "a"}, {"name": "b", "numbers": [1]}], "object": {"name": "c"}} )");
  EXPECT_EQ(got.error, "");
  EXPECT_TRUE(got.all.flag);
  EXPECT_EQ(got.all.text, "a\"ü");
  EXPECT_TRUE(got.all.textGiven);
  EXPECT_EQ(got.all.real, 1.5);
  EXPECT_EQ(got.all.number, 1000u);
  EXPECT_EQ(got.all.hash, 7u);
  EXPECT_EQ(got.all.numbers, (std::vector<uint32_t>{0, 4294967295u}));
  EXPECT_EQ(got.all.texts, (std::vector<std::string>{"x", ""}));
  ASSERT_EQ(got.all.objects.size(), 2u);
  EXPECT_EQ(got.all.objects[1].numbers, (std::vector<uint32_t>{1}));
  EXPECT_EQ(got.all.object.name, "c");
}

TEST(Body, TakesHashesInEveryFormThatClientsHave) {
  const Read got = read(
      R"({"hashes": [18446744073709551615, -1, "18446744073709551615", "-9223372036854775808", 0]})");
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.all.hashes, (std::vector<uint64_t>{~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0},
                                                   uint64_t{1} << 63, 0}));
  for (const char* bad : {"1.5", "18446744073709551616", "-9223372036854775809", "\"0x1\"", "\"\"",
                          "\"1 \"", "true", "null", "[]", "1e3"}) {
    EXPECT_THAT(read(R"({"hashes": [3, )" + std::string(bad) + "]}").error,
                HasSubstr("field \"hashes[1]\" must be a hash"))
        << bad;
  }
}

TEST(Body, LeavesWhatIsNotThere) {
  const Read got = read("");
  EXPECT_EQ(got.error, "");
  EXPECT_FALSE(got.all.textGiven);
}

TEST(Body, TakesNullForNoValue) {
  EXPECT_THAT(read(R"({"text": null})").error, HasSubstr("field \"text\""));
  EXPECT_THAT(read(R"({"hashes": null})").error, HasSubstr("field \"hashes\""));
}

TEST(Body, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"flag": 1})", "field \"flag\" must be true or false, it is a number"},
      {R"({"text": [1]})", "field \"text\" must be a string, it is a list"},
      {R"({"number": 0})", "field \"number\" must be a whole number from 1 to 1000"},
      {R"({"number": -1})", "field \"number\" must be a whole number from 1 to 1000"},
      {R"({"numbers": [1, 4294967296]})", "field \"numbers[1]\" must be a whole number from 0"},
      {R"({"numbers": {}})", "field \"numbers\" must be a list, it is an object"},
      {R"({"hashes": [1,2,3,4,5,6]})", "field \"hashes\" has more than 5 entries"},
      {R"({"objects": [{"name": "a"}, {"name": 3}]})",
       "field \"objects[1].name\" must be a string, it is a number"},
      {R"({"objects": [{"numbers": []}]})", "field \"objects[0].name\" is missing"},
      {R"({"object": {"name": "a", "nmae": "b"}})",
       "field \"object\" has an unknown field \"nmae\"; did you mean \"name\"?"},
      {R"({"numbres": []})",
       "the body has an unknown field \"numbres\"; did you mean \"numbers\"?"},
      {R"({"flag": true, "flag": false})", "field \"flag\" is there twice"},
      {R"([])", "the body must be a JSON object"},
      {R"("x")", "the body must be a JSON object"},
      {R"({"flag": true} {})", "the body goes on behind its JSON object"},
  };
  for (const auto& [body, message] : kCases) {
    EXPECT_THAT(read(body).error, HasSubstr(message)) << body;
  }
}

TEST(Body, SaysThatItIsMalformed) {
  for (const char* body :
       {"{", "{\"flag\"", "{\"flag\": tru}", "{\"numbers\": [1 2]}", "{\"numbers\": [1,", "hello",
        "{\"text\": \"\xff\"}", "{\"text\": \"a\nb\"}", "{\"flag\": true,}", "{\"hashes\": [1,]}",
        "{'flag': true}", "{\"text\": \"\\ud800\"}", "\xef\xbb\xbf"}) {
    EXPECT_NE(read(body).error, "") << body;
  }
}

struct WhoReads {
  std::vector<uint32_t> numbers;
  std::thread::id thread;
};

std::vector<Field> fieldsOf(WhoReads& body) {
  body.thread = std::this_thread::get_id();
  return {{"numbers", Numbers{&body.numbers, 200'000}}};
}

TEST(Body, ThatIsLargeIsReadOnItsThread) {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  SideThread bodies;
  std::string text = R"({"numbers": [)";
  for (int i = 0; i < 100'000; ++i) text += (i == 0 ? "" : ",") + std::to_string(i);
  const auto requestOf = [&](const std::string& body) {
    auto request = std::make_shared<Request>();
    request->buffer = bufferOf(body);
    request->bodyBytes = body.size();
    request->bodies = &bodies;
    return request;
  };
  ASSERT_GT(text.size(), kBodyBytesAtOnce);
  const auto small = readBody<WhoReads>(requestOf(R"({"numbers": [7]})")).wait(io.waitScope);
  EXPECT_EQ(small->thread, std::this_thread::get_id());
  const auto large = readBody<WhoReads>(requestOf(text + "]}")).wait(io.waitScope);
  EXPECT_NE(large->thread, std::this_thread::get_id());
  EXPECT_EQ(large->numbers.back(), 99'999u);
  auto bad = readBody<Everything>(requestOf(text + ",-1]}"));
  auto dropped = std::make_unique<kj::Promise<kj::Own<Everything>>>(
      readBody<Everything>(requestOf(text + "]}")));
  dropped.reset();
  try {
    bad.wait(io.waitScope);
    ADD_FAILURE() << "it was taken";
  } catch (const kj::Exception& e) {
    EXPECT_THAT(e.getDescription().cStr(), HasSubstr("invalid: field \"numbers[100000]\""));
  }
}

}  // namespace
}  // namespace holdfast::http
