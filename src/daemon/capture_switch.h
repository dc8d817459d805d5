// Begins capture logs, at the start and while the daemon runs, and ends them.
#pragma once

#include <kj/async-io.h>

#include <memory>
#include <optional>
#include <string>

#include "capture/recorder.h"
#include "core/result.h"
#include "store/rocks_store.h"

namespace holdfast {

class CaptureSwitch {
 public:
  // Keeps the references. `log`: the daemon's options; its directory is where logs go that name
  // none.
  CaptureSwitch(const LogOptions& log, Controller& controller, Recorder& recorder,
                RocksStore& store, kj::Timer& timer)
      : log_(log), controller_(controller), recorder_(recorder), store_(store), timer_(timer) {}

  // Creates the directory of the options if it is missing. Returns why no log can be begun there,
  // as far as that can be told before the store is opened.
  static std::optional<Error> cannotBegin(const LogOptions& options);
  // A new log, with its checkpoint. Nothing may be queued to the store.
  static Result<std::unique_ptr<LogWriter>> begin(const LogOptions& options,
                                                  const RocksStore& store);
  // Records inputs into it from now on.
  void use(std::unique_ptr<LogWriter> log, bool redact);

  // Resolves to the folder of the new log. It begins once no fold runs and no cache operation waits
  // for the disk; then every worker's session ends, and it waits for what is queued to the store.
  kj::Promise<std::string> on(const std::string& directory, bool redact);
  Result<std::string> off();

 private:
  kj::Promise<void> quiet(uint32_t looks);
  std::string beginNow(const LogOptions& options, bool redact);

  const LogOptions& log_;
  Controller& controller_;
  Recorder& recorder_;
  RocksStore& store_;
  kj::Timer& timer_;
  bool beginning_ = false;
};

}  // namespace holdfast
