// The stream that a group's log is: found or made, and checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "replication/nats/doubt.h"
#include "replication/nats/handles.h"
#include "replication/nats/nats_options.h"

namespace holdfast::replication::nats {

// Of an answer that would end this controller, for NatsOptions::doubt.
inline constexpr uint32_t kDoubtTimes = 4;

// A stream's records have one subject, which ends with a number that was drawn when the stream was
// made: that is its identity. What is published to the subject of a stream that was deleted goes
// nowhere, so nobody takes an acknowledgement of its successor for one of its own.
struct Stream {
  std::string name;
  std::string subject;
  std::string identity;  // 32 hexadecimal digits
  uint64_t first = 0;    // sequences, as of now; 0: it is empty
  uint64_t last = 0;
  std::string warning;  // it is made like one that could lose what was confirmed; what to do
};

// What is wrong with the options, as a sentence.
std::optional<std::string> invalid(const NatsOptions& options);

// Connects. Tries every server once; the error says what each is to be asked for.
Result<Connection> connect(const NatsOptions& options, natsOptions* prepared);
// Options of a connection, without callbacks.
Result<Options> prepare(const NatsOptions& options);

// Why records cannot be sent by this connection, and what to do.
std::optional<Error> tooSmall(natsConnection* connection, const NatsOptions& options);

// Finds the stream and checks it; makes it where there is none, unless the own store is of one that
// was. Waits for some seconds until it is there, and has what the store has. kNotFound: it is not;
// kRefused: it is made like one that could lose what was confirmed. One that is too short is
// returned as it is.
Result<Stream> openStream(jsCtx* js, const NatsOptions& options);
// The same stream again, as one answer has it. kNotFound: it was deleted, or is another one now;
// kUnavailable: nobody knows.
Result<Stream> lookAgain(jsCtx* js, const Stream& stream, const NatsOptions& options);

}  // namespace holdfast::replication::nats
