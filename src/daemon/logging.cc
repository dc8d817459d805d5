#include "daemon/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "notices/sentences.h"

namespace holdfast {
namespace {

// The message as the inside of a JSON string.
class JsonText final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    static constexpr std::string_view kHex = "0123456789abcdef";
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        to.push_back('\\');
        to.push_back(c);
      } else if (byte < 0x20) {
        for (const char e : std::string_view("\\u00")) to.push_back(e);
        to.push_back(kHex[byte >> 4]);
        to.push_back(kHex[byte & 15]);
      } else {
        to.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonText>();
  }
};

}  // namespace

void setUpLogging(LogFormat format, const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("holdfastd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == LogFormat::kJson) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JsonText>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*"})");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
  }
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void LoggedNotices::notice(const Notice& notice) {
  counts_.count(notice);
  const bool warning = levelOf(notice) == NoticeLevel::kWarning;
  spdlog::log(warning ? spdlog::level::warn : spdlog::level::info, "{}", sentenceOf(notice));
}

}  // namespace holdfast
