#include "operation_line.h"

#include <map>

#include "core/limits.h"

namespace holdfast::ctl {
namespace {

ExitCode exitCodeOf(Ending ending) {
  switch (ending) {
    case Ending::kDone:
      return kExitDone;
    case Ending::kFailed:
      return kExitFailed;
    case Ending::kUnfinished:
      break;
  }
  return kExitUnfinished;
}

}  // namespace

OperationLine::Kind& OperationLine::add(CLI::App& app, OperationKind kind,
                                        const std::string& description) {
  Kind& added = kinds_.emplace_back();
  added.operation.kind = kind;
  added.app = app.add_subcommand(std::string(operationName(kind)), description);
  const bool moves = kind == OperationKind::kMove;
  added.app
      ->add_option(moves ? "FROM-INSTANCE" : "INSTANCE", added.operation.instance,
                   "All its ranks take part")
      ->required();
  added.app
      ->add_option(moves ? "FROM-LOCATION" : "LOCATION", added.operation.location,
                   "As holdfast-ctl workers shows it")
      ->required();
  return added;
}

void OperationLine::addCommon(Kind& kind) {
  kind.app
      ->add_option("--event-id", kind.operation.eventId,
                   "Names the event: asked for again, it is not done again. Drawn if not given")
      ->type_name("ID");
  kind.app->add_flag("--no-wait", kind.noWait,
                     "Do not wait for the end; check-finish tells what became of it");
}

void OperationLine::addNumbers(Kind& kind) {
  const bool isPin = kind.operation.kind == OperationKind::kPin;
  kind.numbers.addTo(*kind.app, isPin ? "" : "; none: everything in the location");
  kind.takesNumbers = true;
}

OperationLine::OperationLine(CLI::App& app) {
  Kind& clear = add(app, OperationKind::kClear, "Empty a location of an instance");
  addCommon(clear);

  Kind& pin = add(app, OperationKind::kPin, "Keep chunks of a prompt from being evicted");
  addNumbers(pin);
  pin.app
      ->add_option("--ttl", pin.operation.ttlSeconds,
                   "End the pin after so long: 90s, 10m, 2h, 7d; unless given it ends with the "
                   "chunks")
      ->type_name("DURATION")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}},
          CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION"))
      ->check(CLI::Range(uint64_t{1}, kPinTtlSecondsMax));
  addCommon(pin);

  for (const OperationKind kind : {OperationKind::kCompress, OperationKind::kDecompress}) {
    const bool compresses = kind == OperationKind::kCompress;
    Kind& one = add(app, kind, compresses ? "Compress chunks" : "Decompress chunks");
    one.app->add_option("METHOD", one.operation.method, "As the engine knows it")->required();
    addNumbers(one);
    addCommon(one);
  }

  Kind& move = add(app, OperationKind::kMove, "Move chunks to another location or instance");
  move.app->add_option("TO-INSTANCE", move.operation.newInstance, "With as many ranks")->required();
  move.app->add_option("TO-LOCATION", move.operation.newLocation, "Where they go")->required();
  addNumbers(move);
  move.app->add_flag("--copy", move.operation.copy, "Keep them where they are, too");
  addCommon(move);

  health_ = app.add_subcommand("health", "Ask every rank of an instance how it is");
  health_->add_option("INSTANCE", instance_, "Whose ranks")->required();
  checkFinish_ = app.add_subcommand("check-finish", "What became of an operation, rank by rank");
  checkFinish_->add_option("EVENT", eventId_, "Its event id")->required();
  events_ = app.add_subcommand("events", "The operations, newest first");
  events_->add_option("--instance", instance_, "Only of this instance")->type_name("ID");
  events_->add_flag("--unfinished", unfinishedOnly_, "Only those that have not ended");
  events_->add_option("--max", max_, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1u, 10'000u))
      ->capture_default_str();

  forget_ =
      app.add_subcommand("forget", "Drop what is known of a worker; if it is alive it comes back");
  forget_->add_option("INSTANCE", instance_, "Of the worker")->required();
  forget_->add_option("WORKER", worker_, "Its rank")->required();
  drain_ = app.add_subcommand("drain", "Have look-ups not name an instance any more");
  drain_->add_option("INSTANCE", instance_, "Which one")->required();
  drain_->add_flag("--undo", undo_, "Have them name it again");
}

std::optional<OperationLine::Command> OperationLine::command() {
  for (Kind& kind : kinds_) {
    if (!kind.app->parsed()) continue;
    Operation& operation = kind.operation;
    operation.wait = !kind.noWait;
    if (kind.takesNumbers) {
      auto numbers = kind.numbers.read(operation.kind == OperationKind::kPin);
      operation.tokens = std::move(numbers.tokens);
      operation.hashes = std::move(numbers.hashes);
    }
    return [&operation](Controller& controller, const Output& output) {
      return exitCodeOf(runOperation(controller, output, operation));
    };
  }
  if (health_->parsed()) {
    return [this](Controller& controller, const Output& output) {
      return exitCodeOf(showHealth(controller, output, instance_));
    };
  }
  if (checkFinish_->parsed()) {
    return [this](Controller& controller, const Output& output) {
      return exitCodeOf(checkFinish(controller, output, eventId_));
    };
  }
  if (events_->parsed()) {
    return [this](Controller& controller, const Output& output) {
      showEvents(controller, output, instance_, unfinishedOnly_, max_);
      return kExitDone;
    };
  }
  if (forget_->parsed()) {
    return [this](Controller& controller, const Output& output) {
      forgetWorker(controller, output, instance_, worker_);
      return kExitDone;
    };
  }
  if (drain_->parsed()) {
    return [this](Controller& controller, const Output& output) {
      drainInstance(controller, output, instance_, undo_);
      return kExitDone;
    };
  }
  return std::nullopt;
}

}  // namespace holdfast::ctl
