"""HPKE (RFC 9180) base mode, the receiving half, for the one suite of docs/wire.md §1.

Knows DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305; one message per context. Cannot seal.
Invariant: agrees with RFC 9180 A.2.1 (`rfc9180-a2-1.json`, checked by `check.py`).
Start at `open_box`.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from primitives import Refused, hmac256, need

KEM = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x0020, 0x0001, 0x0003))


def public_of(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def _extract(suite, salt, label, ikm):
    return hmac256(salt, b"HPKE-v1" + suite + label + ikm)


def _expand(suite, prk, label, info, length):
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), length, labelled).derive(prk)


def decap(secret, enc):
    """The shared secret of RFC 9180 §4.1."""
    try:
        dh = X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(enc))
    except ValueError:
        raise Refused("not a key") from None
    return _expand(KEM, _extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + public_of(secret), 32)


class Context:
    """The key schedule of RFC 9180 §5.1, mode base: no PSK."""

    def __init__(self, secret, enc, info):
        hashes = _extract(SUITE, b"", b"psk_id_hash", b"") + _extract(SUITE, b"", b"info_hash", info)
        schedule = b"\0" + hashes
        prk = _extract(SUITE, decap(secret, enc), b"secret", b"")
        self.key = _expand(SUITE, prk, b"key", schedule, 32)
        self.nonce = _expand(SUITE, prk, b"base_nonce", schedule, 12)
        self.exporter = _expand(SUITE, prk, b"exp", schedule, 32)

    def open(self, aad, ciphertext):
        try:
            return ChaCha20Poly1305(self.key).decrypt(self.nonce, ciphertext, aad)
        except (InvalidTag, ValueError):
            raise Refused("sealed box does not open") from None

    def export(self, context, length):
        return _expand(SUITE, self.exporter, b"sec", context, length)


def open_box(secret, info, aad, sealed):
    """Plaintext and context of a sealed box, `enc (32) ‖ ciphertext`."""
    need(len(sealed) >= 48, "sealed box too short")
    context = Context(secret, sealed[:32], info)
    return context.open(aad, sealed[32:]), context
