"""Shows one segment by hand: `python3 tests/wire/decode.py FILE.hex --key EPOCH-PRIVATE-HEX [--schema FILE.hex …]`.

Knows canonical bytes (§4 of docs/wire.md) in hex. Prints what it holds in clear: for invented data only.
Without `--key` only the header of a sealed segment is shown; with `--signer` the signature is verified too.
"""

import argparse
import json
import pathlib

from payload import decode_schema, typed
from segment import parse


def read_hex(path):
    return bytes.fromhex("".join(pathlib.Path(path).read_text().split()))


def plain(value):
    """A value that JSON can show: bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "__dict__"):
        return {k: plain(v) for k, v in vars(value).items()}
    return value


def shown(op, schemas):
    """An op with field names and typed values where a schema is given."""
    schema = schemas.get(op.schema)
    fields = schema.fields if schema else {}
    out = plain(op)
    out["groups"] = [{
        "rows": plain(path),
        "changes": [{
            "field": fields[c.field].name if c.field in fields else c.field,
            "value": plain(typed(c, fields)),
            "replaced": plain(c.replaced or []),
        } for c in changes],
    } for path, changes in op.groups]
    return out


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("file")
    arguments.add_argument("--key", help="private half of the epoch, hex")
    arguments.add_argument("--signer", help="author's Ed25519 public key, hex")
    arguments.add_argument("--schema", action="append", default=[], help="file with a schema, hex")
    given = arguments.parse_args()
    segment = parse(read_hex(given.file))
    print(json.dumps({**plain(segment), "hash": segment.hash().hex()}, indent=1))
    if given.signer:
        segment.verify(bytes.fromhex(given.signer))
        print("signature: good")
    if given.key or segment.suite == 0:
        schemas = {s.id: s for s in map(decode_schema, map(read_hex, given.schema))}
        opened = segment.open(bytes.fromhex(given.key) if given.key else None)
        for op in opened.ops:
            print(json.dumps(shown(op, schemas), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
