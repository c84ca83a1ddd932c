"""Files that are there whole or not at all."""

from __future__ import annotations

import gc
import json
import os
import signal
import uuid

import fsspec
import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bitrix24.files.writing import check_path, json_line, whole_file
from airflow_provider_bitrix24.rest.errors import InvalidInputError


def write(path, content, *, before_end=lambda: None):
    with whole_file(check_path(path, "path")) as file:
        file.write(content)
        before_end()


pytestmark = pytest.mark.filterwarnings("ignore:UPath")  # a kind of storage that only this test knows


@pytest.fixture
def narrow():
    """Storage in which an object may be written, and nothing else be done: no folder, no renaming."""

    class Narrow(MemoryFileSystem):
        protocol = f"narrow{uuid.uuid4().hex[:8]}"
        store, pseudo_dirs = {}, [""]

        def _no(self, *_, **__):
            raise PermissionError("AccessDenied")

        mkdir = makedirs = mv = cp_file = rm_file = rm = ls = exists = isdir = _no

        @classmethod
        def _strip_protocol(cls, path):
            return "/" + str(path).removeprefix(f"{cls.protocol}://").lstrip("/")

    fsspec.register_implementation(Narrow.protocol, Narrow, clobber=True)
    attach(Narrow.protocol, fs=Narrow())
    return Narrow


def test_a_file_is_not_seen_before_it_is_whole(tmp_path):
    target = tmp_path / "deep" / "a.bin"
    write(target, b"new", before_end=lambda: [pytest.fail("seen")] if target.exists() else None)
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == ["a.bin"]


@pytest.mark.parametrize("error", [RuntimeError("no more"), KeyboardInterrupt()], ids=["error", "stopped"])
def test_what_breaks_off_leaves_the_file_before(tmp_path, error):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def broken():
        raise error

    with pytest.raises(type(error)):
        write(target, b"new", before_end=broken)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_two_who_write_one_path_do_not_meet(tmp_path):
    target = tmp_path / "a.bin"
    write(target, b"first" * 3, before_end=lambda: write(target, b"second"))
    assert target.read_bytes() == b"first" * 3
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_killed_writer_leaves_the_file_before(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    child = os.fork()
    if not child:
        write(target, b"new", before_end=lambda: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(child, 0)
    assert target.read_bytes() == b"old"


def test_in_object_storage_no_right_but_writing_the_object_is_needed(narrow):
    path = f"{narrow.protocol}://bucket/deep/a.bin"
    write(path, b"new", before_end=lambda: [pytest.fail("seen")] if narrow.store else None)
    assert {name: file.getvalue() for name, file in narrow.store.items()} == {"/bucket/deep/a.bin": b"new"}


def test_in_object_storage_nothing_is_left_of_an_upload_that_breaks_off(narrow, monkeypatch):
    class Upload(AbstractBufferedFile):
        """Keeps what was written when it is closed, and breaks after the first block."""

        def _initiate_upload(self):
            self.parts = []

        def _upload_chunk(self, final=False):
            if self.parts:
                raise OSError("the network is away")
            self.parts.append(self.buffer.getvalue())
            if final:
                narrow.store[self.path] = b"".join(self.parts)

    def open_upload(fs, path, mode, **_):
        return Upload(fs, path, mode, block_size=1 << 16)

    monkeypatch.setattr(narrow, "_open", open_upload)
    with pytest.raises(OSError, match="the network is away"):
        write(f"{narrow.protocol}://bucket/a.bin", b"x" * 500_000)
    gc.collect()
    assert narrow.store == {}


def test_in_object_storage_nothing_is_written_of_what_breaks_off(narrow):
    def broken():
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write(f"{narrow.protocol}://bucket/a.bin", b"new", before_end=broken)
    assert narrow.store == {}


@pytest.mark.parametrize("value", ["", " ", None, 7, b"a", ["a"]], ids=repr)
def test_what_is_not_a_path_is_refused(value):
    with pytest.raises(InvalidInputError, match=r"output_path: .* is not a path"):
        check_path(value, "output_path")


def test_a_relative_path_begins_where_the_worker_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("deep/a.bin", b"new")
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"new"


def test_a_folder_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InvalidInputError, match="is a folder"):
        check_path(tmp_path, "output_path")


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_a_row_is_one_line_to_every_reader(row):
    line = json_line(row)
    assert len(line.decode(errors="surrogatepass").splitlines()) == 1
    assert json.loads(line.decode(errors="surrogatepass")) == row


def test_text_stays_readable():
    assert json_line({"a": "Дом\u2028x"}) == '{"a": "Дом\\u2028x"}\n'.encode()
