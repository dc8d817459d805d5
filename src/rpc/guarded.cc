#include "rpc/guarded.h"

#include <capnp/dynamic.h>

#include "core/ids.h"
#include "wire/errors.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// Of the texts in one line; each is cut as quotedForPeople() does.
constexpr size_t kAboutBytesMax = 512;

void addFields(std::string& to, capnp::DynamicStruct::Reader from, const std::string& prefix);

void addValue(std::string& to, capnp::DynamicStruct::Reader from, capnp::StructSchema::Field field,
              const std::string& name) {
  const auto said = [&](const std::string& value) { to += (to.empty() ? "" : " ") + name + value; };
  const auto value = [&]() { return from.get(field); };
  switch (field.getType().which()) {
    case capnp::schema::Type::TEXT:
      return said("=" + quotedForPeople(viewOf(value().as<capnp::Text>())));
    case capnp::schema::Type::BOOL:
    case capnp::schema::Type::VOID:
      return said("");
    case capnp::schema::Type::UINT8:
    case capnp::schema::Type::UINT16:
    case capnp::schema::Type::UINT32:
    case capnp::schema::Type::UINT64:
      return said("=" + std::to_string(value().as<uint64_t>()));
    case capnp::schema::Type::STRUCT:
      return addFields(to, value().as<capnp::DynamicStruct>(), name + ".");
    default:
      return;  // lists above all, which are long
  }
}

void addFields(std::string& to, capnp::DynamicStruct::Reader from, const std::string& prefix) {
  for (const auto field : from.getSchema().getFields()) {
    if (to.size() >= kAboutBytesMax) return;
    if (field.getType().isList() || !from.has(field, capnp::HasMode::NON_DEFAULT)) continue;
    addValue(to, from, field, prefix + field.getProto().getName().cStr());
  }
}

}  // namespace

std::string nameOf(capnp::InterfaceSchema::Method method) {
  return std::string(method.getContainingInterface().getShortDisplayName().cStr()) + "." +
         method.getProto().getName().cStr();
}

std::string aboutOf(capnp::InterfaceSchema::Method method, capnp::AnyPointer::Reader params) {
  std::string about;
  const auto type = method.getParamType();
  const auto from = params.getAs<capnp::DynamicStruct>(type);
  // What calls say is the one message that they have.
  for (const auto field : type.getFields()) {
    if (field.getType().isStruct() && from.has(field)) {
      addFields(about, from.get(field).as<capnp::DynamicStruct>(), "");
    }
  }
  return about;
}

kj::Exception denied(Services& services, const Caller& caller, Permission asked,
                     capnp::InterfaceSchema::Method method) {
  const Error why = *mayNot(caller.principal, asked, nameOf(method));
  services.audit.refused(AuthFailure::kDenied, caller, why.message);
  return wireError(why);
}

kj::Promise<void> audited(Services& services, Caller caller, std::string call, std::string about,
                          kj::Promise<void> outcome) {
  struct Asked {
    Caller caller;
    std::string call;
    std::string about;
  };
  auto asked = kj::heap<Asked>(Asked{std::move(caller), std::move(call), std::move(about)});
  Asked& it = *asked;
  return outcome
      .then([&services, &it]() { services.audit.operated(it.caller, it.call, it.about, {}); },
            [&services, &it](kj::Exception&& e) {
              services.audit.operated(it.caller, it.call, it.about, descriptionOf(e).text);
              kj::throwFatalException(kj::mv(e));
            })
      .attach(kj::mv(asked));
}

}  // namespace holdfast
