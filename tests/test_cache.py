"""What is kept between runs, and that whatever is wrong with it is a miss."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeaudit.cache import Cache, key


def kept(folder: Path, entries: dict[bytes, bytes]) -> Path:
    cache = Cache(str(folder), "test")
    for name, value in entries.items():
        cache.put(name, value)
    cache.save()
    return folder / "test.pack"


def test_entries_come_back_and_others_do_not(tmp_path: Path) -> None:
    entries = {key(str(number)): bytes([number % 256]) * number for number in range(0, 3000, 7)}
    kept(tmp_path, entries)
    cache = Cache(str(tmp_path), "test")
    assert {name: cache.get(name) for name in entries} == entries
    assert cache.get(key("other")) is None
    assert Cache(str(tmp_path), "another").get(key("0")) is None
    assert Cache(None, "test").get(key("0")) is None


def test_a_later_run_adds_and_replaces(tmp_path: Path) -> None:
    kept(tmp_path, {key("a"): b"1", key("b"): b"2"})
    kept(tmp_path, {key("b"): b"3", key("c"): b"4"})
    cache = Cache(str(tmp_path), "test")
    assert [cache.get(key(name)) for name in "abc"] == [b"1", b"3", b"4"]


def test_keys_do_not_run_into_each_other() -> None:
    assert len({key("ab", "c"), key("a", "bc"), key("abc"), key("abc", "")}) == 4


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    kept(folder, {key("a"): b"1"})
    folder.chmod(mode)
    assert Cache(str(folder), "test").get(key("a")) is None


@pytest.mark.property
@given(data=st.data())
def test_any_damage_is_a_miss(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    entries = {key(str(number)): b"value %d " % number * 100 for number in range(5)}
    pack = kept(tmp_path_factory.mktemp("pack"), entries)
    content = bytearray(pack.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    pack.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    cache = Cache(str(pack.parent), "test")
    for name, value in entries.items():
        assert cache.get(name) in (None, value)
