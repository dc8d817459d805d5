// Every table file stays open, so a store of thousands of families needs thousands of descriptors.
#pragma once

namespace holdfast {

// Raises this process's limit of open files as far as it may.
void raiseFileLimit();

}  // namespace holdfast
