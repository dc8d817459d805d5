// Notices of who comes and goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/notices/subjects.h"

namespace holdfast::notice {

// How a worker that registers was known before.
enum class Known : uint8_t {
  kNew,
  kSameProcess,
  kOtherProcess,
  kRecovered,  // from the store, and not heard of since the start
};
std::string_view nameOf(Known known);  // "new"

struct WorkerRegistered {
  static constexpr std::string_view kName = "worker_registered";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;
  Known known = Known::kNew;
  std::string address = {};  // as it states it: "10.0.0.7:5000"
  std::string model = {};
  uint64_t locations = 0;
  uint64_t inSync = 0;  // of these; of each other one a notice says what is missing

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("known", nameOf(known));
    visit("address", std::string_view(address));
    visit("model", std::string_view(model));
    visit("locations", locations);
    visit("in_sync", inSync);
  }
};

// A LOST one has registered.
struct WorkerReturned {
  static constexpr std::string_view kName = "worker_returned";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;
  uint64_t lostMs = 0;  // it was LOST for so long
  std::string address;
  std::string model;
  uint64_t locations = 0;
  uint64_t inSync = 0;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("lost_ms", lostMs);
    visit("address", std::string_view(address));
    visit("model", std::string_view(model));
    visit("locations", locations);
    visit("in_sync", inSync);
  }
};

// Its registration was not taken. What names it may be any bytes, as it came.
struct RegistrationRefused {
  static constexpr std::string_view kName = "registration_refused";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string reason;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("reason", std::string_view(reason));
  }
};

// Another process has registered in its place. Where that happens again soon: WorkerContested.
struct WorkerSuperseded {
  static constexpr std::string_view kName = "worker_superseded";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// It has said that it ends: its state is dropped.
struct WorkerDeregistered {
  static constexpr std::string_view kName = "worker_deregistered";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;
  uint64_t chunks = 0;  // that it held

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("chunks", chunks);
  }
};

// Its report came when the store could not take it: it is told to wait.
struct WorkerPaused {
  static constexpr std::string_view kName = "worker_paused";
  static constexpr NoticeLevel kLevel = kDebug;
  WorkerName worker;
  std::string reason;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("reason", std::string_view(reason));
  }
};

// Its reports are taken again: it is told to register anew.
struct WorkerResumed {
  static constexpr std::string_view kName = "worker_resumed";
  static constexpr NoticeLevel kLevel = kDebug;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

enum class LostCause : uint8_t {
  kConnectionGone,
  kNotBack,        // it did not register again after a start of the controller
  kSilent,         // for silentMs
  kBrokeProtocol,  // `detail` says how: "it sent ..."
};
std::string_view nameOf(LostCause cause);  // "silent"

struct WorkerLost {
  static constexpr std::string_view kName = "worker_lost";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker = {};
  LostCause cause = LostCause::kConnectionGone;
  uint64_t silentMs = 0;
  std::string detail = {};

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("cause", nameOf(cause));
    visit("silent_ms", silentMs);
    visit("detail", std::string_view(detail));
  }
};

// It was LOST for so long that its state is dropped.
struct WorkerExpired {
  static constexpr std::string_view kName = "worker_expired";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  uint64_t lostGraceMs = 0;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("lost_grace_ms", lostGraceMs);
  }
};

// An operator has it forgotten.
struct WorkerForgotten {
  static constexpr std::string_view kName = "worker_forgotten";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// A LOST worker that held nothing is forgotten for another one.
struct EmptyWorkerMadeRoom {
  static constexpr std::string_view kName = "empty_worker_made_room";
  static constexpr NoticeLevel kLevel = kInfo;
  WorkerName worker;
  uint64_t workersMax = 0;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("workers_max", workersMax);
  }
};

// A LOST worker is forgotten for another one, and what it held with it.
struct WorkerMadeRoom {
  static constexpr std::string_view kName = "worker_made_room";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  uint64_t chunks = 0;
  uint64_t workersMax = 0;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("chunks", chunks);
    visit("workers_max", workersMax);
  }
};

// Superseded twice within a minute.
struct WorkerContested {
  static constexpr std::string_view kName = "worker_contested";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// Another process registers with the run id of the former one.
struct RunRepeated {
  static constexpr std::string_view kName = "run_repeated";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;

  void fields(auto& visit) const { worker.fields(visit); }
};

// What the worker held is forgotten for that.
struct ModelChanged {
  static constexpr std::string_view kName = "model_changed";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string model;  // its new one

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("model", std::string_view(model));
  }
};

// Its stored records are damaged: it gets a clean slate when it registers.
struct WorkerQuarantined {
  static constexpr std::string_view kName = "worker_quarantined";
  static constexpr NoticeLevel kLevel = kWarning;
  WorkerName worker;
  std::string damage;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("damage", std::string_view(damage));
  }
};

}  // namespace holdfast::notice
