"""All spellings of an address have one key."""

import re
import unicodedata
from typing import Any, Literal
from unicodedata import category, is_normalized, normalize

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain import email as email_rules
from domain.email import Email, beginning_of_email
from domain.errors import InvalidInput

SAME = {
    "case of the mailbox": ("ada@example.org", "ADA@example.org"),
    "case of the domain": ("ada@example.org", "ada@EXAMPLE.Org"),
    "case beyond ASCII": ("ÄDA@example.org", "äda@example.org"),
    "capital sharp s": ("strauß@example.org", "STRAUẞ@example.org"),
    "capital sharp s in the domain": ("ada@straße.de", "ada@STRAẞE.de"),
    "final sigma in the mailbox": ("σοφος@example.org", "ΣΟΦΟΣ@example.org"),
    "mathematical sigma in the domain": ("ada@\u03c3.gr", "ada@\U0001d6d3.gr"),
    "full width": ("ada@example.org", "\uff41\uff44\uff41@\uff45xample.org"),
    "full-width at sign": ("ada@example.org", "ada\uff20example.org"),
    "full-width dot": ("ada@example.org", "ada@example\uff0eorg"),
    "ideographic dot": ("ada@example.org", "ada@example。org"),
    "ligature": ("office@example.org", "oﬃce@example.org"),
    "composed and decomposed": ("jos\u00e9@example.org", "jose\u0301@example.org"),
    "IDNA": ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
    "IDNA in capitals": ("ada@MÜNCHEN.example", "ada@XN--MNCHEN-3YA.example"),
    "IDNA of a sharp s": ("user@faß.de", "user@xn--fa-hia.de"),
    "IDNA of a final sigma": ("user@βόλος.com", "user@xn--nxasmm1c.com"),
    "IDNA of a symbol": ("user@💩.la", "user@xn--ls8h.la"),
    "variation selector in the domain": ("user@\u2764\ufe0f.com", "user@\u2764.com"),
    "dot of the root": ("ada@example.org", "ada@example.org."),
    "space around it": ("ada@example.org", " \tada@example.org\n"),
    "wide space around it": ("ada@example.org", "\u3000ada@example.org\u00a0"),
}

DISTINCT = {
    "tag": ("ada@example.org", "ada+news@example.org"),
    "dots": ("adalovelace@example.org", "ada.lovelace@example.org"),
    "Cyrillic a": ("ada@example.org", "\u0430da@example.org"),
    "Cyrillic a in the domain": ("ada@example.org", "ada@ex\u0430mple.org"),
    "Greek omicron": ("bob@example.org", "b\u03bfb@example.org"),
    "digit and letter": ("al@example.org", "a1@example.org"),
    "accent": ("jose@example.org", "josé@example.org"),
    "umlaut in the domain": ("ada@munchen.example", "ada@münchen.example"),
    "sharp s": ("straße@example.com", "strasse@example.com"),
    "sharp s in the domain": ("ada@straße.de", "ada@strasse.de"),
    "sharp s in a longer domain": ("user@faß2.de", "user@fass2.de"),
    "final sigma in the domain": ("user@βόλος.com", "user@βόλοσ.com"),
    "subdomain": ("ada@example.org", "ada@mail.example.org"),
}

NO_ADDRESS = {
    "nothing": "",
    "space": "   ",
    "no at sign": "ada.example.org",
    "no mailbox": "@example.org",
    "no domain": "ada@",
    "one label": "ada@localhost",
    "two at signs": "ada@home@example.org",
    "hidden second at sign": "ada\uff20home@example.org",
    "space in the mailbox": "ada lovelace@example.org",
    "no-break space in the mailbox": "ada\u00a0lovelace@example.org",
    "space in the domain": "ada@exam ple.org",
    "line break": "ada\n@example.org",
    "header injection": "ada@example.org\r\nBcc: eve@example.org",
    "NUL": "ada\x00@example.org",
    "DEL": "ada\x7f@example.org",
    "C1 control": "ada\x85@example.org",
    "right-to-left override": "ada\u202e@example.org",
    "right-to-left mark": "ada\u200f@example.org",
    "isolate": "ada\u2066@example.org",
    "line separator": "ada\u2028@example.org",
    "lone surrogate": "ada\ud800@example.org",
    "lone surrogate in the domain": "ada@exam\udc00ple.org",
    "quoted mailbox": '"ada"@example.org',
    "list": "ada@example.org,eve@example.org",
    "name beside it": "Ada <ada@example.org>",
    "address literal": "ada@[127.0.0.1]",
    "empty label": "ada@example..org",
    "two dots of the root": "ada@example.org..",
    "leading dot": "ada@.example.org",
    "hyphen first": "ada@-example.org",
    "hyphen last": "ada@example-.org",
    "underscore in the domain": "ada@exa_mple.org",
    "port": "ada@example.org:25",
    "path": "ada@example.org/x",
    "long label": f"ada@{'a' * 64}.org",
    "long label beyond ASCII": f"ada@{'ü' * 59}.org",
    "combining mark first": "ada@\u0301a.org",
    "prefix of an IDNA label before other letters": "ada@xn--ü.org",
    "unassigned character": "ada@\u0378.org",
    "private character in the domain": "ada@\ue000.org",
    "two directions in a label": "ada@a\u05d0.org",
    "Arabic digits of two kinds": "ada@\u06271\u0661.org",
    "Arabic digit after a Latin letter": "ada@a\u0661.org",
    "Arabic digit first": "ada@\u0661\u0627.org",
    "sign last in a right-to-left label": "ada@\u05d0\u20ac.org",
    "Latin letter in an Arabic label": "ada@\u0627a\u0627.org",
    "filler that shows nothing": "ada@a\u3164.org",
}

mailboxes = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def refusal_of(text: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        Email.parse(text)
    [problem] = refused.value.problems
    assert problem.field == "email"
    return problem.message


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_spellings_of_one_mailbox_are_equal(one: str, other: str) -> None:
    assert one != other
    assert Email.parse(one).key == Email.parse(other).key
    assert Email.parse(one) == Email.parse(other)
    assert hash(Email.parse(one)) == hash(Email.parse(other))


@pytest.mark.parametrize(("one", "other"), DISTINCT.values(), ids=DISTINCT)
def test_different_mailboxes_stay_distinct(one: str, other: str) -> None:
    assert Email.parse(one).key != Email.parse(other).key
    assert Email.parse(one) != Email.parse(other)


@pytest.mark.parametrize("text", NO_ADDRESS.values(), ids=NO_ADDRESS)
def test_an_invalid_address_is_refused(text: str) -> None:
    assert refusal_of(text) == "must be an email address"


def test_an_address_is_shown_trimmed_and_with_small_ascii_letters() -> None:
    assert Email.parse(" Ada.Ü@Example.Org ").address == "ada.Ü@example.org"


def test_an_international_domain_is_compared_in_its_ascii_form() -> None:
    assert Email.parse("ada@münchen.example").key == "ada@xn--mnchen-3ya.example"


def test_an_address_has_at_most_255_characters() -> None:
    longest = "a" * (255 - len("@example.org")) + "@example.org"

    assert Email.parse(longest).address == longest
    assert refusal_of("a" + longest) == "must be at most 255 characters long"


def test_an_address_that_grows_beyond_255_characters_is_refused() -> None:
    ligatures = "\ufdfa" * 30 + "@example.org"  # each stands for a phrase of 18 characters

    assert len(ligatures) < 255
    assert refusal_of(ligatures) == "must be an email address"


def test_a_refusal_does_not_repeat_the_address() -> None:
    assert "eve" not in refusal_of("eve at example.org")


@given(mailboxes)
@example("\u0390")  # case folding takes it apart
def test_the_canonical_key_of_a_canonical_key_is_itself(mailbox: str) -> None:
    try:
        email = Email.parse(f"{mailbox}@example.org")
    except InvalidInput:
        return

    assert is_normalized("NFKC", email.key)
    assert Email.parse(email.key).key == email.key
    assert Email.parse(email.address).key == email.key


@given(mailboxes)
def test_case_never_makes_a_second_mailbox(mailbox: str) -> None:
    try:
        email = Email.parse(f"{mailbox}@example.org")
    except InvalidInput:
        return

    assert Email.parse(f"{mailbox.lower()}@EXAMPLE.org") == email


# Refused here: invisible characters, and those that stand for a dot and more.
REFUSED_HERE = re.compile(r"[\u115f\u1160\u17b4\u17b5\u3164\uffa0]")


def ascii_by_library(domain: str) -> str | None:
    """Map a domain as browsers do: by UTS 46, without the rules of registries."""
    try:
        mapped = idna.uts46_remap(domain, std3_rules=True, transitional=False)
        labels = [label for label in mapped.split(".") if idna.check_bidi(label)]
    except idna.IDNAError:
        return None
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}"
        for label in labels
    )


def is_compared(character: str) -> bool:
    """Leave out characters unknown to this Python, and most that are mapped to themselves."""
    normal = normalize("NFKC", character)
    return (
        category(character) not in {"Cc", "Cf", "Cn", "Co", "Cs"}
        and (normal.casefold() != character or ord(character) % 97 == 0 or character == "ς")
        and not {".", "。"} & set(normal)
        and not REFUSED_HERE.match(character)
    )


def test_a_domain_is_converted_as_by_the_library_idna() -> None:
    domains = [f"ab{chr(c)}b.org" for c in range(0x80, 0x20000) if is_compared(chr(c))]

    assert len(domains) > 5000
    assert {each: key_of(each) for each in domains} == {
        each: ascii_by_library(each) for each in domains
    }


def key_of(domain: str) -> str | None:
    try:
        return Email.parse(f"a@{domain}").key.removeprefix("a@")
    except InvalidInput:
        return None


class Steps:
    """Notes how long the texts are that are normalised or encoded."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.lengths = list[int]()
        patch.setattr(email_rules, "unicodedata", self)
        patch.setattr(email_rules, "_punycode", self.punycode)

    def normalize(self, form: Literal["NFC", "NFKC"], text: str) -> str:
        self.lengths.append(len(text))
        return normalize(form, text)

    def punycode(self, label: str) -> str:
        self.lengths.append(len(label))
        return label.encode("punycode").decode()

    def __getattr__(self, name: str) -> Any:
        return getattr(unicodedata, name)


LONG_INSIDE = {
    "a phrase a letter": ("a@" + "ﷺ" * 253, 0),
    "a phrase a letter in the mailbox": ("ﷺ" * 240 + "@a.org", 0),
    "a fraction a letter": ("a@" + "⅐" * 253, 0),
    "three letters a letter when folded": ("a@" + "ΐ" * 253, 255),
    "one label": ("a@" + "".join(map(chr, range(0x4E00, 0x4E00 + 250))), 2 * 255 + 250),
    "labels of one letter": ("a@" + "ü." * 126, 3 * 255),
    "the longest labels": ("a@" + ".".join(["ü" * 58] * 4), 3 * 255 + 4 * 58),
}


@pytest.mark.parametrize(("text", "most"), LONG_INSIDE.values(), ids=LONG_INSIDE)
def test_a_canonical_address_is_never_longer_than_an_address(
    text: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(text) <= 255
    steps = Steps(monkeypatch)

    key_of(text.partition("@")[2]) if text.startswith("a@") else refusal_of(text)

    assert sum(steps.lengths) <= most


@pytest.mark.parametrize(
    ("typed", "beginning"),
    [
        (" Ada", "ada"),
        ("ADA@Exa", "ada@exa"),
        ("\uff41da@ex", "ada@ex"),
        ("Ada@M\u00dcnchen.example", "ada@xn--mnchen-3ya.example"),
        ("", ""),
    ],
)
def test_the_beginning_of_an_address_becomes_the_beginning_of_its_key(
    typed: str, beginning: str
) -> None:
    assert beginning_of_email(typed) == beginning


@pytest.mark.parametrize(
    "label", ["\u05d0\u05d1", "\u0645\u062b", "\u06451", "\u0645\u0661", "\u05d0-1\u05d1"]
)
def test_a_right_to_left_label_may_have_arabic_letters_and_digits(label: str) -> None:
    assert Email.parse(f"ada@{label}.example").key.startswith("ada@xn--")


@pytest.mark.parametrize("domain", ["\u05d0\u05b0.example", "\u05d0\u05b0\u05b0.example"])
def test_a_right_to_left_label_may_end_with_marks(domain: str) -> None:
    assert Email.parse(f"ada@{domain}").key.startswith("ada@xn--")
