// Notices of how engines hash.
#pragma once

#include <string>
#include <string_view>

#include "core/notices/subjects.h"

namespace holdfast::notice {

// The first source of a model whose hashes could be computed.
struct HashingLearned {
  static constexpr std::string_view kName = "hashing_learned";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName source;
  std::string model;
  std::string profile;  // "vLLM sha256, PYTHONHASHSEED=0, 16 tokens a block"

  void fields(auto& visit) const {
    source.fields(visit);
    visit("model", std::string_view(model));
    visit("profile", std::string_view(profile));
  }
};

// A source hashes otherwise than most of its model: nobody finds the same prompt in both.
struct HashingDiffers {
  static constexpr std::string_view kName = "hashing_differs";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName source;
  std::string model;
  std::string profile;
  std::string others;
  std::string difference;  // what differs, and what to set

  void fields(auto& visit) const {
    source.fields(visit);
    visit("model", std::string_view(model));
    visit("profile", std::string_view(profile));
    visit("others", std::string_view(others));
    visit("difference", std::string_view(difference));
  }
};

// The hashes of a source fit nothing that is known: it is looked up by hashes only.
struct HashingUnknown {
  static constexpr std::string_view kName = "hashing_unknown";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName source;
  std::string model;
  std::string before;  // how it hashed until now; empty: it never fitted
  std::string reason;  // what may be wrong, and what to set

  void fields(auto& visit) const {
    source.fields(visit);
    visit("model", std::string_view(model));
    visit("before", std::string_view(before));
    visit("reason", std::string_view(reason));
  }
};

// What a source stores is hashed now one way, now another.
struct HashingMixed {
  static constexpr std::string_view kName = "hashing_mixed";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName source;
  std::string model;
  std::string profile;
  std::string other;  // empty: it fits nothing that is known

  void fields(auto& visit) const {
    source.fields(visit);
    visit("model", std::string_view(model));
    visit("profile", std::string_view(profile));
    visit("other", std::string_view(other));
  }
};

// One that was in a notice of these hashes as the others of its model do.
struct HashingAgrees {
  static constexpr std::string_view kName = "hashing_agrees";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName source;
  std::string model;
  std::string profile;

  void fields(auto& visit) const {
    source.fields(visit);
    visit("model", std::string_view(model));
    visit("profile", std::string_view(profile));
  }
};

}  // namespace holdfast::notice
