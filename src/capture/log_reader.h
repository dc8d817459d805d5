// Reads a capture log back, as far as it goes: a torn tail, damage or a missing file end it there,
// and are told. Entries are read where they lie in the files.
#pragma once

#include <capnp/serialize.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "schema/capture.capnp.h"

namespace holdfast {

class LogReader {
 public:
  // `paths`: files of one log in any order, or the folder of a log, or a directory with one log in
  // it. The error says what is wrong, where, and what to do.
  static Result<std::unique_ptr<LogReader>> open(const std::vector<std::string>& paths);
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // Moves to the next entry; those of kind `file` are the reader's own. False at the end.
  bool next();
  // The entry here, until the next move. Its checksum is right, no more: reading what is damaged,
  // or claims far more than the entry has room for, throws kj::Exception.
  schema::CaptureEntry::Reader entry() { return message_->getRoot<schema::CaptureEntry>(); }
  uint64_t entryNumber() const { return entries_; }  // from 1

  // Of the files, up to here and in all.
  uint64_t bytesRead() const { return bytesBefore_ + at_; }
  uint64_t bytesTotal() const { return bytesTotal_; }
  // Where its files and its checkpoint are.
  const std::string& folder() const { return folder_; }
  // Why the log ended where it did, if not in order; complete when next() has returned false.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct File;

  explicit LogReader(std::vector<std::unique_ptr<File>> files);

  // Reads the frame at at_. False: there is none.
  bool readFrame();
  bool enter(size_t file);
  // Whether the entry here is the one that the log's next file begins with. Throws if it is
  // damaged.
  bool follows();
  bool stop(const std::string& why);

  std::vector<std::unique_ptr<File>> files_;
  std::string folder_;
  size_t file_ = 0;
  uint64_t at_ = 0;  // in the file
  uint64_t bytesBefore_ = 0;
  uint64_t bytesTotal_ = 0;
  uint64_t entries_ = 0;
  std::vector<uint8_t> capture_;  // id of the log
  std::optional<capnp::FlatArrayMessageReader> message_;
  std::vector<std::string> problems_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace holdfast
