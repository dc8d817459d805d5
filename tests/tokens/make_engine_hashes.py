#!/usr/bin/env python3
"""Writes engine_hashes.json: hashes of token lists as engines compute and publish them.

A reference implementation that shares nothing with src/tokens: pickle and hash() are this
interpreter's own, SHA-256 is hashlib's, XXH3 and BLAKE3 are those of the packages xxhash and blake3
of PyPI, CBOR an encoder of its own. What is hashed is what vLLM 0.33 and 0.11, SGLang 0.5.23,
LMCache 0.5.6 and ai-dynamo-runtime 1.6.1 hash. The output is the same on every run.

usage: python3 -m venv V && V/bin/pip install xxhash blake3 && V/bin/python make_engine_hashes.py \
           > engine_hashes.json
       V/bin/python make_engine_hashes.py --blake3 > blake3.json    (its official inputs)
"""
import hashlib
import json
import pickle
import struct
import sys

import blake3
import xxhash

# Sizes of the official test vectors; their input is the bytes 0, 1, ..., 250, 0, 1, ...
BLAKE3_SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 2048, 2049,
                3072, 3073, 4096, 4097, 5120, 5121, 6144, 6145, 7168, 7169, 8192, 8193, 16384,
                31744, 102400]
EDGES = [0, 1, 23, 24, 127, 128, 255, 256, 257, 32767, 32768, 65535, 65536, 65537, 131072, 2**31 - 1]
HIGH = [2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1] * 4


class Fixed:
    """Hashes as told: stands for None, whose own hash is an address before CPython 3.12."""

    def __hash__(self):
        return 0xFCA86420


NONE = Fixed()


def cbor(value):
    """Canonical CBOR (RFC 8949, 4.2.1) of None, ints, bytes, str and sequences of these."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        major, argument, rest = (0, value, b"") if value >= 0 else (1, -1 - value, b"")
    elif isinstance(value, bytes):
        major, argument, rest = 2, len(value), value
    elif isinstance(value, str):
        rest = value.encode()
        major, argument = 3, len(rest)
    else:
        major, argument, rest = 4, len(value), b"".join(map(cbor, value))
    if argument < 24:
        head = bytes([major << 5 | argument])
    else:
        size = next(i for i, bits in enumerate((8, 16, 32, 64)) if argument < 1 << bits)
        head = bytes([major << 5 | 24 + size]) + struct.pack(">" + "BHIQ"[size], argument)
    return head + rest


def pickled(value):
    return pickle.dumps(value, protocol=5)


def sha256(data):
    return hashlib.sha256(data).digest()


def xxh3_128(data):
    return xxhash.xxh3_128_digest(data)


def xxh3_64(data, seed):
    return xxhash.xxh3_64_intdigest(data, seed=seed & 2**64 - 1)


F = {"sha256": lambda value: sha256(pickled(value)),
     "sha256_cbor": lambda value: sha256(cbor(value)),
     "xxhash": lambda value: xxh3_128(pickled(value)),
     "xxhash_cbor": lambda value: xxh3_128(cbor(value))}


def first64(digest):
    return int.from_bytes(digest[:8], "big")


def signed(value):
    return value - 2**64 if value >= 2**63 else value


def generate(seed, n, mod):
    tokens, x = [], seed
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
        tokens.append((x >> 33) % mod)
    return tokens


def prompt(seed, n):
    return {"generator": {"kind": "lcg64", "seed": seed, "n": n, "mod": 200000}, "num_tokens": n}


def listed(tokens):
    return {"tokens": tokens, "num_tokens": len(tokens)}


def tokens_of(case):
    if "tokens" in case:
        return case["tokens"]
    generator = case["generator"]
    return generate(generator["seed"], generator["n"], generator["mod"])


def blocks_of(tokens, size):
    return [tokens[at:at + size] for at in range(0, len(tokens) - size + 1, size)]


def copy_of(text):
    """An equal string that is another object, which pickle can tell."""
    return "".join(list(text))


def media_of(mm, start, size):
    """Of a block: those that reach into it, in order."""
    return [one for one in mm if one["offset"] < start + size and start < one["offset"] + one["length"]]


def vllm_keys(extra, index, size, old, same_object):
    start = index * size
    keys = []
    if extra["lora"]:
        keys.append(extra["lora"]["int_id"] if old
                    else ("lora", extra["lora"]["name"], extra["lora"]["path"]))
    for one in media_of(extra["mm"], start, size):
        name = one["identifier"] if same_object else copy_of(one["identifier"])
        keys.append(name if old else ("mm", name, one["offset"] - start))
    if index == 0 and extra["cache_salt"]:
        keys.append(extra["cache_salt"] if old else ("cache_salt", extra["cache_salt"]))
    if extra.get("prompt_embeds"):
        keys.append(("prompt_embeds", bytes.fromhex(extra["prompt_embeds"])))
    return tuple(keys) or None


def vllm(algorithm, size, seed, extra, tokens, old=False, same_object=False):
    seed_string = seed if seed is not None else "vllm-none-hash"
    none_hash = parent = F[algorithm](seed_string)
    hashes, hashed = [], []
    for index, block in enumerate(blocks_of(tokens_of(tokens), size)):
        keys = vllm_keys(extra, index, size, old, same_object)
        parent = F[algorithm]((parent, tuple(block), keys))
        hashes.append(parent)
        hashed.append(keys)

    def plain(keys):
        return keys and [[x.hex() if isinstance(x, bytes) else x for x in key]
                         if isinstance(key, tuple) else key for key in keys]
    case = {"engine": "vllm", "version": "0.11.0" if old else "0.33.0", "algorithm": algorithm,
            "block_size": size, "seed": seed, "none_hash_hex": none_hash.hex(), "extra": extra,
            "hashes_hex": [one.hex() for one in hashes],
            "published_int": [str(int.from_bytes(one[-8:], "big")) for one in hashes],
            "hashed_extra_keys": list(map(plain, hashed))}
    if same_object:
        case["same_object"] = True
    return case | tokens


def parts(*values):
    return b"".join(b"\0" if value is None
                    else b"\1" + struct.pack("<Q", len(value.encode())) + value.encode()
                    for value in values)


def sglang(size, form, extra, tokens):
    salt, key = extra["cache_salt"], extra["extra_key"]
    prior = sha256(b"sglang-cache-salt-v1\0" + salt.encode()) if salt else b""
    hashes, published = [], []
    space = None
    if form == "dynamo" and (key or salt):
        space = sha256(b"sglang-kv-event-namespace-v1" + parts(key, salt))
    elif form == "default" and extra["lora"]:
        space = sha256(b"sglang-kv-event-namespace-v1" + parts(key, None))
    for block in blocks_of(tokens_of(tokens), size):
        if max(block) < 2**32:
            prior = sha256(prior + struct.pack(f"<{size}I", *block))
        else:
            prior = sha256(prior + b"\xff" + struct.pack(f"<{size}Q", *block))
        hashes.append(prior)
        value = signed(first64(prior))
        if space:
            value = signed(first64(sha256(space + struct.pack(">q", value))))
        published.append(str(value))
    return {"engine": "sglang", "version": "0.5.23", "algorithm": "sha256-le32-chain",
            "event_format": form, "block_size": size, "seed": None, "extra": extra,
            "hashes_hex": [one.hex() for one in hashes], "published_int64": published} | tokens


def lmcache(algorithm, size, seed, tokens, with_vllm=True):
    if algorithm == "builtin" or not with_vllm:
        none_hash, step = 0, hash
    else:
        none_hash = first64(F[algorithm](seed if seed is not None else "vllm-none-hash"))
        step = lambda value: first64(F[algorithm](value))
    previous, published = none_hash, []
    for block in blocks_of(tokens_of(tokens), size):
        previous = step((previous, tuple(block), ()))
        published.append(previous)
    return {"engine": "lmcache", "version": "0.5.6", "algorithm": "tokendb:" + algorithm,
            "hash_func": "builtins.hash" if step is hash else "vllm",
            "block_size": size, "seed": seed, "none_hash": str(none_hash),
            "save_unfull_chunk": False,
            "hashes_hex": [f"{one & 2**64 - 1:016x}" for one in published],
            "published": list(map(str, published))} | tokens


def lmcache_mp(algorithm, size, seed, tokens):
    if algorithm == "blake3":
        none_hash = blake3.blake3(struct.pack(">qI", 0, 0)).digest()
        step = lambda before, block: blake3.blake3(
            before + struct.pack(f">{len(block)}I", *block)).digest()
    elif algorithm == "sha256_cbor":
        none_hash = F[algorithm](seed if seed is not None else "vllm-none-hash")
        step = lambda before, block: F["sha256_cbor"]((before, tuple(block), None))
    else:
        none_hash = struct.pack(">q", hash((0, (0,), NONE)))
        step = lambda before, block: struct.pack(
            ">q", hash((struct.unpack(">q", before)[0], tuple(block), NONE)))
    previous, hashes = none_hash, []
    for block in blocks_of(tokens_of(tokens), size):
        previous = step(previous, block)
        hashes.append(previous.hex())
    return {"engine": "lmcache", "version": "0.5.6", "algorithm": "mp:" + algorithm,
            "block_size": size, "seed": seed, "none_hash_hex": none_hash.hex(),
            "hashes_hex": hashes, "published": hashes} | tokens


def dynamo(size, extra, tokens):
    seed = 1337
    seed += xxh3_64(extra["lora"].encode(), 0) if extra["lora"] else 0
    seed += xxh3_64(extra["cache_salt"].encode(), 1) if extra["cache_salt"] else 0
    window = size + 1 if extra["eagle"] else size
    all_tokens, blocks, sequence = tokens_of(tokens), [], []
    for at in range(0, len(all_tokens) - window + 1, size):
        index = at // size
        data = struct.pack(f"<{window}I", *all_tokens[at:at + window])
        media = extra["mm"][index] if index < len(extra["mm"]) else None
        if media:
            numbers = sorted(one["mm_hash"] for one in media["mm_objects"])
            data += struct.pack(f"<{len(numbers)}Q", *numbers)
        blocks.append(xxh3_64(data, seed))
        sequence.append(blocks[-1] if not sequence
                        else xxh3_64(struct.pack("<QQ", sequence[-1], blocks[-1]), 1337))
    return {"engine": "dynamo", "version": "1.6.1", "algorithm": "xxh3-64 seed 1337",
            "block_size": size, "seed": 1337, "extra": extra,
            "hashes_hex": [f"{one:016x}" for one in blocks],
            "block_hashes": list(map(str, blocks)), "sequence_hashes": list(map(str, sequence)),
            "published": list(map(str, sequence))} | tokens


IMAGES = [{"identifier": "5e0f" * 16, "offset": 2, "length": 21},
          {"identifier": "second-image", "offset": 40, "length": 3}]
TWINS = [{"identifier": "twin-image", "offset": 1, "length": 2},
         {"identifier": "twin-image", "offset": 6, "length": 2}]
LORA = {"name": "adapter-one", "path": "/srv/adapters/one", "int_id": 300}


def vllm_cases():
    nothing = {"lora": None, "cache_salt": None, "mm": []}
    for algorithm in F:
        for size in (16, 64):
            for seed in (None, "0", "4294967295"):
                if seed is None and algorithm.startswith("xxhash"):
                    continue  # random for each process
                at = len(algorithm) * 1000 + size * 10 + len(seed or "")
                yield vllm(algorithm, size, seed, nothing, prompt(at, size * 3 + 5))
                yield vllm(algorithm, size, seed, nothing | {"cache_salt": "café"},
                           prompt(at + 1, size * 2))
                yield vllm(algorithm, size, seed, {"lora": LORA, "cache_salt": "s" * 300, "mm": IMAGES},
                           prompt(at + 2, 128))
        seed = "7"
        yield vllm(algorithm, 16, seed, nothing, listed(EDGES))
        yield vllm(algorithm, 16, seed, nothing, listed(HIGH))
        yield vllm(algorithm, 1, seed, nothing, listed([5, 70000]))
        yield vllm(algorithm, 2, seed, nothing, listed([5, 70000, 1, 2]))
        yield vllm(algorithm, 4, seed, nothing, listed([5, 70000, 1, 2]))
        yield vllm(algorithm, 16, seed, nothing | {"mm": TWINS}, prompt(11, 16))
        yield vllm(algorithm, 16, seed, nothing | {"mm": TWINS}, prompt(11, 16), same_object=True)
        yield vllm(algorithm, 16, seed, nothing | {"prompt_embeds": "ab" * 32}, prompt(12, 32))
    for algorithm in ("sha256", "sha256_cbor"):
        for extra in (nothing, {"lora": LORA, "cache_salt": "salt", "mm": IMAGES},
                      nothing | {"lora": LORA | {"int_id": -1}}):
            yield vllm(algorithm, 16, "0", extra, prompt(21, 64), old=True)


def sglang_cases():
    nothing = {"extra_key": None, "cache_salt": None, "lora": None, "mm": []}
    lora = {"lora_id": "0123456789abcdef" * 2, "name": "adapter-one"}
    for size in (1, 16, 64):
        for form in ("default", "dynamo"):
            yield sglang(size, form, nothing, prompt(size, size * 3))
            yield sglang(size, form, nothing | {"cache_salt": "salt"}, prompt(size + 1, size * 2))
            yield sglang(size, form, nothing | {"extra_key": "blue"}, prompt(size + 2, size * 2))
            yield sglang(size, form, {"extra_key": "blue" + lora["lora_id"], "cache_salt": "salt",
                                      "lora": lora, "mm": []}, prompt(size + 3, size * 2))
    yield sglang(16, "default", nothing, listed(EDGES))
    yield sglang(16, "default", nothing, listed(HIGH + EDGES[:-1] + [2**32]))


def lmcache_cases():
    for seed in (None, "0", "42"):
        for algorithm in ("builtin", "sha256", "sha256_cbor"):
            for size in (16, 256):
                yield lmcache(algorithm, size, seed, prompt(size + len(algorithm), size * 3 + 1))
        yield lmcache_mp("sha256_cbor", 16, seed, prompt(31, 48))
    yield lmcache("sha256_cbor", 16, None, prompt(32, 48), with_vllm=False)
    for size in (16, 256, 300):
        yield lmcache_mp("blake3", size, None, prompt(size, size * 3))
        yield lmcache_mp("builtin", size, None, prompt(size, size * 3))


def dynamo_cases():
    nothing = {"lora": None, "cache_salt": None, "mm": [], "eagle": False}
    mm = [None, {"mm_objects": [{"mm_hash": 2**63 + 1, "offsets": [[0, 2]]},
                                {"mm_hash": 7, "offsets": [[3, 4]]}]}]
    for size in (16, 64):
        for change in ({}, {"lora": "adapter-one"}, {"cache_salt": "salt"},
                       {"lora": "adapter-one", "cache_salt": "salt"}, {"mm": mm}, {"eagle": True}):
            yield dynamo(size, nothing | change, prompt(size, size * 3))


def write(cases, made_by):
    out = sys.stdout
    out.write('{"header": {"made_by": "%s"},\n"cases": [\n' % made_by)
    out.write(",\n".join(json.dumps(case) for case in cases))
    out.write("\n]}\n")


def main():
    if sys.argv[1:] == ["--blake3"]:
        pattern = bytes(i % 251 for i in range(max(BLAKE3_SIZES)))
        write([{"size": size, "hash": blake3.blake3(pattern[:size]).hexdigest()}
               for size in BLAKE3_SIZES], "make_engine_hashes.py --blake3")
        return
    assert hash((1, 2, 3)) == 529344067295497451, "not a 64-bit CPython of 3.8 or later"
    cases = [*vllm_cases(), *sglang_cases(), *lmcache_cases(), *dynamo_cases()]
    for number, case in enumerate(cases):
        case["id"] = f"{case['engine']}-{case['algorithm']}-{number}"
    write(cases, "make_engine_hashes.py")


if __name__ == "__main__":
    main()
