#include "wire/endpoints.h"

#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {

Labels read(capnp::List<schema::Label>::Reader from) {
  Labels labels;
  labels.reserve(from.size());
  for (const auto one : from) labels.push_back({stringOf(one.getKey()), stringOf(one.getValue())});
  return labels;
}

void write(std::span<const Label> labels, capnp::List<schema::Label>::Builder to) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setKey(textOf(labels[i].key));
    to[i].setValue(textOf(labels[i].value));
  }
}

Endpoint read(schema::Endpoint::Reader from) {
  return {.ip = stringOf(from.getIp()),
          .port = from.getPort(),
          .peerUrl = stringOf(from.getPeerInitUrl()),
          .labels = read(from.getLabels())};
}

void write(const EndpointRef& endpoint, schema::Endpoint::Builder to) {
  if (!endpoint.ip.empty()) to.setIp(textOf(endpoint.ip));
  to.setPort(endpoint.port);
  if (!endpoint.peerUrl.empty()) to.setPeerInitUrl(textOf(endpoint.peerUrl));
  if (endpoint.labels.empty()) return;
  write(endpoint.labels, to.initLabels(listSize(endpoint.labels.size())));
}

uint64_t wordsOf(const EndpointRef& endpoint) {
  constexpr uint64_t kEndpoint = 7;
  constexpr uint64_t kLabel = 4;
  if (endpoint.empty()) return 0;
  uint64_t words = kEndpoint + endpoint.ip.size() / 8 + endpoint.peerUrl.size() / 8;
  for (const Label& label : endpoint.labels) {
    words += kLabel + label.key.size() / 8 + label.value.size() / 8;
  }
  return words;
}

StatedLoad statedLoad(Load load) {
  if (load == kLoadUnknown) return std::nullopt;
  return static_cast<double>(load) / kLoadSaturated;
}

}  // namespace holdfast
