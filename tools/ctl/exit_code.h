// How the program ends; documented in --help.
#pragma once

namespace holdfast::ctl {

enum ExitCode {
  kExitDone = 0,
  kExitNothingFound = 1,
  kExitUsage = 2,
  kExitUnreachable = 3,
  kExitRefused = 4,
  kExitFailed = 5,      // an operation: not every rank did it
  kExitUnfinished = 6,  // an operation: it has not ended yet
  kExitReadOnly = 7,    // status --check: the store is read-only
  kExitOutput = 8,      // the output could not be written
  // replicas: two of them have something else at the same place of the log, or two lead
  kExitReplicasDiffer = 9,
};

}  // namespace holdfast::ctl
