#!/usr/bin/env python3
"""Writes lmcache_wire.json: messages of LMCache's wire, as fields and as MessagePack.

An encoder of its own, which shares nothing with src/gateways/lmcache. The output is the same on
every run.

usage: make_lmcache_wire.py > lmcache_wire.json
"""
import json
import struct
import sys


def pack(value):
    """The shortest MessagePack of None, bools, ints, floats, texts, lists and maps."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, str):
        raw = value.encode()
        return head(len(raw), 0xA0, 32, {1: 0xD9, 2: 0xDA, 4: 0xDB}) + raw
    if isinstance(value, list):
        return head(len(value), 0x90, 16, {2: 0xDC, 4: 0xDD}) + b"".join(map(pack, value))
    return head(len(value), 0x80, 16, {2: 0xDE, 4: 0xDF}) + b"".join(
        pack(name) + pack(inner) for name, inner in value.items())


def pack_int(value):
    if 0 <= value < 128 or -32 <= value < 0:
        return struct.pack(">B" if value >= 0 else ">b", value)
    kinds = [(0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q")] if value >= 0 else [
        (0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q")]
    for tag, form in kinds:
        try:
            return bytes([tag]) + struct.pack(form, value)
        except struct.error:
            continue
    raise ValueError(value)


def head(size, short, shorts, longer):
    if size < shorts:
        return bytes([short | size])
    width = next(width for width in longer if size < 1 << 8 * width)
    return bytes([longer[width]]) + size.to_bytes(width, "big")


WHO = {"instance_id": "a", "worker_id": 3}
ADDRESS = {**WHO, "ip": "10.0.0.7", "port": 21950}
SYNC = {**WHO, "location": "LocalCPUBackend", "sync_id": "a_3_12ab34cd"}
KEYS = [0, 5, 2**63 + 5, 2**64 - 1, -1, -(2**63)]

MESSAGES = [
    {"type": "RegisterMsg", **ADDRESS, "peer_init_url": None},
    {"type": "RegisterMsg", **ADDRESS, "peer_init_url": "10.0.0.7:7000"},
    {"type": "DeRegisterMsg", **ADDRESS},
    {"type": "HeartbeatMsg", **ADDRESS, "peer_init_url": None},
    {"type": "KVAdmitMsg", **WHO, "key": 2**63 + 5, "location": "LocalCPUBackend", "seq_num": 4},
    {"type": "KVEvictMsg", **WHO, "key": -7, "location": "LocalCPUBackend", "seq_num": 300},
    {"type": "BatchedKVOperationMsg", **WHO, "location": "LocalCPUBackend", "operations": [
        {"op_type": "evict" if i % 2 else "admit", "key": key, "seq_num": 40 * i}
        for i, key in enumerate(KEYS)]},
    {"type": "BatchedKVOperationMsg", **WHO, "location": "LocalDiskBackend", "operations": []},
    {"type": "BatchedP2PLookupMsg", "hashes": KEYS, **WHO},
    {"type": "FullSyncStartMsg", **SYNC, "total_keys": 4001, "batch_count": 3},
    {"type": "FullSyncBatchMsg", **SYNC, "batch_id": 2, "keys": KEYS},
    {"type": "FullSyncEndMsg", **SYNC, "actual_total_keys": 70000},
    {"type": "FullSyncStatusMsg", **WHO, "sync_id": "a_3_12ab34cd"},
    {"type": "MoveWorkerRetMsg", "num_tokens": 512},
    {"type": "HealthWorkerRetMsg", "error_code": -1001},
    {"type": "CheckFinishWorkerRetMsg", "status": "done"},
    {"type": "ErrorMsg", "error": "no \"engine\" is here"},
    # What the controller says.
    {"type": "RegisterRetMsg", "extra_config": {}},
    {"type": "RegisterRetMsg", "extra_config": {"heartbeat_url": "127.0.0.1:8082"}},
    {"type": "HeartbeatRetMsg", "commands": []},
    {"type": "HeartbeatRetMsg", "commands": [
        {"command_type": "full_sync", "reason": "a gap", "args": None}]},
    {"type": "BatchedP2PLookupRetMsg", "layout_info": [["", "", 0, ""]]},
    {"type": "BatchedP2PLookupRetMsg",
     "layout_info": [["b", "LocalCPUBackend", 300, "10.0.0.8:7000"]]},
    {"type": "FullSyncStartRetMsg", "sync_id": "s", "accepted": True, "error_msg": None},
    {"type": "FullSyncStartRetMsg", "sync_id": "s", "accepted": False, "error_msg": "busy"},
    {"type": "FullSyncStatusRetMsg", "sync_id": "s", "is_complete": False, "global_progress": 0.25,
     "can_exit_freeze": False, "missing_batches": [1, 2, 70000]},
    {"type": "FullSyncStatusRetMsg", "sync_id": "s", "is_complete": True, "global_progress": 1.0,
     "can_exit_freeze": True, "missing_batches": []},
    {"type": "ClearWorkerMsg", "worker_event_id": "e", "location": "LocalCPUBackend"},
    {"type": "PinWorkerMsg", "worker_event_id": "e", "location": "LocalCPUBackend",
     "tokens": [0, 1, 200, 70000]},
    {"type": "CompressWorkerMsg", "worker_event_id": "e", "method": "cachegen",
     "location": "LocalCPUBackend", "tokens": None},
    {"type": "DecompressWorkerMsg", "worker_event_id": "e", "method": "cachegen",
     "location": "LocalCPUBackend", "tokens": [7]},
    {"type": "MoveWorkerMsg", "worker_event_id": "e", "old_position": "LocalCPUBackend",
     "new_position": ["10.0.0.8:7000", "LocalDiskBackend"], "tokens": [1, 2], "copy": True},
    {"type": "HealthWorkerMsg", "worker_event_id": "e"},
    {"type": "CheckFinishWorkerMsg", "worker_event_id": "e"},
]


def main():
    rows = [json.dumps({"type": message["type"], "json": message,
                        "msgpack_hex": pack(message).hex()}) for message in MESSAGES]
    sys.stdout.write('{"messages": [\n' + ",\n".join(rows) + "\n]}\n")


if __name__ == "__main__":
    main()
