// Sinks of notices for tests: one that keeps them as values, one that drops them.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/check.h"
#include "core/notice.h"

namespace holdfast::test {

class RecordedNotices final : public NoticeSink {
 public:
  void notice(const Notice& notice) override { all.push_back(notice); }

  // Those of one kind, in order.
  template <typename Kind>
  std::vector<Kind> of() const {
    std::vector<Kind> found;
    for (const Notice& one : all) {
      if (const Kind* kind = std::get_if<Kind>(&one)) found.push_back(*kind);
    }
    return found;
  }
  template <typename Kind>
  size_t count() const {
    return of<Kind>().size();
  }
  template <typename Kind>
  Kind last() const {
    const std::vector<Kind> found = of<Kind>();
    HOLDFAST_CHECK(!found.empty(), "no notice %s", std::string(Kind::kName).c_str());
    return found.back();
  }

  std::vector<Notice> all;
};

class IgnoredNotices final : public NoticeSink {
 public:
  void notice(const Notice&) override {}
};

// A notice by its name and fields, to be compared and printed.
using NoticeFields = std::vector<std::pair<std::string, std::string>>;

inline NoticeFields fieldsOf(const Notice& notice) {
  struct Visitor {
    NoticeFields fields;
    void operator()(std::string_view name, std::string_view value) {
      fields.emplace_back(name, value);
    }
    void operator()(std::string_view name, uint64_t value) {
      fields.emplace_back(name, std::to_string(value));
    }
    void operator()(std::string_view name, bool value) {
      fields.emplace_back(name, value ? "true" : "false");
    }
  };
  Visitor visitor{{{"notice", std::string(noticeName(notice.index()))}}};
  forEachField(notice, visitor);
  return visitor.fields;
}

inline std::vector<NoticeFields> fieldsOf(const std::vector<Notice>& notices) {
  std::vector<NoticeFields> fields;
  for (const Notice& one : notices) fields.push_back(fieldsOf(one));
  return fields;
}

}  // namespace holdfast::test
