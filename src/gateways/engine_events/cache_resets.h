// Asks engines to empty their prefix caches: those of which messages were lost, so that what they
// hold can be known again. Over the engine's own HTTP: vLLM has POST /reset_prefix_cache (in its
// development mode, VLLM_SERVER_DEV_MODE=1), SGLang POST /flush_cache.
#pragma once

#include <kj/async-io.h>
#include <kj/compat/http.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "core/engine_source.h"
#include "core/notice_sink.h"
#include "core/notices/subjects.h"

namespace holdfast::engines {

// On the loop's thread.
class CacheResets final : private kj::TaskSet::ErrorHandler {
 public:
  static constexpr kj::Duration kTimeMax = 10 * kj::SECONDS;  // of one answer
  // Ranks of an engine share its address, and who cannot do it is not asked all the time.
  static constexpr kj::Duration kPause = 60 * kj::SECONDS;
  static constexpr size_t kUnderWayMax = 64;
  // Of those who wait for that: a controller that takes over may find that all engines lost
  // something.
  static constexpr size_t kWaitingMax = 16'384;

  // References outlive it.
  CacheResets(kj::Network& network, kj::Timer& timer, NoticeSink& notices);
  ~CacheResets() noexcept(false) = default;

  // Asks at the source's `http`, where many are asked in its turn; what came of it is a notice.
  // Nothing where it has none, or was asked within kPause.
  void ask(const EngineSource& source);

 private:
  struct Asked {
    WorkerName name;
    std::string url;
  };

  void begin(const Asked& asked);
  void ended();
  kj::Promise<uint32_t> post(const std::string& url);
  void told(const WorkerName& name, const std::string& url, uint32_t status);
  void failed(const WorkerName& name, const std::string& url, std::string why);
  void taskFailed(kj::Exception&& exception) override;

  kj::Timer& timer_;
  NoticeSink& notices_;
  const kj::HttpHeaderTable headers_;
  kj::Own<kj::HttpClient> client_;
  std::map<std::string, kj::TimePoint> asked_;  // by address
  std::deque<Asked> waiting_;
  size_t underWay_ = 0;
  kj::TaskSet tasks_;
};

}  // namespace holdfast::engines
