// verify: prints what the verifier found.
#include "inspect/commands.h"
#include "inspect/verifier.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;

void writeFinding(text::JsonWriter& json, const Finding& finding) {
  json.beginObject();
  json.text("severity", finding.severity == Severity::kProblem ? "problem" : "note");
  json.text("kind", finding.kind);
  json.text("family", finding.place.family);
  json.text("instanceId", finding.place.instance);
  if (finding.place.worker) json.number("workerId", *finding.place.worker);
  json.text("location", finding.place.location);
  json.text("record", finding.place.record);
  json.text("what", finding.what);
  json.text("remedy", finding.remedy);
  json.endObject();
}

void writeJson(const StoreReader& reader, const VerifyOutcome& outcome, const Output& output) {
  text::JsonWriter json(output.out);
  json.beginObject();
  json.text("directory", reader.dataDir());
  json.boolean("besideWriter", reader.besideWriter());
  json.number("sequence", reader.sequence());
  json.number("problems", outcome.problems);
  json.number("notes", outcome.notes);
  json.number("families", outcome.families);
  json.number("keys", outcome.keys);
  json.number("tableFiles", outcome.tableFiles);
  json.number("tableBytes", outcome.tableBytes);
  json.number("milliseconds", static_cast<uint64_t>(outcome.seconds * 1000));
  json.beginList("findings");
  for (const Finding& finding : outcome.findings) writeFinding(json, finding);
  json.endList();
  json.endObject();
}

}  // namespace

ExitCode showVerification(const StoreReader& reader, const Output& output) {
  const VerifyOutcome outcome = verify(reader, VerifyOptions(), output.progress);
  if (output.json) {
    writeJson(reader, outcome, output);
    return outcome.problems == 0 ? kDone : kFound;
  }
  for (const Finding& finding : outcome.findings) {
    output.out << (finding.severity == Severity::kProblem ? "PROBLEM  " : "note     ")
               << describe(finding.place) << "\n         " << finding.what << " [" << finding.kind
               << "]\n         -> " << finding.remedy << "\n";
  }
  const size_t all = outcome.problems + outcome.notes;
  if (all > outcome.findings.size()) {
    output.out << "... and " << grouped(all - outcome.findings.size()) << " more\n";
  }
  output.out << (outcome.problems == 0 ? "no problem"
                                       : text::countText(outcome.problems, "problem"))
             << " in " << reader.dataDir() << " as of write " << grouped(reader.sequence()) << ": "
             << grouped(outcome.families) << " families, " << grouped(outcome.keys)
             << " keys recounted, " << grouped(outcome.tableFiles) << " table files of "
             << text::bytesText(outcome.tableBytes) << " read, "
             << text::durationText(static_cast<uint64_t>(outcome.seconds * 1000)) << '\n';
  return outcome.problems == 0 ? kDone : kFound;
}

}  // namespace holdfast::inspect
