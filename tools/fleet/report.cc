#include "fleet/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace holdfast::fleet {

namespace {

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

// 1234567 -> "1,234,567"
std::string grouped(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string percent(std::optional<double> share) {
  return share ? format("%.1f %%", *share * 100) : "-";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

class JsonObject {
 public:
  void add(const char* name, uint64_t value) { addRaw(name, std::to_string(value)); }
  void add(const char* name, const std::string& value) { addRaw(name, quoted(value)); }
  void addRaw(const char* name, const std::string& value) {
    text_ += text_.empty() ? "{" : ", ";
    text_ += quoted(name) + ": " + value;
  }
  std::string finish() const { return text_ + "}"; }

 private:
  std::string text_;
};

std::string jsonRatio(std::optional<double> ratio) {
  return ratio ? format("%.4f", *ratio) : "null";
}

}  // namespace

std::optional<double> HitCount::ratio() const {
  if (chunks == 0) return std::nullopt;
  return static_cast<double>(hits) / static_cast<double>(chunks);
}

uint64_t LatencyLog::percentile(double share) {
  if (values_.empty()) return 0;
  std::sort(values_.begin(), values_.end());
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values_.size())));
  return values_[std::clamp(rank, size_t{1}, values_.size()) - 1];
}

std::string toTable(const Report& report) {
  std::vector<std::pair<std::string, std::string>> rows;
  const auto row = [&](std::string name, std::string value) {
    rows.emplace_back(std::move(name), std::move(value));
  };
  row("requests", grouped(report.requests) + " in " + format("%.1f s", report.seconds));
  row("look-ups", grouped(report.lookups) + " (" +
                      format("%.0f", report.perSecond(report.lookups)) + " a second), " +
                      grouped(report.lookupsFailed) + " failed, " + grouped(report.lookupsBlind) +
                      " blind");
  row("operations", grouped(report.operations) + " (" +
                        format("%.0f", report.perSecond(report.operations)) + " a second)");
  row("hit share", percent(report.hits.ratio()));
  if (report.workersReconnected > 0) {
    row("  before the restart", percent(report.hitsBefore.ratio()));
    row("  after it", percent(report.hitsAfter.ratio()));
  }
  row("look-up p50, p99, p99.9", grouped(report.lookupP50Us) + ", " + grouped(report.lookupP99Us) +
                                     ", " + grouped(report.lookupP999Us) + " us");
  if (report.workersReconnected > 0) {
    row("workers that reconnected",
        grouped(report.workersReconnected) + " of " + grouped(report.workers));
    row("  in sync", grouped(report.workersInSyncAfterRestart));
    row("  asked for anything", grouped(report.workersAskedForAnything));
    row("  keys re-sent", grouped(report.keysResentAfterRestart));
  }
  if (report.converged) {
    row("restarts, cuts, corruptions", grouped(report.restarts) + ", " + grouped(report.cuts) +
                                           ", " + grouped(report.corruptions));
  }
  if (report.converged || report.replays + report.fullSyncs > 0) {
    row("replays",
        grouped(report.replays) + " of " + grouped(report.replayedOperations) + " operations");
    row("full syncs", grouped(report.fullSyncs) + " of " + grouped(report.resyncedKeys) + " keys");
  }
  if (report.converged) {
    row("converged", *report.converged ? format("after %.1f s", report.convergedSeconds) : "NO");
  }
  row("chunks compared", grouped(report.chunks));
  row("digest of the fleet", report.digestFleet);
  row("digest of the controller",
      report.digestController.empty() ? "unknown" : report.digestController);
  std::string verdict = report.digestsEqual() ? "equal" : "NOT EQUAL";
  if (!report.problem.empty()) verdict.append(": ").append(report.problem);
  row("", verdict);

  size_t width = 0;
  for (const auto& [name, value] : rows) width = std::max(width, name.size());
  std::string out;
  for (const auto& [name, value] : rows) {
    out += name;
    out.append(width - name.size() + 2, ' ');
    out += value;
    out += '\n';
  }
  return out;
}

std::string toJson(const Report& report) {
  JsonObject json;
  json.add("requests", report.requests);
  json.addRaw("lookups_per_second", format("%.1f", report.perSecond(report.lookups)));
  json.add("operations", report.operations);
  json.addRaw("operations_per_second", format("%.1f", report.perSecond(report.operations)));
  json.addRaw("hit_ratio", jsonRatio(report.hits.ratio()));
  json.add("lookup_p50_us", report.lookupP50Us);
  json.add("lookup_p99_us", report.lookupP99Us);
  json.add("lookup_p999_us", report.lookupP999Us);
  json.add("chunks", report.chunks);
  json.add("chunks_pinned", report.chunksPinned);
  json.add("chunks_compressed", report.chunksCompressed);
  json.add("digest_fleet", report.digestFleet);
  json.add("digest_controller", report.digestController);
  json.add("lookups_failed", report.lookupsFailed);
  json.add("lookups_blind", report.lookupsBlind);
  json.addRaw("hit_ratio_before", jsonRatio(report.hitsBefore.ratio()));
  json.addRaw("hit_ratio_after", jsonRatio(report.hitsAfter.ratio()));
  json.add("workers", report.workers);
  json.add("workers_reconnected", report.workersReconnected);
  json.add("workers_in_sync_after_restart", report.workersInSyncAfterRestart);
  json.add("workers_asked_for_anything", report.workersAskedForAnything);
  json.add("keys_resent_after_restart", report.keysResentAfterRestart);
  json.add("chunks_recovered", report.chunksRecovered);
  json.add("recovery_ms", report.recoveryMs);
  json.add("replays", report.replays);
  json.add("replayed_operations", report.replayedOperations);
  json.add("full_syncs", report.fullSyncs);
  json.add("resynced_keys", report.resyncedKeys);
  json.add("restarts", report.restarts);
  json.add("cuts", report.cuts);
  json.add("corruptions", report.corruptions);
  json.addRaw("converged", report.converged ? (*report.converged ? "true" : "false") : "null");
  return json.finish();
}

}  // namespace holdfast::fleet
