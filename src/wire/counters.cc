#include "wire/counters.h"

#include "wire/text.h"

namespace holdfast {

NamedCounters read(capnp::List<schema::StatusRetMsg::Counter>::Reader from) {
  NamedCounters counters;
  counters.reserve(from.size());
  for (const auto one : from) counters.emplace_back(stringOf(one.getName()), one.getValue());
  return counters;
}

void write(const NamedCounters& counters, capnp::List<schema::StatusRetMsg::Counter>::Builder to) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setName(textOf(counters[i].first));
    to[i].setValue(counters[i].second);
  }
}

}  // namespace holdfast
