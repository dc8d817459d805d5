#include "daemon/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/nearest_name.h"
#include "notices/json_members.h"
#include "notices/sentences.h"

namespace holdfast {
namespace {

constexpr const char* kTextLine = "%Y-%m-%d %H:%M:%S.%e %z %l: %v";
// The name of a logger is the event of its lines.
constexpr const char* kJsonLine =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","event":"%n","message":"%*"})";
// What is told there are members of the object.
constexpr const char* kJsonNotice = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";

const std::vector<std::string> kLevels = {"debug", "info", "warning", "error"};

// The message as the inside of a JSON string.
class JsonText final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    std::string text;
    appendJsonText(text, {message.payload.data(), message.payload.size()});
    to.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonText>();
  }
};

// One for each kind of line; they share stderr.
struct Loggers {
  std::shared_ptr<spdlog::logger> plain;
  std::shared_ptr<spdlog::logger> store;
  std::shared_ptr<spdlog::logger> notices;
  LogFormat format = LogFormat::kText;
};

Loggers& loggers() {
  static Loggers all;
  return all;
}

std::shared_ptr<spdlog::logger> newLogger(const char* name, const char* pattern) {
  auto logger =
      std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<JsonText>('*').set_pattern(pattern);
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::debug);
  return logger;
}

void setLevel(spdlog::level::level_enum level) {
  const Loggers& all = loggers();
  for (const auto& logger : {all.plain, all.store, all.notices}) logger->set_level(level);
}

spdlog::level::level_enum levelOfLine(NoticeLevel level) {
  switch (level) {
    case NoticeLevel::kDebug:
      return spdlog::level::debug;
    case NoticeLevel::kInfo:
      return spdlog::level::info;
    case NoticeLevel::kWarning:
      return spdlog::level::warn;
  }
  return spdlog::level::warn;
}

uint64_t steadyMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void writeLine(const Notice& notice) {
  const Loggers& all = loggers();
  all.notices->log(levelOfLine(levelOf(notice)), "{}",
                   all.format == LogFormat::kJson ? jsonMembersOf(notice) : sentenceOf(notice));
}

}  // namespace

void setUpLogging(LogFormat format, const std::string& level) {
  const bool json = format == LogFormat::kJson;
  Loggers& all = loggers();
  all.format = format;
  all.plain = newLogger("log", json ? kJsonLine : kTextLine);
  all.store = newLogger("store", json ? kJsonLine : kTextLine);
  all.notices = newLogger("notices", json ? kJsonNotice : kTextLine);
  setLevel(spdlog::level::from_str(level));
  spdlog::set_default_logger(all.plain);
}

std::string logLevel() {
  const auto name = spdlog::level::to_string_view(loggers().plain->level());
  return {name.data(), name.size()};
}

std::optional<Error> setLogLevel(std::string_view level, NoticeSink& notices) {
  if (std::find(kLevels.begin(), kLevels.end(), level) == kLevels.end()) {
    const auto nearest = nearestName(level, kLevels);
    return Error{ErrorCode::kInvalid, "there is no log level " + quotedForPeople(level) +
                                          (nearest ? "; did you mean " + *nearest + "?"
                                                   : "; use debug, info, warning or error")};
  }
  const std::string before = logLevel();
  if (before == level) return std::nullopt;
  // Told by the more talkative of the two.
  const auto next = spdlog::level::from_str(std::string(level));
  setLevel(std::min(loggers().plain->level(), next));
  notices.notice(notice::LogLevelChanged{before, std::string(level)});
  setLevel(next);
  return std::nullopt;
}

void logFromStore(LogLevel level, const std::string& text) {
  const auto store = loggers().store;
  switch (level) {
    case LogLevel::kInfo:
      return store->info("store: {}", text);
    case LogLevel::kWarning:
      return store->warn("store: {}", text);
    case LogLevel::kError:
      return store->error("store: {}", text);
  }
}

void LoggedNotices::notice(const Notice& notice) {
  counts_.count(notice);
  if (!loggers().notices->should_log(levelOfLine(levelOf(notice)))) return;
  if (limit_.take(notice, steadyMs())) writeLine(notice);
}

void LoggedNotices::tick() {
  limit_.tick(steadyMs(), writeLine);
}

void LoggedNotices::finish() {
  limit_.finish(writeLine);
}

}  // namespace holdfast
