"""Archives: what we write we read, whatever it holds; and memory is looked at before it is taken."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import senescape as sn
from senescape import reading, writing
from senescape._support.archive import DamagedError, characters, read_json, regular, unpack
from senescape._support.atomic import pack, try_to_write, write_whole
from senescape._support.memory import available

ARRAYS = {
    "numbers": {"a": np.arange(5.0), "b": np.array([[1, -2], [3, 4]], dtype=np.int64)},
    "by column": {"a": np.asfortranarray(np.arange(6.0).reshape(2, 3))},
    "texts": {"header": np.array('{"x": "\u00e4"}'), "empty": np.array(""), "many": np.array(["a", "bcd"])},
    "nothing": {"a": np.zeros((0, 3)), "b": np.zeros((2, 0, 4), dtype=np.uint8), "c": np.array(3.0)},
    "truths": {"a": np.array([True, False]), "b": np.zeros(3, dtype=np.float32)},
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_packed_is_unpacked(name):
    arrays = ARRAYS[name]
    content = pack(arrays)
    again = unpack(io.BytesIO(content))
    assert list(again) == list(arrays)
    with np.load(io.BytesIO(content)) as numpy:
        for each, array in arrays.items():
            for read in (again[each], numpy[each]):
                assert (read.dtype, read.shape) == (array.dtype, array.shape)
                assert np.array_equal(read, array)


def test_what_packs_too_well_is_still_read():
    # What is all zeros packs a thousandfold, which would be taken for a bomb.
    arrays = {
        "zeros": np.zeros(12_000_000),
        "few": np.zeros(200_000),
        "header": np.array("[" + "1," * 3_000_000 + "1]"),
    }
    content = pack(arrays)
    again = unpack(io.BytesIO(content))
    assert all(np.array_equal(again[name], array) for name, array in arrays.items())
    assert len(content) < 30_000_000
    bomb = io.BytesIO()
    np.savez_compressed(bomb, a=np.zeros(12_000_000))
    with pytest.raises(DamagedError, match="claims to unpack"):
        unpack(bomb)


def limits(monkeypatch, **values):
    for module in (reading, writing):
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


def plain(content):
    """Parts that are stored as they are."""
    parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    assert {each.compress_type for each in parts} <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    return [each.filename for each in parts if each.compress_type == zipfile.ZIP_STORED]


def test_as_little_is_stored_as_will_do(monkeypatch):
    sizes = {"large": 98_001, "some": 1000, "few": 999}
    arrays = {name: np.zeros(n, dtype=np.uint8) for name, n in sizes.items()}
    limits(monkeypatch, UNSUSPECTED=100_000, RATIO=100)
    assert plain(pack(arrays)) == []
    limits(monkeypatch, UNSUSPECTED=99_999)
    # A hundredth of it all is "some": more than that need not be stored.
    assert plain(pack(arrays)) == ["some.npy"]
    assert list(unpack(io.BytesIO(pack(arrays)))) == list(sizes)
    # Half of it packs too well, the other half not at all: a hundredth of it is left in any case.
    noise = np.frombuffer(os.urandom(98_001), dtype=np.uint8)
    assert plain(pack({**arrays, "noise": noise})) == []


@pytest.mark.parametrize("width", [1, 4])
def test_a_header_like_a_bomb_is_stored(monkeypatch, width):
    text = "1," * 20_000
    header = np.array(text) if width == 4 else np.frombuffer(text.encode(), dtype=np.uint8)
    assert characters(header) == len(text)
    arrays = {"header": header, "a": np.arange(3)}
    for unsuspected, ratio, stored in (
        (40_000, 20, []),
        (39_999, 20, ["header.npy"]),
        (10, 1000, []),
    ):
        limits(monkeypatch, TEXT_UNSUSPECTED=unsuspected, TEXT_RATIO=ratio)
        content = pack(arrays)
        assert plain(content) == stored
        assert np.array_equal(unpack(io.BytesIO(content))["header"], header)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    limits(monkeypatch, TEXT_UNSUSPECTED=39_999, TEXT_RATIO=20)
    with pytest.raises(DamagedError, match="its header claims to unpack to 40,000 characters"):
        unpack(packed)
    # Another part may be as long as it likes.
    arrays["other"] = arrays.pop("header")
    assert plain(pack(arrays)) == []
    assert unpack(io.BytesIO(pack(arrays)))["other"].shape == header.shape


def test_an_archive_may_be_so_large(monkeypatch):
    content = pack({"a": np.zeros(10_000, dtype=np.uint8)})
    size = sum(each.file_size for each in zipfile.ZipFile(io.BytesIO(content)).infolist())
    limits(monkeypatch, RATIO=1, UNSUSPECTED=size)
    assert list(unpack(io.BytesIO(content))) == ["a"]
    for values in ({"UNSUSPECTED": size - 1}, {"UNSUSPECTED": 0, "RATIO": size // len(content)}):
        limits(monkeypatch, **values)
        with pytest.raises(DamagedError, match=f"claims to unpack from {len(content):,} to {size:,} bytes"):
            unpack(io.BytesIO(content))
    limits(monkeypatch, RATIO=size // len(content) + 1)
    assert list(unpack(io.BytesIO(content))) == ["a"]
    monkeypatch.setattr(reading, "available", lambda: size)
    assert list(unpack(io.BytesIO(content))) == ["a"]
    monkeypatch.setattr(reading, "available", lambda: size - 1)
    with pytest.raises(DamagedError, match="claims to unpack"):
        unpack(io.BytesIO(content))


def test_an_archive_may_have_so_many_parts(monkeypatch):
    content = pack({f"a{i}": np.zeros(1) for i in range(4)})
    monkeypatch.setattr(reading, "MEMBERS", 4)
    assert len(unpack(io.BytesIO(content))) == 4
    monkeypatch.setattr(reading, "MEMBERS", 3)
    with pytest.raises(DamagedError, match="it has 4 parts"):
        unpack(io.BytesIO(content))


def array_of(shape="(2,)", descr="<f8", body=bytes(16), magic=b"\x93NUMPY\x01\x00", order="False"):
    """One part, whose header says what it is told to."""
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return magic + len(header).to_bytes(2, "little") + header + body


def archive_of(*parts, how=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return packed


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([("a", array_of())], "its part 'a' is no array"),
        ([("a.txt", array_of())], "its part 'a.txt' is no array"),
        ([("npy", array_of())], "its part 'npy' is no array"),
        ([("a.npy", array_of()), ("a.npy", array_of())], "its part 'a.npy' is no array, or is there twice"),
        ([("n" * 100, array_of())], f"its part '{'n' * 80}' is no array"),
        ([(f"{'n' * 100}.npy", array_of(magic=b"\x93NUMPY\x03\x00"))], f"its part '{'n' * 80}' has version"),
        ([("a.npy", array_of(descr="|O"))], "its part 'a' holds object, neither"),
        ([("a.npy", array_of(descr="<c16", shape="(1,)"))], "holds complex128"),
        ([("a.npy", array_of(descr="|S8"))], r"holds \|S8"),
        ([("a.npy", array_of(descr="|V0"))], r"holds \|V0"),
        ([("a.npy", array_of(shape="(-2,)"))], r"its part 'a' has shape \(-2,\)$"),
        ([("a.npy", array_of(shape="(-1, -2)"))], r"its part 'a' has shape \(-1, -2\)$"),
        ([("a.npy", array_of(shape="(3,)"))], r"has shape \(3,\) of float64, but 16 bytes"),
        ([("a.npy", array_of(shape="(1,)"))], r"has shape \(1,\) of float64, but 16 bytes"),
        ([("a.npy", array_of(descr="<U0", shape="(1000000,)", body=b""))], "has shape .* but 0 bytes"),
        ([("a.npy", b"PK" + array_of())], "no NumPy archive, or is damaged"),
        ([("a.npy", array_of(shape="(2,"))], r"a part of it is damaged \(TokenError"),
    ],
)
def test_what_is_no_array_of_numbers_or_texts_is_refused(parts, says):
    with pytest.raises(DamagedError, match=says):
        unpack(archive_of(*parts))


def test_parts_are_read_as_they_say():
    parts = {"a": array_of(), "b": array_of("(1, 2)", order="True"), "c.d": array_of("(0,)", "<U1", b"")}
    read = unpack(archive_of(*((f"{name}.npy", content) for name, content in parts.items())))
    assert [(name, each.shape) for name, each in read.items()] == [("a", (2,)), ("b", (1, 2)), ("c.d", (0,))]
    wide = array_of(magic=b"\x93NUMPY\x02\x00")
    wide = wide[:10] + b"\0\0" + wide[10:]
    assert unpack(archive_of(("a.npy", wide), how=zipfile.ZIP_STORED))["a"].tolist() == [0.0, 0.0]
    for how in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(DamagedError, match="its part 'a' is packed in another way"):
            unpack(archive_of(("a.npy", array_of()), how=how))


def test_every_byte_of_a_part_is_read():
    # Longer than what is read at once, stored so that a flipped bit is seen by the checksum alone.
    array = np.frombuffer(os.urandom((1 << 24) + 5), dtype=np.uint8)
    packed = archive_of(("a.npy", array_of(f"({len(array)},)", "|u1", array.tobytes())), how=zipfile.ZIP_STORED)
    assert np.array_equal(unpack(packed)["a"], array)
    content = bytearray(packed.getvalue())
    content[content.index(array[-5:].tobytes())] ^= 1
    with pytest.raises(DamagedError, match="Bad CRC"):
        unpack(io.BytesIO(bytes(content)))


def test_only_files_are_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    with regular(tmp_path / "file") as file:
        assert file.read() == b"abc"
    assert file.closed
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else None
    for path in (tmp_path, tmp_path / "pipe", os.devnull):
        with pytest.raises(DamagedError, match="it is a folder, a device or a pipe"), regular(path):
            pass
    assert before is None or len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(DamagedError, match="its path is not valid"), regular("a\0b"):
        pass
    with pytest.raises(FileNotFoundError), regular(tmp_path / "none"):
        pass


def test_json_is_read_or_refused():
    assert read_json(b'{"a": [1]}') == {"a": [1]}
    with pytest.raises(DamagedError, match="its text is no JSON: Expecting"):
        read_json("[1, ")
    with pytest.raises(DamagedError, match="its text is too deep"):
        read_json("[" * 1_000_000)


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    path, done = tmp_path / "file", []
    sync, replace = os.fsync, Path.replace

    def synced(number):
        seen = os.fstat(number)
        done.append("folder" if os.path.samestat(seen, os.stat(tmp_path)) else f"{seen.st_size} bytes")
        sync(number)

    def moved(part, target):
        done.append("moved")
        return replace(part, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", moved)
    for content in (b"abc", b"de"):
        write_whole(path, [content[:1], content[1:]])
        assert path.read_bytes() == content
        assert done == [f"{len(content)} bytes", "moved", "folder"]
        assert list(tmp_path.iterdir()) == [path]
        done.clear()


def test_objects_are_not_packed():
    with pytest.raises(ValueError, match="allow_pickle=False"):
        pack({"a": np.array([{}])})


def test_why_a_file_cannot_be_written_is_told(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "file", [b"a"])


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    def parts():
        yield b"new"
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_bytes(b"old")
    try_to_write(path)
    assert path.read_bytes() == b"old"
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, parts())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    try_to_write(tmp_path / "other")
    assert list(tmp_path.iterdir()) == [path]
    for write in (try_to_write, lambda place: write_whole(place, [b""])):
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "no" / "file")


def test_a_part_that_is_damaged_is_told():
    content = bytearray(pack({"a": np.random.default_rng(1).random(1000)}))
    content[500] ^= 1
    with pytest.raises(DamagedError):
        unpack(io.BytesIO(bytes(content)))


def test_a_result_that_would_not_fit_is_refused_before_it_runs():
    model = sn.Model(fates=["a"], transitions=[sn.Death("a", 0.1, "x")])
    with pytest.raises(sn.ModelError, match=r"2,147,483,647 replicates at 101 times would take .* GiB"):
        sn.simulate(model, initial={"a": 10}, until=10.0, seed=1, replicates=2**31 - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells")
def test_memory_that_is_left_is_known():
    assert 2**26 < available() < 2**50
    # A limit of the process counts, and a run that would pass it ends in good order, though it named none itself.
    code = """
import json, resource, senescape as sn
from senescape._support.memory import available
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
model = sn.Model(
    fates=["a"],
    traits=[sn.Trait(f"x{i}", sn.LogNormal(1.0, 0.3)) for i in range(4)],
    transitions=[sn.Division("a", lambda cell, env, p: 0.2 * cell.x0 / (0.5 + cell.x1) + 0.0 * (cell.x2 + cell.x3))],
)
left = available()
try:
    sn.simulate(model, initial={"a": CELLS}, until=1e4, every=1e3, seed=1, max_cells=2**32 - 1, sync=1.0, threads=1)
except sn.MemoryLimitError as error:
    print(json.dumps({"left": left, "text": str(error)}))
"""
    for cells in (1000, 100_000_000):
        given = [sys.executable, "-c", code.replace("CELLS", str(cells))]
        done = subprocess.run(given, capture_output=True, text=True, check=False, timeout=120)
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        assert "max_memory" in said["text"]
        assert said["left"] < 2**30
