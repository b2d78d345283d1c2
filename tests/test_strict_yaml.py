"""YAML that hides nothing: each fault is one sentence with file, line and key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict

from work_data_hub.strict_yaml import MAX_BYTES, MAX_DEPTH, ConfigError, parse, read, validate

FILE = Path("routes.yml")


def _never(_value: str) -> str:
    raise ValueError("is never right")


class Receiver(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    retries: int | list[int] = 0
    url: Annotated[str, AfterValidator(_never)] = ""


class Routes(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    receivers: list[Receiver]
    options: dict[str, Receiver] = {}


def faults(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(parse(text, FILE), Routes)
    return str(caught.value)


def test_a_good_file_becomes_the_model() -> None:
    document = parse("receivers:\n- name: 值班\n  retries: 3\n", FILE)
    assert validate(document, Routes).receivers[0] == Receiver(name="值班", retries=3)


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    text = "receivers:\n- name: a\n  retries: 1\n  name: b\n"
    assert faults(text) == "routes.yml:4: receivers[0].name: stands twice, first in line 2"


@pytest.mark.parametrize(
    "text", ["a: &x 1\nb: *x\n", "a: 1\nb: &x {c: 1}\n", "a: &x [1]\nb: 2\n"], ids=str
)
def test_aliases_and_anchors_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"routes\.yml:[12]: aliases and anchors"):
        parse(text, FILE)


@pytest.mark.parametrize("key", ["<<", "? [a, b]\n", "? {a: b}\n"])
def test_a_key_is_plain_text(key: str) -> None:
    with pytest.raises(ConfigError, match=r"routes\.yml:1: a key must be plain text"):
        parse(f"{key}: {{c: 1}}\n", FILE)


def test_an_unknown_key_is_named_with_its_line() -> None:
    assert faults("receivers:\n- name: a\n  nmae: b\n") == (
        "routes.yml:3: receivers[0].nmae: is not known here"
    )


def test_a_missing_key_is_named_with_the_line_of_what_lacks_it() -> None:
    assert faults("receivers:\n- name: a\n- retries: 1\n") == (
        "routes.yml:3: receivers[1].name: is missing"
    )


def test_all_faults_are_told_at_once_each_in_a_line() -> None:
    told = faults("receivers:\n- nmae: a\nother: 1\n").splitlines()
    assert told == [
        "routes.yml:2: receivers[0].name: is missing",
        "routes.yml:2: receivers[0].nmae: is not known here",
        "routes.yml:3: other: is not known here",
    ]


def test_a_fault_in_a_union_is_told_by_the_key_that_stands_in_the_file() -> None:
    for told in faults("receivers:\n- name: a\n  retries: many\n").splitlines():
        assert told.startswith("routes.yml:3: receivers[0].retries: Input should be a valid")


def test_a_scalar_where_keys_belong_is_told_in_words() -> None:
    assert faults("receivers: []\noptions: 3\n") == (
        "routes.yml:2: options: must be keys and their values"
    )
    assert faults("") == "routes.yml: must be keys and their values"


def test_a_value_never_stands_in_an_error() -> None:
    told = faults("receivers:\n- name: [s3cret]\n  url: https://user:s3cret@host\n")
    assert "receivers[0].url: is never right" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1,\nb: 2\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: 1\nb: !!python/object:os.system x\n", 2),
        ("a: 1\nb: \x00\n", 2),
        ("a: 1\nb: 2024-13-45\n", 2),
        ("a: 1\nb: !!int many\n", 2),
    ],
)
def test_text_that_is_no_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE)
    assert str(caught.value).startswith(f"routes.yml:{line}: ")
    assert "\n" not in str(caught.value)


def test_nesting_has_an_end() -> None:
    parse("[" * MAX_DEPTH + "]" * MAX_DEPTH, FILE)
    with pytest.raises(ConfigError, match=f"deeper than {MAX_DEPTH}"):
        parse("[" * 100_000, FILE)


def test_a_file_that_is_missing_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yml: cannot be read: No such file"):
        read(tmp_path / "absent.yml")


def test_a_folder_in_place_of_a_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "gbk.yml"
    file.write_bytes("名: 值".encode("gbk"))
    with pytest.raises(ConfigError, match=r"gbk\.yml: is not UTF-8 text"):
        read(file)


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "windows.yml"
    file.write_bytes("\ufeffa: 值\r\nb: 2\r\n".encode())
    assert read(file).data == {"a": "值", "b": 2}


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "huge.yml"
    with file.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(ConfigError, match="at most 1048576 are read"):
        read(file)


def test_numbers_as_keys_are_text_and_keep_their_line() -> None:
    document = parse("1: a\n01: b\n", FILE)
    assert document.data == {"1": "a", "01": "b"}
    assert document.line_of(("01",)) == 2
    assert document.line_of(("01", "deeper")) == 2


def test_what_yaml_takes_for_something_else_than_text_is_known_as_it_was_written() -> None:
    document = parse("a: 0123\nb: [17:00, '17:00', yes]\nc: ~\n", FILE)
    assert document.texts == {
        ("a",): "0123",
        ("b", 0): "17:00",
        ("b", 2): "yes",
        ("c",): "~",
    }


def test_a_text_with_half_a_character_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not"):
        parse("a: \ud800\n", FILE)


def test_a_fault_in_what_was_filled_in_is_told_where_it_was_taken_from() -> None:
    document = parse("options: {}\nname: 3\n", FILE)
    with pytest.raises(ConfigError) as caught:
        validate(
            document,
            Routes,
            data={"receivers": [{"name": 3}]},
            written_at={("receivers", 0, "name"): ("name",)},
        )
    assert str(caught.value).startswith("routes.yml:2: name: ")


def test_of_very_many_faults_the_first_are_told_and_the_rest_counted() -> None:
    keys = "".join(f"k{i}: 1\n" for i in range(200))
    told = faults(keys).splitlines()
    assert len(told) == 51
    assert told[-1] == "and 151 more"


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="too large"):
        read(Path("/dev/zero"))


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "{a: " * 250_000, "a: 1\n" * 200_000, "- &x\n" * 150_000], ids=len
)
def test_a_hostile_file_of_the_largest_size_is_refused_at_once(text: str) -> None:
    before = time.process_time()
    with pytest.raises(ConfigError):
        parse(text, FILE)
    assert time.process_time() - before < 1
