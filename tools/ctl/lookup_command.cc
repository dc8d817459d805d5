#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {
namespace {

using Answer = schema::LookupRetMsg::Reader;

std::string_view missName(schema::LookupMiss miss) {
  switch (miss) {
    case schema::LookupMiss::NONE:
      return "none";
    case schema::LookupMiss::NO_CHUNK:
      return "noChunk";
    case schema::LookupMiss::UNKNOWN_MODEL:
      return "unknownModel";
    case schema::LookupMiss::NOT_HELD:
      return "notHeld";
    case schema::LookupMiss::HIDDEN:
      return "hidden";
    case schema::LookupMiss::HASHING_DIFFERS:
      return "hashingDiffers";
    case schema::LookupMiss::CANNOT_HASH:
      return "cannotHash";
  }
  return "unknown";
}

void writeLayouts(JsonWriter& json, Answer answer, bool withPins) {
  json.beginList("layoutInfo");
  for (const auto layout : answer.getLayoutInfo()) {
    json.beginObject();
    json.text("instanceId", viewOf(layout.getInstanceId()));
    json.text("location", viewOf(layout.getLocation()));
    json.number("matchedEnd", layout.getMatchedEnd());
    json.number("allRanksEnd", layout.getAllRanksEnd());
    json.number("matchedChunks", layout.getMatchedChunks());
    json.number("allRanksChunks", layout.getAllRanksChunks());
    if (withPins) {
      json.number("pinnedEnd", layout.getPinnedEnd());
      json.number("pinnedChunks", layout.getPinnedChunks());
    }
    json.boolean("unconfirmed", layout.getUnconfirmed());
    writeLoad(json, layout.getLoad());
    writeEndpoint(json, layout.getEndpoint());
    json.beginObject("hits");
    for (const auto hit : layout.getHits()) {
      json.number(viewOf(hit.getLocation()), hit.getChunks());
    }
    json.endObject();
    json.endObject();
  }
  json.endList();
}

void printLayouts(std::ostream& out, Answer answer, bool withPins) {
  std::vector<Table::Column> columns = {{"INSTANCE"},
                                        {"LOCATION"},
                                        {"MATCHED TOKENS", kRight},
                                        {"ALL RANKS", kRight},
                                        {"CHUNKS", kRight}};
  if (withPins) columns.push_back({"PINNED TOKENS", kRight});
  columns.push_back({"LOAD", kRight});
  columns.push_back({"ADDRESS"});
  columns.push_back({"NOTE"});
  Table table(std::move(columns));
  for (const auto layout : answer.getLayoutInfo()) {
    std::vector<std::string> row = {stringOf(layout.getInstanceId()),
                                    stringOf(layout.getLocation()), grouped(layout.getMatchedEnd()),
                                    grouped(layout.getAllRanksEnd()),
                                    grouped(layout.getMatchedChunks())};
    if (withPins) row.push_back(grouped(layout.getPinnedEnd()));
    const auto at = layout.getEndpoint();
    row.push_back(loadText(layout.getLoad()));
    row.push_back(addressText(at.getIp(), at.getPort()));
    row.emplace_back(layout.getUnconfirmed() ? "recovered, not yet confirmed by the worker" : "");
    table.add(std::move(row));
  }
  table.print(out);
}

}  // namespace

bool showLookup(Controller& controller, const Output& output, const Prompt& prompt) {
  auto request = controller.orchestrator().lookupRequest();
  auto message = request.initMessage();
  message.setModel(textOf(prompt.model));
  message.setWithPins(prompt.withPins);
  message.setLoraName(textOf(prompt.loraName));
  message.setLoraPath(textOf(prompt.loraPath));
  message.setCacheSalt(textOf(prompt.cacheSalt));
  if (prompt.tokens) {
    message.setTokens(kj::arrayPtr(prompt.tokens->data(), prompt.tokens->size()));
  } else {
    message.setHashes(kj::arrayPtr(prompt.hashes->data(), prompt.hashes->size()));
  }
  const auto response = controller.call(request);
  const Answer answer = response.getAnswer();
  const bool isMiss = answer.getLayoutInfo().size() == 0;
  // An older controller gives no reason.
  std::string why = stringOf(answer.getMessage());
  if (isMiss && why.empty()) why = "no worker that look-ups name holds the first chunk";
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    writeLayouts(json, answer, prompt.withPins);
    json.number("leftOut", answer.getLeftOut());
    json.text("miss", missName(answer.getMiss()));
    json.beginObject("hidden");
    json.number("drained", answer.getHidden().getDrained());
    json.number("lost", answer.getHidden().getLost());
    json.number("diverged", answer.getHidden().getDiverged());
    json.endObject();
    json.text("message", why);
    json.endObject();
  } else if (isMiss) {
    output.out << "found nobody: " << why << '\n';
  } else {
    printLayouts(output.out, answer, prompt.withPins);
  }
  return prompt.model.empty() || (answer.getMiss() != schema::LookupMiss::UNKNOWN_MODEL &&
                                  answer.getMiss() != schema::LookupMiss::HASHING_DIFFERS);
}

}  // namespace holdfast::ctl
