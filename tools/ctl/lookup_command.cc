#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {

bool showLookup(Controller& controller, const Output& output, const Prompt& prompt) {
  auto request = controller.orchestrator().lookupRequest();
  auto message = request.initMessage();
  message.setModel(textOf(prompt.model));
  message.setWithPins(prompt.withPins);
  if (prompt.tokens) {
    message.setTokens(kj::arrayPtr(prompt.tokens->data(), prompt.tokens->size()));
  } else {
    message.setHashes(kj::arrayPtr(prompt.hashes->data(), prompt.hashes->size()));
  }
  const auto response = controller.call(request);
  const auto layouts = response.getAnswer().getLayoutInfo();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto layout : layouts) {
      json.beginObject();
      json.text("instanceId", viewOf(layout.getInstanceId()));
      json.text("location", viewOf(layout.getLocation()));
      json.number("matchedEnd", layout.getMatchedEnd());
      json.number("allRanksEnd", layout.getAllRanksEnd());
      json.number("matchedChunks", layout.getMatchedChunks());
      json.number("allRanksChunks", layout.getAllRanksChunks());
      if (prompt.withPins) {
        json.number("pinnedEnd", layout.getPinnedEnd());
        json.number("pinnedChunks", layout.getPinnedChunks());
      }
      json.boolean("unconfirmed", layout.getUnconfirmed());
      json.beginObject("hits");
      for (const auto hit : layout.getHits()) {
        json.number(viewOf(hit.getLocation()), hit.getChunks());
      }
      json.endObject();
      json.endObject();
    }
    json.endList();
  } else if (layouts.size() == 0) {
    output.out << "nobody holds the first chunk\n";
  } else {
    std::vector<Table::Column> columns = {{"INSTANCE"},
                                          {"LOCATION"},
                                          {"MATCHED TOKENS", kRight},
                                          {"ALL RANKS", kRight},
                                          {"CHUNKS", kRight}};
    if (prompt.withPins) columns.push_back({"PINNED TOKENS", kRight});
    columns.push_back({"NOTE"});
    Table table(std::move(columns));
    for (const auto layout : layouts) {
      std::vector<std::string> row = {
          stringOf(layout.getInstanceId()), stringOf(layout.getLocation()),
          grouped(layout.getMatchedEnd()), grouped(layout.getAllRanksEnd()),
          grouped(layout.getMatchedChunks())};
      if (prompt.withPins) row.push_back(grouped(layout.getPinnedEnd()));
      row.emplace_back(layout.getUnconfirmed() ? "recovered, not yet confirmed by the worker" : "");
      table.add(std::move(row));
    }
    table.print(output.out);
  }
  return true;
}

}  // namespace holdfast::ctl
