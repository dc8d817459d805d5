// replicas, step-down.
#include <algorithm>
#include <map>
#include <utility>

#include "commands.h"
#include "core/replica_view.h"
#include "describe.h"
#include "wire/replica.h"

namespace holdfast::ctl {
namespace {

// What one of the addresses answered.
struct Asked {
  std::string address;
  std::string error;  // why it could not be asked; empty: it answered, with what follows
  bool reached = true;
  ReplicaStatus replica;
  bool settled = false;
  std::string digest;
  std::string version;
  bool differs = false;  // from the first one that was at the same place of the same log
};

Asked ask(const std::string& address, const ClientSecurity& security,
          std::optional<Patience> patience) {
  Asked asked;
  asked.address = address;
  try {
    Controller controller(address, security, patience);
    const auto response = controller.call(controller.op().replicaRequest());
    const auto answer = response.getAnswer();
    asked.replica = read(answer.getInfo());
    asked.settled = answer.getSettled();
    asked.digest = stringOf(answer.getRegistryDigest());
    asked.version = stringOf(answer.getVersion());
  } catch (const Unreachable& e) {
    asked.reached = false;
    asked.error = e.what();
  } catch (const Refused& e) {
    asked.error = e.what();
  }
  return asked;
}

// Only what is at the same place of the same log can be compared. Whether any differs.
bool compare(std::vector<Asked>& all) {
  std::map<std::pair<std::string, uint64_t>, std::string> digests;
  bool differ = false;
  for (Asked& one : all) {
    if (!one.error.empty() || !one.settled || one.replica.log.empty()) continue;
    const auto [first, isFirst] =
        digests.emplace(std::pair(one.replica.log, one.replica.index), one.digest);
    one.differs = !isFirst && first->second != one.digest;
    differ = differ || one.differs;
  }
  return differ;
}

// Of one log at most one leads, but for the moment in which it is replaced.
size_t leadersOf(const std::vector<Asked>& all) {
  std::map<std::string, size_t> leaders;
  size_t most = 0;
  for (const Asked& one : all) {
    if (!one.error.empty() || one.replica.role != replicaRoleName(ReplicaRole::kLeader)) continue;
    most = std::max(most, ++leaders[one.replica.log]);
  }
  return most;
}

void writeOne(JsonWriter& json, const Asked& one) {
  json.beginObject();
  json.text("address", one.address);
  json.boolean("reachable", one.reached);
  if (!one.error.empty()) {
    json.text("error", one.error);
  } else {
    json.text("role", one.replica.role);
    json.number("epoch", one.replica.epoch);
    json.number("index", one.replica.index);
    json.number("lag", one.replica.lag);
    if (one.replica.ageMs != ReplicaView::kAgeUnknown) json.number("ageMs", one.replica.ageMs);
    json.text("leader", one.replica.leader);
    json.text("log", one.replica.log);
    json.boolean("settled", one.settled);
    json.text("registryDigest", one.digest);
    json.boolean("differs", one.differs);
    json.text("version", one.version);
  }
  json.endObject();
}

void print(std::ostream& out, const std::vector<Asked>& all) {
  Table table({{"controller"},
               {"role"},
               {"epoch", kRight},
               {"index", kRight},
               {"lag", kRight},
               {"age", kRight},
               {"registry digest"}});
  for (const Asked& one : all) {
    if (!one.error.empty()) {
      table.add({one.address, one.reached ? "does not say" : "AWAY", "", "", "", "", ""});
      continue;
    }
    table.add(
        {one.address, one.replica.role, grouped(one.replica.epoch), grouped(one.replica.index),
         grouped(one.replica.lag),
         one.replica.ageMs == ReplicaView::kAgeUnknown ? "?" : durationText(one.replica.ageMs),
         one.digest + (one.differs   ? " DIFFERS"
                       : one.settled ? ""
                                     : " (ahead of its index)")});
  }
  table.print(out);
  for (const Asked& one : all) {
    if (!one.error.empty()) out << '\n' << one.error << '\n';
  }
}

}  // namespace

ExitCode showReplicas(const std::vector<std::string>& addresses, const ClientSecurity& security,
                      std::optional<Patience> patience, const Output& output) {
  std::vector<Asked> all;
  bool away = false;
  for (const std::string& address : addresses) {
    away = !all.emplace_back(ask(address, security, patience)).error.empty() || away;
  }
  const bool differ = compare(all);
  const size_t leaders = leadersOf(all);
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.beginList("replicas");
    for (const Asked& one : all) writeOne(json, one);
    json.endList();
    json.boolean("differ", differ);
    json.number("leaders", leaders);
    json.endObject();
  } else {
    print(output.out, all);
    if (leaders > 1) {
      output.out << '\n'
                 << leaders
                 << " controllers lead in one log. Ask again: where it stays so, the log's servers "
                    "hold different logs, and docs/replication.md says what to do\n";
    }
  }
  if (differ || leaders > 1) return kExitReplicasDiffer;
  return away ? kExitUnreachable : kExitDone;
}

void stepDown(Controller& controller, const Output& output) {
  controller.call(controller.op().stepDownRequest(), kPatienceForChanges);
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.text("steppedDown", controller.address());
    json.endObject();
  } else {
    output.out << "the controller at " << controller.address()
               << " has handed over; 'holdfast-ctl replicas' shows who leads now\n";
  }
}

}  // namespace holdfast::ctl
