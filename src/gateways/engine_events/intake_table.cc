// The intake as a table of sources.
#include <algorithm>
#include <utility>

#include "core/notice.h"
#include "gateways/engine_events/endpoints.h"
#include "gateways/engine_events/intake.h"
#include "gateways/engine_events/intake_entry.h"

namespace holdfast::engines {

Result<Ticket> Intake::add(const EngineSource& source) {
  if (auto wrong = invalidSource(source)) return Error{ErrorCode::kInvalid, std::move(*wrong)};
  const auto known = entries_.find(source.name);
  if (known != entries_.end() && workerOf(*known->second) != nullptr) {
    EngineSource same = source;
    same.configured = known->second->source.configured;
    if (same == known->second->source) return controller_.registry().ledger().queued();
    return Error{ErrorCode::kRefused,
                 describe(source.name) + " is registered with other values; unregister it first"};
  }
  const Worker* worker =
      controller_.registry().tree().findWorker(source.name.instance, source.name.rank);
  if (worker != nullptr && worker->record.state != WorkerState::kLost) {
    return Error{ErrorCode::kRefused,
                 describe(source.name) + " is a worker that reports by itself"};
  }
  if (entries_.size() >= options_.sourcesMax) {
    return Error{ErrorCode::kRefused, "there are " + std::to_string(entries_.size()) +
                                          " sources, as many as there may be"};
  }
  drop(source.name);
  Entry& entry = place(source);
  const auto ticket = registerAnew(entry);
  if (ticket.ok()) {
    open(entry);
  } else {
    entries_.erase(source.name);
  }
  return ticket;
}

Result<Ticket> Intake::remove(std::string_view instance, std::optional<uint32_t> rank) {
  std::vector<SourceName> names;
  for (auto one = entries_.lower_bound({std::string(instance), rank.value_or(0)});
       one != entries_.end() && one->first.instance == instance; ++one) {
    if (!rank || one->first.rank == *rank) names.push_back(one->first);
  }
  if (names.empty()) {
    const SourceName name{std::string(instance), rank.value_or(0)};
    return Error{ErrorCode::kNotFound, "there is no source " + describe(name)};
  }
  Ticket ticket = controller_.registry().ledger().queued();
  for (const SourceName& name : names) {
    const auto forgotten = controller_.take(input::Forget{name.instance, name.rank});
    if (forgotten.ok()) ticket = std::max(ticket, forgotten.value());
    drop(name);
  }
  return ticket;
}

void Intake::configure(const std::vector<EngineSource>& sources) {
  std::vector<SourceName> left;
  for (const auto& [name, entry] : entries_) {
    const EngineSource& known = entry->source;
    const bool there = std::any_of(sources.begin(), sources.end(),
                                   [&](const EngineSource& one) { return one == known; });
    const bool replaced = std::any_of(sources.begin(), sources.end(), [&](const EngineSource& one) {
      return one.name == known.name;
    });
    if (!there && (replaced || known.configured)) left.push_back(name);
  }
  for (const SourceName& name : left) (void)remove(name.instance, name.rank);
  for (const EngineSource& source : sources) {
    const auto added = add(source);
    if (added.ok()) continue;
    notices_.notice(notice::EngineUnreachable{nameOf(source), added.error().message});
  }
}

const EngineSource* Intake::find(const SourceName& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second->source;
}

std::vector<SourceState> Intake::list(const SourceName* after, size_t max) const {
  std::vector<SourceState> states;
  auto one = after == nullptr ? entries_.begin() : entries_.upper_bound(*after);
  for (; one != entries_.end() && states.size() < max; ++one) {
    const Entry& entry = *one->second;
    SourceState state{.source = entry.source,
                      .connected = entry.news.connected,
                      .position = {},
                      .lossy = entry.lossy,
                      .messages = entry.news.counts.messages,
                      .blocksStored = entry.news.stored,
                      .blocksRemoved = entry.news.removed,
                      .replayed = entry.news.counts.replayed};
    const Worker* worker = workerOf(entry);
    if (worker != nullptr && worker->record.position) state.position = worker->record.position->seq;
    states.push_back(std::move(state));
  }
  return states;
}

void Intake::count(const SourceNews& before, const SourceNews& after) {
  const auto change = [](uint64_t& total, uint64_t from, uint64_t to) { total += to - from; };
  totals_.connected += size_t{after.connected} - size_t{before.connected};
  change(totals_.messages, before.counts.messages, after.counts.messages);
  change(totals_.replayed, before.counts.replayed, after.counts.replayed);
  change(totals_.gaps, before.counts.gaps, after.counts.gaps);
  change(totals_.lost, before.counts.lost, after.counts.lost);
  change(totals_.restarts, before.counts.restarts, after.counts.restarts);
  change(totals_.unreadable, before.counts.unreadable, after.counts.unreadable);
  change(totals_.stored, before.stored, after.stored);
  change(totals_.removed, before.removed, after.removed);
  change(totals_.leftOut, before.left, after.left);
  change(totals_.unknown, before.unknown, after.unknown);
}

SourceTotals Intake::totals() const {
  SourceTotals totals = totals_;
  totals.sources = entries_.size();
  return totals;
}

}  // namespace holdfast::engines
