// Answers that are lists: one page of what a cursor of core/queries finds, written piece by piece
// as it is found, so that neither thousands of entries hold the loop nor an answer grows with the
// fleet. Who wants more asks with `page`, which the answer's `next` says.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/queries/worker_walk.h"
#include "http/json.h"
#include "http/parameters.h"
#include "http/route.h"
#include "serving/long_answer.h"

namespace holdfast::http {

inline constexpr size_t kPageEntriesDefault = 1'000;
inline constexpr size_t kPageEntriesMax = 10'000;
// A page ends with the entry that reaches this.
inline constexpr size_t kPageBytesMax = 1 << 20;
// Finding and writing are one piece: half of what finding alone does.
inline constexpr size_t kWorkOfPage = queries::kWorkOfPiece / 2;

inline constexpr Parameter kMaxParameter = {
    "max", "entries of the page; it has fewer where they are long",
    R"({"type":"integer","minimum":1,"maximum":10000,"default":1000})"};
inline constexpr Parameter kPageParameter = {
    "page", "the `next` of the page before, as it stands there; left out: the first page",
    R"({"type":"string","maxLength":512})"};

inline size_t pageEntries(const Request& request) {
  return numberParameter(request, "max", 1, kPageEntriesMax, kPageEntriesDefault);
}

// `name`: of the list in the answer.
//   write(json, entry)            writes one
//   next(cursor, entries, last)   where the page behind this one begins. `last`: the entry that
//                                 was written last; null: the cursor has found all
template <typename Cursor, typename Write, typename Next>
class ListPage {
 public:
  ListPage(Cursor cursor, size_t max, std::string_view name, HashStyle hashes, Write write,
           Next next)
      : cursor_(std::move(cursor)),
        max_(max),
        json_(reply_.body, hashes),
        write_(std::move(write)),
        next_(std::move(next)) {
    json_.beginObject().key(name).beginList();
  }
  ListPage(const ListPage&) = delete;
  ListPage& operator=(const ListPage&) = delete;

  // Whether there is more to do.
  bool step() {
    found_.clear();
    const bool more = cursor_.next(found_, std::min(kWorkOfPage, max_ - entries_));
    for (const auto& entry : found_) write_(json_, entry);
    entries_ += found_.size();
    const bool full = entries_ >= max_ || reply_.body.size() >= kPageBytesMax;
    if (more && !full) return true;
    json_.endList();
    // A page is full with an entry of its last piece.
    const std::optional<std::string> page =
        next_(cursor_, entries_, more ? &found_.back() : nullptr);
    if (page) json_.text("next", *page);
    json_.endObject();
    return false;
  }
  Reply take() { return std::move(reply_); }

 private:
  using Found = typename Cursor::Found;

  Cursor cursor_;
  const size_t max_;
  Reply reply_;
  JsonWriter json_;
  Write write_;
  Next next_;
  Found found_;
  size_t entries_ = 0;
};

// step() and take() as above.
template <typename Page>
kj::Promise<Reply> answerInPieces(Services& services, std::shared_ptr<Page> page) {
  return inPieces(services, [page]() { return page->step(); }).then([page]() {
    return page->take();
  });
}

template <typename Cursor, typename Write, typename Next>
kj::Promise<Reply> answerPage(Services& services, Cursor cursor, size_t max, std::string_view name,
                              HashStyle hashes, Write write, Next next) {
  return answerInPieces(
      services, std::make_shared<ListPage<Cursor, Write, Next>>(
                    std::move(cursor), max, name, hashes, std::move(write), std::move(next)));
}

}  // namespace holdfast::http
