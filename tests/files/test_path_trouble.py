"""What a user is told where no file can be written."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import traceback
import uuid

import fsspec
import pytest
from airflow.sdk.io import attach
from cases import cases
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_bitrix24.files.writing import check_path, whole_file
from airflow_provider_bitrix24.operators.rest import Bitrix24ListOperator
from airflow_provider_bitrix24.rest.errors import InvalidInputError
from airflow_provider_bitrix24.transfers.bitrix24_to_file import Bitrix24ToFileOperator
from airflow_provider_bitrix24.transfers.file_to_bitrix24 import FileToBitrix24Operator

SECRET_PATH = "s3://key:s3cret@lake/deals.jsonl"


def write(path, field="path", content=b"new"):
    with whole_file(check_path(path, field), field) as file:
        file.write(content)


@pytest.fixture
def another_user():
    """Somebody who may not write everywhere, as root may."""
    if os.geteuid() == 0:
        os.seteuid(65_534)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.fixture
def closed(tmp_path):
    """A folder that nobody but an administrator may look into."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    yield folder
    folder.chmod(0o700)


@pytest.mark.usefixtures("another_user")
@pytest.mark.parametrize("field", ["path", "output_path"])
def test_a_folder_without_rights_is_told_with_the_argument(field):
    with pytest.raises(InvalidInputError, match=rf"^{field}: '/a\.csv' cannot be written: Perm") as caught:
        write("/a.csv", field)
    assert "Let the worker's user write" in caught.value.remedy


@pytest.mark.usefixtures("closed", "another_user")
def test_a_folder_that_may_not_be_looked_into_is_told(closed):
    with pytest.raises(InvalidInputError, match=r"^path: .*closed/a\.csv' cannot be written: Perm"):
        write(closed / "a.csv")


@pytest.mark.parametrize("secret", ["s3cret", "s3cret/with/slashes"])
def test_a_path_with_a_secret_in_it_is_refused_and_not_shown(secret, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(
        InvalidInputError, match=r"^output_path: .* before the '@'\. Name an Airflow conn"
    ) as caught:
        check_path(f"s3://key:{secret}@lake/a.csv", "output_path")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value)) + caplog.text


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (Bitrix24ListOperator, {"method": "crm.deal.list", "output_path": SECRET_PATH}),
        (Bitrix24ToFileOperator, {"dataset": "deal", "path": SECRET_PATH}),
        (FileToBitrix24Operator, {"entity_type": "deal", "operation": "update", "path": SECRET_PATH}),
    ],
)
def test_a_path_with_a_secret_in_it_is_refused_where_the_dag_file_is_parsed(cls, arguments):
    with pytest.raises(InvalidInputError, match=r"path: a key and its secret") as caught:
        cls(task_id="t", **arguments)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["file/a.csv", "file/deep/a.csv"])
def test_a_file_where_a_folder_has_to_be_is_told(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError, match=r"^path: .* cannot be written: ") as caught:
        write(tmp_path / name)
    assert caught.value.remedy.startswith("A file is where a folder has to be.")


def test_a_name_too_long_is_told(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot be written: File name too long") as caught:
        write(tmp_path / ("a" * 300))
    assert caught.value.remedy == "Give a shorter path."


def test_a_folder_that_takes_the_place_of_the_file_is_told(tmp_path):
    target = tmp_path / "a.csv"
    with (
        pytest.raises(InvalidInputError, match="cannot be written: Is a directory"),
        whole_file(check_path(target, "path")),
    ):
        target.mkdir()
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.fixture
def no_room():
    """No file may be longer than 4096 bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("no_room")
@pytest.mark.parametrize("length", [5000, 500_000])
def test_a_disk_without_room_is_told_and_another_try_may_help(tmp_path, length):
    with pytest.raises(OSError, match=r"path: .*a\.csv' cannot be written: .*Free space there") as caught:
        write(tmp_path / "a.csv", content=b"x" * length)
    assert not isinstance(caught.value, InvalidInputError)
    assert caught.value.errno == errno.EFBIG
    assert os.listdir(tmp_path) == []


def test_an_error_of_another_file_stays_as_it_is(tmp_path):
    with pytest.raises(NotADirectoryError), whole_file(check_path(tmp_path / "a.csv", "path")):
        open("/dev/null/b")  # noqa: SIM115


@cases(
    ("path", "needed"),
    [
        ("s3://conn@lake/a.csv", "Install apache-airflow-providers-amazon[s3fs]."),
        ("gs://lake/a.csv", "Install apache-airflow-providers-google."),
        ("abfs://lake/a.csv", "Install apache-airflow-providers-microsoft-azure."),
        ("nowhere://lake/a.csv", "Install the Airflow provider of 'nowhere' storage."),
    ],
)
def test_storage_that_airflow_cannot_reach_is_told_with_what_to_install(path, needed):
    with pytest.raises(InvalidInputError, match=r"^output_path: .* cannot be written: ") as caught:
        check_path(path, "output_path")
    assert caught.value.remedy.startswith(needed)


def test_a_path_without_a_bucket_is_told_without_an_installation():
    with pytest.raises(InvalidInputError, match=r"^path: .* cannot be written: ") as caught:
        check_path("file://[a/b.csv", "path")
    assert caught.value.remedy == "Check the path, and the Airflow connection in it."


@pytest.fixture
def refusing(request):
    """Storage that refuses every object."""

    class Refusing(MemoryFileSystem):
        protocol = f"refusing{uuid.uuid4().hex[:8]}"

        def _open(self, *_, **__):
            raise request.param

    fsspec.register_implementation(Refusing.protocol, Refusing, clobber=True)
    attach(Refusing.protocol, fs=Refusing())
    return Refusing.protocol


@pytest.mark.filterwarnings("ignore:UPath")
@pytest.mark.parametrize(
    ("refusing", "remedy"),
    [
        (PermissionError("Access Denied"), "Let the Airflow connection"),
        (FileNotFoundError("The bucket is gone"), "Check the bucket"),
    ],
    indirect=["refusing"],
    ids=["rights", "bucket"],
)
def test_an_object_that_is_refused_for_good_is_told(refusing, remedy):
    with pytest.raises(InvalidInputError, match=r"^path: .*lake/a\.csv' cannot be written: ") as caught:
        write(f"{refusing}://lake/a.csv")
    assert caught.value.remedy.startswith(remedy)
