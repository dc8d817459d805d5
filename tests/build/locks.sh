#!/usr/bin/env bash
# usage: locks.sh CLANGXX SOURCE_DIR
# Fails unless CLANGXX refuses what touches a guarded field without its mutex, with the annotations of
# src/locks, and takes what holds it. An annotation that says nothing would be noticed nowhere else.
set -euo pipefail
clang=$1
cd "$2"

compiles() {
  "$clang" -std=c++20 -fsyntax-only -Isrc -Wthread-safety -Werror -x c++ - 2>&1 <<CODE
#include "locks/mutex.h"
class Door {
 public:
  void open() { $1 }

 private:
  void wait() HOLDFAST_REQUIRES(mutex_) { while (!open_) opened_.wait(mutex_); }

  holdfast::Mutex mutex_;
  holdfast::Condition opened_;
  bool open_ HOLDFAST_GUARDED_BY(mutex_) = false;
};
CODE
}

holds='const holdfast::MutexLock lock(mutex_);'
for body in "$holds open_ = true;" "$holds wait();" "{ $holds } mutex_.lock(); open_ = true; mutex_.unlock();"; do
  said=$(compiles "$body") || { echo "$clang refuses: $body"$'\n'"$said"; exit 1; }
done
for body in 'open_ = true;' 'wait();' 'opened_.wait(mutex_);' "{ $holds } open_ = true;" 'mutex_.lock();'; do
  if said=$(compiles "$body"); then
    echo "$clang takes: $body"
    exit 1
  fi
  [[ "$said" == *-Wthread-safety* ]] || { echo "$clang refuses for another reason: $body"$'\n'"$said"; exit 1; }
done
