#!/usr/bin/env python3
"""Writes vectors.json: expected chunk hashes of token lists, for every hash algorithm.

A reference implementation that shares nothing with src/tokens: `builtin` and `builtin_none` use
this interpreter's own hash(), the others a CBOR encoder for the three types needed and hashlib.
Needs a 64-bit CPython of 3.8 or later. The output is the same on every run.

usage: make_vectors.py > vectors.json
"""
import hashlib
import json
import random
import struct
import sys

BOUNDARIES = [0, 1, 23, 24, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1]
SIGNED = [0, 1, -1, -2, 23, 2**61 - 2, 2**61 - 1, 2**61, -(2**61 - 1), -(2**61), -(2**62) - 3,
          -1949397667151401585, 2**63 - 1, -(2**63)]
UNSIGNED = [0, 1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63, 2**64 - 1,
            10726517370490850216]
NONE_HASHES = {"builtin_none": SIGNED, "sha256_cbor_64bit": UNSIGNED, "builtin": SIGNED,
               "sha256_cbor": UNSIGNED}


class Fixed:
    """Hashes as told: stands for None, whose own hash is an address before CPython 3.12."""

    def __hash__(self):
        return 0xFCA86420


NONE = Fixed()


def cbor(value):
    """Canonical CBOR (RFC 8949, 4.2.1) of None, non-negative ints and lists of these."""
    if value is None:
        return b"\xf6"
    major, argument = (4, len(value)) if isinstance(value, list) else (0, value)
    if argument < 24:
        head = bytes([major << 5 | argument])
    else:
        size = next(i for i, bits in enumerate((8, 16, 32, 64)) if argument < 1 << bits)
        head = bytes([major << 5 | 24 + size]) + struct.pack(">" + "BHIQ"[size], argument)
    return head + (b"".join(map(cbor, value)) if major == 4 else b"")


def chunk_hash(algorithm, previous, tokens):
    if algorithm == "builtin":
        return hash((previous, tuple(tokens), ()))
    if algorithm == "builtin_none":
        return hash((previous, tuple(tokens), NONE))
    older = algorithm == "sha256_cbor_64bit"
    digest = hashlib.sha256(cbor([previous, tokens, None if older else []])).digest()
    return int.from_bytes(digest[-8:] if older else digest[:8], "big")


def chunks_of(algorithm, chunk_size, none_hash, save_unfull_chunk, tokens):
    chunks, previous = [], none_hash
    for start in range(0, len(tokens), chunk_size):
        part = tokens[start:start + chunk_size]
        if len(part) < chunk_size and not save_unfull_chunk:
            break
        previous = chunk_hash(algorithm, previous, part)
        chunks.append({"start": start, "end": start + len(part), "hash": str(previous)})
    return chunks


def random_tokens(rng, count):
    return [rng.choice(BOUNDARIES) if rng.random() < 0.5 else rng.randrange(2**rng.randrange(1, 32))
            for _ in range(count)]


def main():
    assert hash((1, 2, 3)) == 529344067295497451, "not a 64-bit CPython of 3.8 or later"
    rng = random.Random(20240229)
    cases = []

    def add(algorithm, chunk_size, none_hash, unfull, tokens):
        cases.append({
            "algorithm": algorithm, "chunk_size": chunk_size, "none_hash": str(none_hash),
            "save_unfull_chunk": unfull, "tokens": tokens,
            "chunks": chunks_of(algorithm, chunk_size, none_hash, unfull, tokens)})

    for algorithm, none_hashes in NONE_HASHES.items():
        for unfull in (False, True):
            # Each boundary alone: a wrong width or sign shows by name.
            for token in BOUNDARIES:
                add(algorithm, 1, 0, unfull, [token])
            for chunk_size in (1, 2, 16, 256):
                lengths = {0, chunk_size - 1, chunk_size, chunk_size + 1, 3 * chunk_size,
                           3 * chunk_size + (chunk_size + 1) // 2}
                for length in sorted(lengths):
                    add(algorithm, chunk_size, rng.choice(none_hashes), unfull,
                        random_tokens(rng, length))
            # CBOR lengths have boundaries as well: 23, 24, 255, 256, 257 tokens in one chunk.
            for chunk_size in (23, 24, 255, 257):
                add(algorithm, chunk_size, 0, unfull, random_tokens(rng, chunk_size))
        for none_hash in none_hashes:
            add(algorithm, 2, none_hash, True, random_tokens(rng, 5))

    out = sys.stdout
    out.write('{"comment": "made by make_vectors.py; hash: decimal, signed for CPython\'s hashes and '
              'unsigned for SHA-256",\n"cases": [\n')
    out.write(",\n".join(json.dumps(case) for case in cases))
    out.write("\n]}\n")


if __name__ == "__main__":
    main()
