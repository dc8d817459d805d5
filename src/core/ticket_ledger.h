// The one ledger of writes: what is queued to the store and what of it is committed, whoever queued
// it. Core and the executor write through it, and whoever waits for the store asks it.
#pragma once

#include <utility>

#include "core/check.h"
#include "core/registry_store.h"
#include "core/ticket.h"

namespace holdfast {

class TicketLedger final : public RegistryStore {
 public:
  // `store` outlives it.
  explicit TicketLedger(RegistryStore& store) : store_(store) {}

  // The last write that was queued; 0: none was yet.
  Ticket queued() const { return queued_; }
  // Everything up to it is committed; 0: nothing is yet.
  Ticket committed() const { return committed_; }
  bool isCommitted(Ticket ticket) const { return ticket <= committed_; }
  bool allCommitted() const { return isCommitted(queued_); }
  // The store says so.
  void onCommitted(Ticket upTo) {
    HOLDFAST_CHECK(upTo >= committed_, "committed up to %lu after %lu", upTo, committed_);
    committed_ = upTo;
  }

  OwnerId claim() override { return store_.claim(); }
  bool hasRoom(size_t bytes) const override { return store_.hasRoom(bytes); }
  Ticket append(const ReportRecord& report) override { return queue(store_.append(report)); }
  Ticket append(const BatchRecord& batch) override { return queue(store_.append(batch)); }
  Ticket write(StoreBatch batch) override { return queue(store_.write(std::move(batch))); }
  // What it writes concerns nobody before onFolded, and is not counted.
  void fold(const FoldRequest& request) override { store_.fold(request); }
  StoreHealth health() const override { return store_.health(); }
  void poll(StoreListener& listener) override { store_.poll(listener); }
  void recover(RecoverySink& sink) override { store_.recover(sink); }

 private:
  Ticket queue(Ticket ticket) {
    HOLDFAST_CHECK(ticket > queued_, "ticket %lu after %lu", ticket, queued_);
    return queued_ = ticket;
  }

  RegistryStore& store_;
  Ticket queued_ = 0;
  Ticket committed_ = 0;
};

}  // namespace holdfast
