// Values for messages, random and within what each field can hold, and the way through a message.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/array.h>

#include <string>
#include <utility>
#include <vector>

#include "core/messages.h"
#include "tests/core/random_sequences.h"

namespace holdfast::test {

class RandomValues {
 public:
  explicit RandomValues(Random& random) : random_(random) {}

  // Small ones, ones that fill all bits, and 0 are all frequent.
  uint64_t number() { return random_() >> (random_() % 65 % 64); }
  uint32_t number32() { return static_cast<uint32_t>(number()); }
  bool flag() { return chance(random_, 50); }
  size_t size(size_t max) { return below(random_, max + 1); }
  // Of an enumeration with so many values.
  template <typename E>
  E of(size_t values) {
    return static_cast<E>(below(random_, values));
  }
  std::string text() {
    std::string text(size(20), 'x');
    for (char& c : text) c = static_cast<char>(1 + below(random_, 255));
    return text;
  }
  template <typename T>
  std::vector<T> numbers(size_t max) {
    std::vector<T> list(size(max));
    for (T& one : list) one = static_cast<T>(number());
    return list;
  }
  KeyDigest digest() { return {number(), number()}; }
  std::vector<LocationStatement> statements() {
    std::vector<LocationStatement> list(size(5));
    for (LocationStatement& one : list) {
      one = {.location = text(),
             .incarnation = number(),
             .beganEmpty = flag(),
             .lastSeq = number(),
             .count = number(),
             .digest = digest(),
             .replayableFrom = number(),
             .syncId = number()};
    }
    return list;
  }
  Labels labels() {
    Labels list(size(3));
    for (Label& one : list) one = {text(), text()};
    return list;
  }
  std::vector<LocationDecision> decisions() {
    std::vector<LocationDecision> list(size(5));
    for (LocationDecision& one : list) {
      one = {.location = text(),
             .kind = of<DecisionKind>(4),
             .reason = of<Reason>(kReasons),
             .nextSeq = number()};
    }
    return list;
  }

 private:
  Random& random_;
};

// A message as it arrives: its bytes, copied, in one segment.
template <typename Message>
class Arrived {
 public:
  // `fill` writes the message.
  template <typename Fill>
  explicit Arrived(const Fill& fill) : words_(wordsOf(fill)), reader_(words_) {}

  typename Message::Reader get() { return reader_.template getRoot<Message>(); }

 private:
  template <typename Fill>
  static kj::Array<capnp::word> wordsOf(const Fill& fill) {
    capnp::MallocMessageBuilder builder;
    fill(builder.initRoot<Message>());
    return capnp::messageToFlatArray(builder);
  }

  kj::Array<capnp::word> words_;
  capnp::FlatArrayMessageReader reader_;
};

}  // namespace holdfast::test
