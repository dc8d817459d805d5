#include "daemon/nats_module.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace holdfast {
namespace {

using replication::nats::kModuleBuild;
using replication::nats::kModuleEntry;
using replication::nats::kModuleFile;
using replication::nats::Module;
using replication::nats::ModuleEntry;

// HOLDFAST_MODULES says where modules are, from the directory of the program.
std::filesystem::path moduleFile() {
  std::error_code unknown;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return (program.parent_path() / HOLDFAST_MODULES / kModuleFile).lexically_normal();
}

Error missing(const std::string& what) {
  return {ErrorCode::kRefused, "--replicate-nats needs a module: " + what};
}

Result<const Module*> load() {
  const std::string file = moduleFile().string();
  std::error_code unknown;
  if (!std::filesystem::exists(file, unknown)) {
    return missing("there is no " + file + "; it is installed with holdfastd (package holdfast)");
  }
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return missing(file + " cannot be loaded: " + dlerror() +
                   "; the client library of NATS is Debian's package libnats3.4");
  }
  auto* const entry = reinterpret_cast<ModuleEntry*>(dlsym(library, kModuleEntry));
  const Module* const module = entry == nullptr ? nullptr : entry();
  if (module == nullptr) return missing(file + " is none of Holdfast");
  if (std::string_view(module->build) != kModuleBuild) {
    return missing(file + " is of another build (" + module->build + ") than this program (" +
                   kModuleBuild + "); install both from one package");
  }
  return module;
}

}  // namespace

Result<const replication::nats::Module*> natsModule() {
  static const Result<const Module*> loaded = load();
  return loaded;
}

}  // namespace holdfast
