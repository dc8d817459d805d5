// Notices of instances as a whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/notices/subjects.h"

namespace holdfast::notice {

// The stored record of an instance cannot be read, and is written anew.
struct InstanceDamaged {
  static constexpr std::string_view kName = "instance_damaged";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string instance;
  std::string damage;

  void fields(auto& visit) const {
    visit("instance", std::string_view(instance));
    visit("damage", std::string_view(damage));
  }
};

struct RanksContradict {
  static constexpr std::string_view kName = "ranks_contradict";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string instance;
  std::string statements;  // who states what: contradictionOf()

  void fields(auto& visit) const {
    visit("instance", std::string_view(instance));
    visit("statements", std::string_view(statements));
  }
};

struct RanksAgree {
  static constexpr std::string_view kName = "ranks_agree";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string instance;

  void fields(auto& visit) const { visit("instance", std::string_view(instance)); }
};

struct InstanceDrained {
  static constexpr std::string_view kName = "instance_drained";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string instance;

  void fields(auto& visit) const { visit("instance", std::string_view(instance)); }
};

struct InstanceUndrained {
  static constexpr std::string_view kName = "instance_undrained";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string instance;

  void fields(auto& visit) const { visit("instance", std::string_view(instance)); }
};

}  // namespace holdfast::notice
