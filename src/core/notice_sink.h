// Names of what core/notice.h defines, for headers that only pass it on.
#pragma once

namespace holdfast {

class NoticeSink;

namespace notice {
struct FullSyncFailed;
struct WorkerLost;
struct WorkerRegistered;
}  // namespace notice

}  // namespace holdfast
