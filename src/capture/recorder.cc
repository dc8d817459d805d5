#include "capture/recorder.h"

#include <cstring>
#include <utility>

#include "capture/controller_options.h"
#include "capture/entries.h"
#include "capture/values.h"
#include "core/check.h"
#include "core/notice.h"

namespace holdfast {
namespace {

template <typename Builder>
void writeState(const Registry& registry, Builder to) {
  to.setRegistryDigest(textOf(registry.registryDigest().hex()));
  const NamedCounters counters = named(registry.counters());
  write(counters, to.initCounters(listSize(counters.size())));
}

}  // namespace

Recorder::Recorder(Controller& controller, NoticeSink& notices)
    : controller_(controller),
      notices_(notices),
      scratch_(kj::heapArray<capnp::word>(kScratchWords)) {
  std::memset(scratch_.begin(), 0, scratch_.asBytes().size());
}

Recorder::~Recorder() {
  if (log_ != nullptr) controller_.observe(nullptr);
}

schema::CaptureEntry::Builder Recorder::beginEntry(capnp::MessageBuilder& message) const {
  auto entry = message.initRoot<schema::CaptureEntry>();
  const Outside::Answers& answers = controller_.answers();
  entry.setSteadyMs(answers.steadyMs);
  entry.setWallMs(answers.wallMs);
  entry.setStoreMs(answers.storeMs);
  entry.setLastTicket(controller_.registry().ledger().queued());
  entry.setNoRoom(answers.noRoom);
  if (!answers.drawn.empty()) {
    entry.setDrawn(kj::arrayPtr(answers.drawn.data(), answers.drawn.size()));
  }
  return entry;
}

void Recorder::begin(std::unique_ptr<LogWriter> log, const Beginning& beginning) {
  HOLDFAST_CHECK(log_ == nullptr, "a log is kept already");
  log_ = std::move(log);
  redact_ = beginning.redact;
  const Registry& registry = controller_.registry();
  capnp::MallocMessageBuilder message;
  auto start = beginEntry(message).initStart();
  write(controller_.options(), start);
  start.setRedacted(beginning.redact);
  start.setClusterId(textOf(beginning.clusterId));
  start.setCheckpoint(textOf(beginning.checkpoint));
  start.setFirstTicket(registry.ledger().queued() + 1);
  writeState(registry, start);
  controller_.observe(this);
  append(message);
}

void Recorder::taken(const TakenInput& taken) {
  capnp::MallocMessageBuilder message(scratch_);
  auto entry = beginEntry(message);
  const auto* lookup = std::get_if<Taken<input::LookedUp>>(&taken);
  if (redact_ && lookup != nullptr) {
    const input::LookedUp bare{lookup->input.lookup, {}};
    write(Taken<input::LookedUp>{bare, lookup->outcome}, entry);
  } else {
    write(taken, entry);
  }
  append(message);
  // Behind the entry: what a killed process loses is a tick's.
  if (log_ != nullptr && std::holds_alternative<Taken<input::Tick>>(taken)) log_->flush();
}

void Recorder::append(capnp::MessageBuilder& message) {
  if (!log_->append(message)) giveUp();
}

void Recorder::giveUp() {
  const std::string why = log_->failure();
  const std::string into = log_->folder();
  capnp::MallocMessageBuilder message;
  auto end = beginEntry(message).initEnd();
  end.setReason(schema::CaptureEnd::Reason::GAVE_UP);
  end.setText(textOf(why));
  close(message);
  notices_.notice(notice::CaptureEnded{into, why});
}

void Recorder::end(End why) {
  if (log_ == nullptr) return;
  log_->flush();
  if (!log_->failure().empty()) return giveUp();
  capnp::MallocMessageBuilder message;
  auto end = beginEntry(message).initEnd();
  end.setReason(why == End::kProcessEnded ? schema::CaptureEnd::Reason::PROCESS_ENDED
                                          : schema::CaptureEnd::Reason::SWITCHED_OFF);
  end.setContentDigest(textOf(controller_.registry().contentDigest().hex()));
  writeState(controller_.registry(), end);
  close(message);
}

void Recorder::close(capnp::MessageBuilder& last) {
  log_->close(&last);
  closedBytes_ += log_->bytes();
  controller_.observe(nullptr);
  log_.reset();
}

}  // namespace holdfast
