// Whose turn it is among the orders to workers: one at a time of each worker, and so many of all.
#pragma once

#include <kj/async.h>

#include <cstddef>
#include <list>
#include <map>
#include <string>

namespace holdfast::lmcache {

// One thread. Outlives its places.
class OrderTurns {
  struct Line;

 public:
  struct Limits {
    size_t perWorker;      // waiting and under way
    size_t underWay;       // of all workers
    size_t bytesUnderWay;  // the same; one order may go beyond
  };
  explicit OrderTurns(const Limits& limits) : limits_(limits) {}

  // One order's, until it is destroyed.
  class Place {
   public:
    // There is room: isFull() said so.
    Place(OrderTurns& turns, const std::string& worker);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Resolves when it may begin. Once.
    kj::Promise<void> turn() { return kj::mv(turn_); }
    // What it has to send, once it has begun: nobody else begins before that is known.
    void weighs(size_t bytes);

   private:
    friend OrderTurns;

    OrderTurns& turns_;
    std::map<std::string, Line>::iterator line_;
    std::list<Place*>::iterator inLine_;
    kj::Own<kj::PromiseFulfiller<void>> begin_;
    kj::Promise<void> turn_ = nullptr;
    bool begun_ = false;
    size_t bytes_ = 0;
  };

  bool isFull(const std::string& worker) const;

 private:
  // Of a worker; the first is under way, or the next one of it.
  struct Line {
    std::list<Place*> places;
  };

  // Begins the next one, if it may.
  void go();

  const Limits limits_;
  std::map<std::string, Line> lines_;  // none is empty
  std::list<Place*> next_;             // first of their lines, not begun; in the order they came
  const Place* weighing_ = nullptr;    // has begun and not said what it has to send
  size_t underWay_ = 0;
  size_t bytesUnderWay_ = 0;
};

}  // namespace holdfast::lmcache
