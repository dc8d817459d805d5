#include "notices/json_members.h"

#include "core/ids.h"
#include "notices/sentences.h"

namespace holdfast {
namespace {

class MemberWriter {
 public:
  explicit MemberWriter(std::string& to) : to_(to) {}

  void operator()(std::string_view name, std::string_view value) {
    begin(name);
    to_ += '"';
    appendJsonText(to_, value);
    to_ += '"';
  }
  void operator()(std::string_view name, uint64_t value) {
    begin(name);
    to_ += std::to_string(value);
  }
  void operator()(std::string_view name, bool value) {
    begin(name);
    to_ += value ? "true" : "false";
  }

 private:
  void begin(std::string_view name) {
    if (!to_.empty()) to_ += ',';
    to_ += '"';
    to_ += name;
    to_ += "\":";
  }
  std::string& to_;
};

}  // namespace

void appendJsonText(std::string& to, std::string_view text) {
  for (const char c : oneLineForPeople(text, 4 * text.size() + 3)) {
    if (c == '"' || c == '\\') to += '\\';
    to += c;
  }
}

std::string jsonMembersOf(const Notice& notice) {
  std::string members;
  MemberWriter writer(members);
  writer("event", noticeName(notice.index()));
  forEachField(notice, writer);
  writer("message", std::string_view(sentenceOf(notice)));
  return members;
}

}  // namespace holdfast
