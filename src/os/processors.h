// One processor for the loop alone. Where there are few, the scheduler lets the loop wait for other
// threads of the process in steps of its tick, which is 4 ms on many systems, however low their
// priority is: a look-up of microseconds is among what waits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast {

// Keeps the calling thread, and every thread that is started from then on, off `processor`. Before
// any other thread is there, once. What is wrong, if it cannot be: the process may not run there,
// or nowhere else.
std::optional<std::string> reserveForLoop(uint32_t processor);

// The calling thread is the loop's and runs on that processor only. Without one nothing happens.
void runAsLoop();

// The calling thread keeps off it: for whatever the loop starts, which begins where the loop is.
void runBesideLoop();

}  // namespace holdfast
