"""The public keys of passkeys: COSE keys (RFC 9053) of the accepted algorithms."""

from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import CoseKey

from domain.second_factors.passkey import Algorithm

_RSA_BYTES = range(256, 513)
"""2048 to 4096 bits: shorter keys are weak, and longer ones cost time."""
_RSA_EXPONENT = b"\1\0\1"


def check(key: CoseKey) -> None:
    """Refuse a key of another algorithm or form than the accepted ones.

    :raises ValueError: it is one, such as a point that is not on the curve.
    """
    algorithm = Algorithm(key[3])
    if algorithm is Algorithm.RS256:
        modulus, exponent = key[-1].lstrip(b"\0"), key[-2].lstrip(b"\0")
        is_good = key[1] == 3 and len(modulus) in _RSA_BYTES and exponent == _RSA_EXPONENT
    elif algorithm is Algorithm.EDDSA:
        is_good = (key[1], key[-1], len(key[-2])) == (1, 6, 32)
    else:
        is_good = (key[1], key[-1], len(key[-2]), len(key[-3])) == (2, 1, 32, 32)
    if not is_good:
        raise ValueError("not an accepted key")
    try:
        key.verify(b"", b"")  # the library reads the key only now
    except InvalidSignature:
        return


def encoded(key: CoseKey) -> bytes:
    return cbor.encode(key)


def decoded(key: bytes) -> CoseKey:
    """
    :param key: from :func:`encoded`.
    """
    members, _ = cbor.decode_from(key)
    return CoseKey.parse(members)
