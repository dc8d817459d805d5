// Who wants to know when workers come and go.
#pragma once

namespace holdfast {

struct Worker;

// Told when workers come and go, after the tree has changed; must not change it.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void sessionOpened(const Worker& worker) = 0;
  virtual void sessionClosed(const Worker& worker) = 0;
  // Its state was dropped; about to be destroyed.
  virtual void workerForgotten(const Worker& worker) = 0;
};

}  // namespace holdfast
