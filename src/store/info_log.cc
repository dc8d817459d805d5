#include "store/info_log.h"

#include <cstdarg>
#include <cstdio>
#include <utility>

namespace holdfast {
namespace {

class InfoLog : public rocksdb::Logger {
 public:
  InfoLog(std::function<void(const std::string&)> error, DroppedBytes* dropped)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), error_(std::move(error)), dropped_(dropped) {}

  using Logger::Logv;
  void LogHeader(const char*, va_list) override {}
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::ERROR_LEVEL, format, arguments);
  }
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::InfoLogLevel::WARN_LEVEL) return;
    char line[1024];
    std::vsnprintf(line, sizeof(line), format, arguments);
    if (level == rocksdb::InfoLogLevel::WARN_LEVEL) {
      if (dropped_ != nullptr) dropped_->take(line);
    } else if (error_) {
      error_(std::string("rocksdb: ") + line);
    }
  }

 private:
  const std::function<void(const std::string&)> error_;
  DroppedBytes* const dropped_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> makeInfoLog(std::function<void(const std::string&)> error,
                                             DroppedBytes* dropped) {
  return std::make_shared<InfoLog>(std::move(error), dropped);
}

}  // namespace holdfast
