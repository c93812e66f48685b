"""Email addresses."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Self

from domain.errors import InvalidInput, Problem
from domain.text import JOINERS, is_clean, is_short_normalized

EMAIL_LENGTH = 255

_DOMAIN_LENGTH = 253
_LABEL_LENGTH = 63
_LABEL = rf"(?!-)[a-z0-9-]{{1,{_LABEL_LENGTH}}}(?<!-)"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_SIGMA, _FINAL_SIGMA = "\u03c3", "\u03c2"
_FOLDED = {"ß": "ß", "ẞ": "ß", _FINAL_SIGMA: _FINAL_SIGMA}
"""What differs from Unicode's case folding: these letters make different domains in IDNA 2008."""
_SIGMAS = dict.fromkeys(map(ord, "ϲ𝛓𝜍𝝇𝞁𝞻"), _SIGMA)
"""Symbols that NFKC, other than UTS 46, makes a final sigma."""
# Status "ignored" and "disallowed" in UTS 46, as far as other checks do not refuse them.
_IGNORED = re.compile("[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DISALLOWED = re.compile("[\u115f\u1160\u17b4\u17b5\u2ff0-\u2fff\ufffc\ufffd]")


@dataclass(frozen=True, slots=True)
class Email:
    """An email address, as mail is sent to it and as it is compared.

    :ivar address: without surrounding space, ASCII letters in lower case.
    :ivar key: the one canonical form of all spellings of this address: width and case folded
        (NFKC and case folding), the domain in its ASCII form (UTS 46, non-transitional) without
        the root's dot. Different mailboxes stay distinct: a ``+tag`` is kept, ``ß`` is not
        ``ss``, nor are look-alike letters of different scripts one. Compare and index this,
        never the address.
    """

    address: str = field(compare=False)
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        :raises InvalidInput: the text is not an address, or longer than 255 characters.
        """
        if len(text) > EMAIL_LENGTH:
            raise InvalidInput(Problem("email", f"must be at most {EMAIL_LENGTH} characters long"))
        trimmed = text.strip()
        key = _canonical(trimmed)
        if key is None or len(key) > EMAIL_LENGTH:
            raise InvalidInput(Problem("email", "must be an email address"))
        return cls("".join(c.lower() if c.isascii() else c for c in trimmed), key)


def _canonical(address: str) -> str | None:
    folded = _folded(address)
    if folded is None:
        return None
    local, at, domain = folded.rpartition("@")
    domain = _ascii_domain(domain)
    is_address = at and local and domain and not set(local + domain) & set(' \t\n"(),:;<>@[\\]')
    is_clear = is_clean(folded) and not JOINERS & set(folded)
    return f"{_without_final_sigma(local)}@{domain}" if is_address and is_clear else None


def _folded(text: str) -> str | None:
    """Fold width and case, but keep ``ß`` and the final sigma; ``None`` if it becomes too long.

    One character can stand for eighteen. So the length is bounded before each step whose time
    grows faster than the length.
    """
    if text.isascii():
        return text.lower()
    if not is_short_normalized(text, EMAIL_LENGTH):
        return None
    normal = unicodedata.normalize("NFKC", text.translate(_SIGMAS))
    folded = "".join(_FOLDED.get(c) or c.casefold() for c in normal)
    if len(folded) > EMAIL_LENGTH:
        return None
    return unicodedata.normalize("NFKC", folded)


def _without_final_sigma(local: str) -> str:
    """A mailbox is also written in capitals, and those have one sigma."""
    return local.replace(_FINAL_SIGMA, _SIGMA)


def beginning_of_email(text: str) -> str:
    """Return the prefix of the canonical keys of all addresses that begin with this text.

    In an incomplete domain it finds only ASCII: the IDNA form needs the whole domain.
    """
    short = text[:EMAIL_LENGTH].strip()
    return _canonical(short) or _without_final_sigma(_folded(short) or short)


def _ascii_domain(folded: str) -> str:
    """Convert a folded domain to ASCII (UTS 46, non-transitional, as browsers do).

    :returns: an empty text if it is no host name of two or more labels.
    """
    domain = folded.replace("。", ".").removesuffix(".")
    if not domain.isascii():
        domain = unicodedata.normalize("NFC", _IGNORED.sub("", domain))
        labels = domain.split(".")
        longest = _DOMAIN_LENGTH - len("xn--") * sum(not label.isascii() for label in labels)
        if len(domain) > longest or not all(map(_is_label, labels)):
            return ""
        domain = ".".join(map(_ascii_label, labels))
    return domain if _HOST_NAME.fullmatch(domain) else ""


def _ascii_label(label: str) -> str:
    return label if label.isascii() else "xn--" + _punycode(label)


def _punycode(label: str) -> str:
    return label.encode("punycode").decode("ascii")


def _is_label(label: str) -> bool:
    """Return whether a label, ASCII or not, is valid (UTS 46, section 4.1)."""
    if label.isascii():
        return True  # the form of a host name is checked at the end
    return (
        len(label) < _LABEL_LENGTH - len("xn--")
        and not unicodedata.category(label[0]).startswith("M")
        and not {"Cn", "Co", "Zs"} & set(map(unicodedata.category, label))
        and not _DISALLOWED.search(label)
        and not label.startswith("xn--")
        and _has_one_direction(label)
    )


def _has_one_direction(label: str) -> bool:
    """Return whether a label fulfils the Bidi rule (RFC 5893, section 2)."""
    classes = [unicodedata.bidirectional(character) for character in label]
    if not {"R", "AL", "AN"} & set(classes):
        return True
    while classes[-1] == "NSM":
        classes.pop()
    return (
        classes[0] in {"R", "AL"}
        and classes[-1] in {"R", "AL", "EN", "AN"}
        and set(classes) <= {"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"}
        and not {"EN", "AN"} <= set(classes)
    )
