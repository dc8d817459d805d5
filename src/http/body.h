// Reads the JSON body of a request into plain values: an object whose fields are all known.
//
//   struct DrainBody {
//     std::string instance;
//     bool drained = true;
//   };
//   std::vector<Field> fieldsOf(DrainBody& body) {
//     return {{"instance", &body.instance, kRequired}, {"drained", &body.drained}};
//   }
//   return readBody<DrainBody>(request).then([](kj::Own<DrainBody>&& body) { ... });
//
// What is wrong is a kInvalid error that names the field, or the nearest one of a name that is not
// known. A small body is read at once. A large one is read on a thread beside the loop and
// not in pieces, because simdjson's first pass is over the whole text: 30 MB take it 10 ms.
#pragma once

#include <kj/async.h>
#include <kj/memory.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"
#include "http/route.h"
#include "serving/side_thread.h"

namespace holdfast::http {

struct Field;

// 64-bit hashes or ids: numbers, negative numbers (two's complement) and decimal strings are all
// taken.
struct Hashes {
  std::vector<uint64_t>* to;
  size_t max;  // more are an error
};
struct Hash {
  uint64_t* to;
};
// A list of numbers from 0 to 2^32 - 1: tokens, ranks.
struct Numbers {
  std::vector<uint32_t>* to;
  size_t max;
};
struct Texts {
  std::vector<std::string>* to;
  size_t max;
};
// A list of objects: `next` makes the next one's place and returns its fields, which point there.
struct Objects {
  std::function<std::vector<Field>()> next;
  size_t max;
};
// One object within.
struct Object {
  std::function<std::vector<Field>()> fields;
};
// A name that may be a number: a string, or a whole number from 0 to 2^64 - 1, taken as its decimal
// text.
struct Name {
  std::string* to;
};
// A whole number within bounds; both are allowed.
struct Number {
  uint64_t* to;
  uint64_t min;
  uint64_t max;
};

enum class Presence : uint8_t {
  kOptional,
  kRequired,
  kNullable,  // optional, and null is as if it were left out
};
inline constexpr Presence kRequired = Presence::kRequired;

// Where a field goes. What its value points to outlives the reading, and stays as it is where the
// field is left out.
struct Field {
  std::string_view name;
  std::variant<bool*, std::string*, double*, Name, Number, Hash, Hashes, Numbers, Texts, Objects,
               Object>
      to;
  Presence presence = Presence::kOptional;
  bool* given = nullptr;  // becomes true if the field is there and not null
};

// What becomes of a body with fields that are not known: a name that is misspelt should be noticed,
// but where bodies are another program's, that program takes them.
enum class UnknownFields : uint8_t { kRefused, kSkipped };

// Bytes that a buffer has behind the body: simdjson reads them, whatever they are.
inline constexpr size_t kBodyPadding = 64;

// Reads a whole body, of `size` bytes at the begin of a buffer that has at least kBodyPadding more.
// An empty body is an object without fields. On any thread.
std::optional<Error> readObject(std::span<const kj::byte> buffer, size_t size,
                                std::vector<Field> fields,
                                UnknownFields unknown = UnknownFields::kRefused);

// Bodies above this are read on the thread: about 0.1 ms.
inline constexpr size_t kBodyBytesAtOnce = 32 << 10;

// See above. Body needs `std::vector<Field> fieldsOf(Body&)` beside it. Fails with wireError().
template <typename Body>
kj::Promise<kj::Own<Body>> readBody(const std::shared_ptr<Request>& request,
                                    UnknownFields unknown = UnknownFields::kRefused);

// --- implementation ---

[[noreturn]] void failReading(const Error& error);

template <typename Body>
kj::Promise<kj::Own<Body>> readBody(const std::shared_ptr<Request>& request,
                                    UnknownFields unknown) {
  struct Reading {
    std::shared_ptr<Request> request;
    UnknownFields unknown;
    kj::Own<Body> body = kj::heap<Body>();
    std::optional<Error> error = {};
    void run() {
      error = readObject(request->buffer, request->bodyBytes, fieldsOf(*body), unknown);
    }
  };
  const auto reading = std::make_shared<Reading>(Reading{request, unknown});
  if (request->bodyBytes <= kBodyBytesAtOnce) {
    reading->run();
    if (reading->error) failReading(*reading->error);
    return kj::mv(reading->body);
  }
  return request->bodies->run([reading]() { reading->run(); }).then([reading]() {
    if (reading->error) failReading(*reading->error);
    return kj::mv(reading->body);
  });
}

}  // namespace holdfast::http
