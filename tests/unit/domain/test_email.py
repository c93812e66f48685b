"""One mailbox, one key, however it is written."""

from unicodedata import is_normalized

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.email import Email
from domain.errors import InvalidInput

SAME = {
    "case of the mailbox": ("ada@example.org", "ADA@example.org"),
    "case of the domain": ("ada@example.org", "ada@EXAMPLE.Org"),
    "case beyond ASCII": ("ÄDA@example.org", "äda@example.org"),
    "sharp s": ("strauß@example.org", "STRAUSS@example.org"),
    "final sigma": ("σοφος@example.org", "ΣΟΦΟΣ@example.org"),
    "full width": ("ada@example.org", "\uff41\uff44\uff41@\uff45xample.org"),
    "full-width at sign": ("ada@example.org", "ada\uff20example.org"),
    "full-width dot": ("ada@example.org", "ada@example\uff0eorg"),
    "ideographic dot": ("ada@example.org", "ada@example。org"),
    "ligature": ("office@example.org", "oﬃce@example.org"),
    "composed and decomposed": ("jos\u00e9@example.org", "jose\u0301@example.org"),
    "IDNA": ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
    "IDNA in capitals": ("ada@MÜNCHEN.example", "ada@XN--MNCHEN-3YA.example"),
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

    assert Email.parse(f"{mailbox.casefold()}@EXAMPLE.org") == email
