#!/usr/bin/env python3
"""Writes engine_events.json: messages of engines' KV events, as fields and as MessagePack.

The encoder is that of make_lmcache_wire.py, which shares nothing with src/gateways/engine_events.
Forms and fields are those of vLLM 0.9 to 0.33, SGLang 0.5 and TensorRT-LLM. The output is the same
on every run.

usage: make_engine_events.py > engine_events.json
       make_engine_events.py --stream FOLDER   (own.jsonl and own.truth.json: a whole stream of a
                                               small cache, and what it holds in the end)
"""
import json
import struct
import sys

import make_lmcache_wire as wire

STORED = ["block_hashes", "parent_block_hash", "token_ids", "block_size", "lora_id", "medium",
          "lora_name", "extra_keys"]
BEHIND = ["group_idx", "kv_cache_spec_kind", "kv_cache_spec_sliding_window"]


class Bytes(bytes):
    """A byte string: in JSON {"bytes_hex": ...}."""


def pack(value):
    if isinstance(value, Bytes):
        return wire.head(len(value), 0, 0, {1: 0xC4, 2: 0xC5, 4: 0xC6}) + value
    if isinstance(value, list):
        return wire.head(len(value), 0x90, 16, {2: 0xDC, 4: 0xDD}) + b"".join(map(pack, value))
    if isinstance(value, dict):
        return wire.head(len(value), 0x80, 16, {2: 0xDE, 4: 0xDF}) + b"".join(
            pack(name) + pack(inner) for name, inner in value.items())
    return wire.pack(value)


def plain(value):
    """As JSON has it."""
    if isinstance(value, Bytes):
        return {"bytes_hex": value.hex()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return value


def in_order(event, infos):
    """The array of an event; infos: with block_mm_infos behind the extra keys."""
    names = STORED + (["block_mm_infos"] if infos else []) + BEHIND
    if event["type"] == "BlockRemoved":
        names = ["block_hashes", "medium", "group_idx"]
    values = [event["type"]] + [event.get(name) for name in names if event["type"] != CLEARED]
    while values[-1] is None and len(values) > (7 if event["type"] == "BlockStored" else 1):
        values.pop()
    return values


CLEARED = "AllBlocksCleared"
HASHES = [0, 7, 2**32, 2**63 + 5, 2**64 - 1, -1, -(2**63)]
DIGEST = Bytes(range(1, 33))
TOKENS = list(range(16)) + [127, 128, 255, 256, 65535, 65536, 128000, 2**32 - 1] * 2


def stored(**fields):
    event = {"type": "BlockStored", "block_hashes": [1, 2], "parent_block_hash": None,
             "token_ids": TOKENS, "block_size": 16, "lora_id": None, "medium": "GPU",
             "lora_name": None}
    event.update(fields)
    return event


def removed(**fields):
    return {"type": "BlockRemoved", "block_hashes": HASHES, **fields}


BATCHES = [
    ("map", [stored()], 0),
    ("map", [stored(block_hashes=HASHES, parent_block_hash=-5, medium=None)], None),
    ("map", [stored(block_hashes=[DIGEST, Bytes(range(16))], parent_block_hash=DIGEST)], 3),
    ("map", [stored(lora_id=-3, lora_name="sql", extra_keys=[["sql", ["a3", 3]], None])], 0),
    ("map", [stored(cache_salt="tenant", session_id="Ω", medium="CPU_PINNED")], 0),
    ("map", [stored(token_ids=[], block_size=0, medium="CPU", group_idx=0)], 0),
    ("map", [stored(token_ids=["a", "b"], medium="DISK")], 0),
    ("map", [stored(group_idx=1, kv_cache_spec_kind="sliding_window",
                    kv_cache_spec_sliding_window=4096, locality="LOCAL", ownership="t",
                    lookahead_token_ids=[[1], []])], 0),
    ("map", [removed(medium="GPU"), removed(), removed(medium=None, group_idx=2)], 0),
    ("map", [{"type": CLEARED}], 255),
    ("map", [{"type": CLEARED, "attention_dp_rank": 1}, stored(), {"type": CLEARED}], 0),
    ("map", [{"type": "BlockMoved", "block_hashes": [9], "to": {"a": [1, {"b": None}]}},
             removed(medium="GPU", later=[[[]]])], 0),
    ("map", [], 0),
    ("array", [stored(medium=None)], 0),
    ("array", [stored()], None),
    ("array", [stored(lora_id=4, lora_name="sql", extra_keys=[["sql"], None], group_idx=3,
                      kv_cache_spec_kind="full_attention")], 0),
    ("infos", [stored(extra_keys=[None, None], group_idx=3, kv_cache_spec_kind="mamba",
                      kv_cache_spec_sliding_window=7)], 0),
    ("array", [removed(), removed(medium="CPU"), removed(medium="CPU", group_idx=1)], 0),
    ("array", [{"type": CLEARED}], 1),
]


def batch(ts, events, rank):
    return (wire.head(3, 0x90, 16, {}) + b"\xcb" + struct.pack(">d", ts) + pack(events) +
            pack(rank))


def write_stream(folder):
    """A cache of 40 blocks and a tier of 60 behind it; the oldest block goes first."""
    state, gpu, cpu, lines = 7, [], [], []
    for i in range(120):
        events = []
        for _ in range(state % 4):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            block = state >> 57
            if block in gpu:
                continue
            gpu.append(block)
            events.append(stored(block_hashes=[block], token_ids=[block]))
            cpu += [block] if block not in cpu else []
            events.append(stored(block_hashes=[block], token_ids=[], block_size=0, medium="CPU"))
            for tier, medium, size in ((gpu, "GPU", 40), (cpu, "CPU", 60)):
                if len(tier) > size:
                    events.append({"type": "BlockRemoved", "block_hashes": [tier.pop(0)],
                                   "medium": medium})
        if i == 70:
            gpu.clear()
            events.append({"type": CLEARED})
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        payload = batch(1.0 + i, events, 0)
        lines.append(json.dumps({"rank": 0, "payload_hex": payload.hex()}))
    with open(f"{folder}/own.jsonl", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    media = {"GPU": [str(one) for one in gpu], "CPU": [str(one) for one in cpu]}
    with open(f"{folder}/own.truth.json", "w", encoding="utf-8") as file:
        json.dump({"hash_encoding": "decimal u64", "ranks": {"0": {"media": media}}}, file)
        file.write("\n")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--stream":
        write_stream(sys.argv[2])
        return
    rows = []
    for i, (form, events, rank) in enumerate(BATCHES):
        inner = events if form == "map" else [in_order(one, form == "infos") for one in events]
        payload = batch(1.5 + i, inner, rank)
        rows.append(json.dumps({"id": f"{form}-{i}", "form": form, "payload_hex": payload.hex(),
                                "batch": {"ts": 1.5 + i, "events": plain(events),
                                          "data_parallel_rank": rank}}, ensure_ascii=False))
    sys.stdout.write('{"payloads": [\n' + ",\n".join(rows) + "\n]}\n")


if __name__ == "__main__":
    main()
