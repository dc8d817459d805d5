@0x9a3e7c51d0b84f26;
# A store as lines of JSON (Cap'n Proto's own mapping: 64-bit numbers are strings). Made by
# `holdfast-inspect export`, read by `import`.
#
# export := format owner-section* event* end
# owner-section := owner (instance | worker location* (segment | batch | journal | pin)*)

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");
using Storage = import "storage.capnp";

struct ExportLine {
  union {
    format @0 :Storage.FormatRecord;
    owner @1 :Storage.OwnerRecord;        # what follows is this one's
    instance @2 :Storage.InstanceRecord;
    worker @3 :Storage.WorkerRecord;
    location @4 :Storage.LocationRecord;
    segment :group {
      location @5 :UInt16;
      generation @6 :UInt32;
      fold @7 :UInt32;
      n @8 :UInt32;
      record @9 :Storage.SegmentRecord;
    }
    batch :group {
      location @10 :UInt16;
      generation @11 :UInt32;
      number @12 :UInt32;
      record @13 :Storage.BatchRecord;
    }
    journal :group {
      location @14 :UInt16;
      generation @15 :UInt32;
      stream @16 :UInt32;
      firstSeq @17 :UInt64;
      record @18 :Storage.JournalRecord;
    }
    end :group {                          # the last line: nothing is missing
      lines @19 :UInt64;                  # before this one
      registryDigest @20 :Text;
    }
    event @21 :Storage.EventRecord;
    pin :group {
      location @22 :UInt16;
      chunk @23 :UInt64;
      record @24 :Storage.PinRecord;
    }
  }
}
