"""Identity numbers and pseudonyms: the official test numbers, every written form, and nothing that leaks.

OFFICIAL, OFFICIAL_INVALID and INTERIM are the official test numbers as the open personnummer project's
test data list them (https://github.com/personnummer/meta), in all four written forms.
"""

import base64
import hashlib
import hmac
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import PSEUDONYM, PseudonymKey, hides_identity_number, new_key, normal_form, read_key, write_key

# long, short, short with separator, long with separator
OFFICIAL = [
    ("195704289999", "5704289999", "570428-9999", "19570428-9999"),
    ("194608239986", "4608239986", "460823-9986", "19460823-9986"),
    ("200004059937", "0004059937", "000405-9937", "20000405-9937"),
]
OFFICIAL_INVALID = ("201509160006", "1509160006", "150916-0006", "20150916-0006")
INTERIM = [
    ("20000101S220", "000101S220", "000101-S220", "20000101-S220"),
    ("20000101J220", "000101J220", "000101-J220", "20000101-J220"),
    ("20000101N220", "000101N220", "000101-N220", "20000101-N220"),
]
# Born 1970-10-03, 60 added to the day; its check digit by hand: 5+0+2+0+3+3+4+3+9 = 29, so 1.
COORDINATION = [("197010632391", "7010632391", "701063-2391", "19701063-2391")]
EVERY_FORM = [(forms[0], written) for forms in (*OFFICIAL, *INTERIM, *COORDINATION) for written in forms]
SECRET = bytes(range(32))
KEY = PseudonymKey("k1", SECRET)


@pytest.mark.parametrize(("long", "written"), EVERY_FORM)
def test_every_written_form_is_one_number_and_one_pseudonym(long: str, written: str) -> None:
    assert normal_form(written) == long
    assert normal_form(f" {written.lower()} ") == long
    assert KEY.pseudonym(written) == KEY.pseudonym(long)


@pytest.mark.parametrize(
    "number",
    [
        *OFFICIAL_INVALID,
        "195704289998",  # check digit
        "195702309997",  # 30 February
        "570428",
        "",
        "570428-999",
        "19570428-99999",
        "99570428-9999",  # no such century
        "00570428-9999",
        "１９５７０４２８９９９９",  # noqa: RUF001 - digits of full width, which look the same
        "20000101A220",  # no interim letter
        "195704289999\n0",
        "570428--9999",
    ],
)
def test_what_is_no_valid_number_is_refused_and_never_repeated(number: str) -> None:
    for call in (normal_form, KEY.pseudonym):
        with pytest.raises(ValueError, match=r"not a valid|no identity") as caught:
            call(number)
        if number:
            assert number not in str(caught.value)
        assert not [cause for cause in (caught.value.__cause__,) if cause]
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def luhn(nine: str) -> str:
    """The check digit, by the law's own description: multiply by 2 and 1 in turn, add the digits, fill up to ten."""
    digits = "".join(str(int(digit) * (2 - place % 2)) for place, digit in enumerate(nine))
    return str(-sum(int(digit) for digit in digits) % 10)


def test_the_plus_tells_those_who_turned_100() -> None:
    year = datetime.now(UTC).year - 101
    nine = f"{year % 100:02}0615123"
    number = f"{nine[:6]}+{nine[6:]}{luhn(nine)}"
    assert normal_form(number) == f"{year}0615123{luhn(nine)}"
    assert normal_form(number.replace("+", "-")) == f"{year + 100}0615123{luhn(nine)}"


def test_a_birth_after_today_is_refused_for_only_the_century_can_tell() -> None:
    soon = datetime.now(UTC).date() + timedelta(days=3)
    nine = f"{soon:%y%m%d}123"
    if soon.year != datetime.now(UTC).year:  # in a year's last days a short number cannot name a day soon to come
        assert normal_form(f"{nine}{luhn(nine)}") == f"{soon.year - 100}{nine[2:]}{luhn(nine)}"
        return
    with pytest.raises(ValueError, match="with its century"):
        normal_form(f"{nine}{luhn(nine)}")
    assert normal_form(f"19{nine}{luhn(nine)}") == f"19{nine}{luhn(nine)}"


def test_the_pseudonym_is_the_hmac_that_the_docstring_states() -> None:
    """Known answer: HMAC (RFC 2104) written out with two SHA-256, first 16 bytes in base32."""
    inner = bytes(byte ^ 0x36 for byte in SECRET.ljust(64, b"\0"))
    outer = bytes(byte ^ 0x5C for byte in SECRET.ljust(64, b"\0"))
    message = b"personal_identity_number:195704289999"
    digest = hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).digest()
    assert digest == hmac.digest(SECRET, message, "sha256")
    expected = "k1-" + base64.b32encode(digest[:16]).decode().lower()[:26]
    assert KEY.pseudonym("570428-9999") == expected
    assert PSEUDONYM.fullmatch(expected)


def test_key_and_kind_keep_pseudonyms_apart() -> None:
    other = PseudonymKey("k2", bytes(32))
    pseudonyms = {
        KEY.pseudonym("195704289999"),
        KEY.pseudonym("195704289999", "opaque"),
        KEY.pseudonym("5704289999", "opaque"),
        other.pseudonym("195704289999"),
    }
    assert len(pseudonyms) == 4
    assert other.pseudonym("195704289999").startswith("k2-")
    assert other.pseudonym("195704289999")[3:] != KEY.pseudonym("195704289999")[3:]


def test_an_empty_identity_has_no_pseudonym() -> None:
    with pytest.raises(ValueError, match="no identity"):
        KEY.pseudonym("  ", "opaque")


def test_a_key_never_shows_its_secret() -> None:
    shown = f"{KEY!r} {KEY!s} {[KEY]}"
    assert SECRET.hex() not in shown
    assert repr(SECRET) not in shown
    assert "k1" in shown


def test_a_key_file_is_its_owners_alone_and_reads_back(tmp_path: Path) -> None:
    path, key = tmp_path / "keys" / "hip.key", new_key("k7")
    write_key(key, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == key
    assert new_key("k7") != key
    with pytest.raises(FileExistsError):
        write_key(new_key(), path)
    assert read_key(path) == key


def test_a_key_that_is_not_there_or_is_none_is_named_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "hip.key"
    with pytest.raises(ValueError, match=r"no pseudonym key at .*hip\.key: make one"):
        read_key(path)
    secret = SECRET.hex()
    for content in (f"k1:{secret[:-2]}", f"K1:{secret}", secret, f"k1:{secret}\nk2:{secret}", f"k1:{secret}å"):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r"hip\.key is not a pseudonym key") as caught:
            read_key(path)
        assert secret[:20] not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_key_that_cannot_be_opened_is_not_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Is a directory"):
        read_key(tmp_path)


@pytest.mark.parametrize(("key_id", "secret"), [("K1", SECRET), ("", SECRET), ("k-1", SECRET), ("k1", SECRET[:-1])])
def test_a_key_that_could_not_be_kept_is_refused(key_id: str, secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 secret bytes"):
        PseudonymKey(key_id, secret)


@pytest.mark.parametrize("written", [written for _, written in EVERY_FORM])
@pytest.mark.parametrize(
    "around", ["{}", "pnr {} enligt remiss", "reg/{}/2", "SE{}x", "({}).", "{},{}", "före\n{}\nefter", "1 {} 2"]
)
def test_a_hidden_number_is_found_in_every_written_form(written: str, around: str) -> None:
    assert hides_identity_number(around.format(written, written))


@pytest.mark.parametrize(
    "hidden",
    [
        "570428 9999",
        "19570428 9999",
        "570428+9999",
        "570428\u20139999",
        "570428\u22129999",
        "570428\u00a09999",
        "000101-s220",
    ],
)
def test_a_hidden_number_is_found_with_other_separators(hidden: str) -> None:
    assert hides_identity_number(f"patient {hidden} remitterad")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "570428-9998",  # its check digit is wrong
        "575428-9999",  # no month 54
        "07032069804988",  # a GTIN-14
        "0195704289999",  # thirteen digits, though a number stands in them
        "1957042899990",
        "9520001000010",
        "lot 032915210526",
        "070-123 45 67",
        "+46 8 123 456 78",
        "2021-03-04 15:30",
        "L123456",
        "NFB49",
        "6608150",
        "k1-" + "a" * 26,
        "hip-0001234",
    ],
)
def test_ordinary_numbers_are_not_taken_for_identities(text: str) -> None:
    assert not hides_identity_number(text)


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from([written for _, written in EVERY_FORM]))
def test_no_text_around_hides_a_number_but_digits_that_lengthen_it(before: str, after: str, written: str) -> None:
    found = hides_identity_number(f"{before}|{written}|{after}")
    assert found


@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    assert hides_identity_number(text) in (True, False)
