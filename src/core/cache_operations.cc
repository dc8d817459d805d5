#include "core/cache_operations.h"

namespace holdfast {

std::string_view operationName(OperationKind kind) {
  switch (kind) {
    case OperationKind::kClear:
      return "clear";
    case OperationKind::kPin:
      return "pin";
    case OperationKind::kCompress:
      return "compress";
    case OperationKind::kDecompress:
      return "decompress";
    case OperationKind::kMove:
      return "move";
    case OperationKind::kHealth:
      return "health";
  }
  return "?";
}

}  // namespace holdfast
