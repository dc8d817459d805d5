// Notices about engines whose event streams are read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/notices/subjects.h"

namespace holdfast::notice {

// There cannot be a connection: the endpoint, or the source itself, is not one.
struct EngineUnreachable {
  static constexpr std::string_view kName = "engine_unreachable";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string why;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("why", std::string_view(why));
  }
};

// Another process with an empty cache: what was held is forgotten.
struct EngineRestarted {
  static constexpr std::string_view kName = "engine_restarted";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// Of its messages, for good; told once a minute.
struct EngineMessagesLost {
  static constexpr std::string_view kName = "engine_messages_lost";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  uint64_t from = 0;
  uint64_t to = 0;
  bool forgotten = true;  // what was held; else it is kept

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("from", from);
    visit("to", to);
    visit("forgotten", forgotten);
  }
};

// A message that is none we know; told once a minute.
struct EngineMessageUnreadable {
  static constexpr std::string_view kName = "engine_message_unreadable";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  uint64_t seq = 0;
  std::string why;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("seq", seq);
    visit("why", std::string_view(why));
  }
};

// To empty its prefix cache, as messages of it were lost; it will.
struct EngineResetAsked {
  static constexpr std::string_view kName = "engine_reset_asked";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;
  std::string address;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("address", std::string_view(address));
  }
};

// It could not be asked, or will not.
struct EngineResetFailed {
  static constexpr std::string_view kName = "engine_reset_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string address;
  std::string why;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("address", std::string_view(address));
    visit("why", std::string_view(why));
  }
};

}  // namespace holdfast::notice
