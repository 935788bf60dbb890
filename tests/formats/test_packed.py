"""Compressed files are read as they are, in any of four kinds, and what is damaged gives what it still holds."""

import bz2
import gzip
import json
import lzma

import pytest
import zstandard

from simia_tui import formats
from simia_tui.errors import UsageError

PACKERS = {
    "gzip": gzip.compress,
    "bzip2": lambda data: bz2.compress(data, 1),
    "xz": lzma.compress,
    "zstandard": lambda data: zstandard.ZstdCompressor().compress(data),
    # As a stream is written, without the size of the content in its head.
    "zstandard stream": lambda data: b"".join(
        (packer := zstandard.ZstdCompressor().compressobj(), packer.compress(data), packer.flush())[1:]
    ),
}
ROWS = [{"messages": [{"role": "user", "content": f"{n} " * 2000}]} for n in range(60)]
LINES = "\n".join(map(json.dumps, ROWS)).encode()


@pytest.fixture(params=PACKERS)
def packer(request):
    return PACKERS[request.param]


@pytest.mark.parametrize(
    "text",
    [LINES, json.dumps(ROWS).encode(), json.dumps(ROWS, indent=1).encode(), json.dumps(ROWS[0], indent=1).encode()],
)
def test_a_compressed_file_holds_what_it_held_before(tmp_path, packer, text):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(text)
    packed.write_bytes(packer(text))
    assert formats.detect(packed) == formats.detect(plain) == "openai"
    assert list(formats.read(packed)) == list(formats.read(plain))
    assert formats.sliced(packed, "openai") == []


def test_files_that_were_put_one_behind_the_other_are_read_to_the_end(tmp_path, packer):
    path = tmp_path / "packed"
    path.write_bytes(packer(LINES + b"\n") + packer(b"") + packer(LINES))
    assert len(list(formats.read(path))) == 120


def test_a_file_that_ends_too_early_says_so_and_gives_what_it_holds(tmp_path, packer):
    # Text that does not repeat, so that half of the file is half of the rows.
    rows = [{"messages": [{"role": "user", "content": str(pow(7, 900 + n))}]} for n in range(900)]
    whole = packer("\n".join(map(json.dumps, rows)).encode())
    path = tmp_path / "packed"
    path.write_bytes(whole[: len(whole) // 2])
    found = list(formats.read(path, "openai"))
    assert found[-1].reason is not None
    assert all(row.reason is None for row in found[:-1])
    path.write_bytes(whole[:12])
    with pytest.raises(UsageError, match=r"cannot be read|is empty"):
        formats.detect(path)


def test_bytes_after_the_first_ones_may_be_anything(tmp_path, packer):
    path = tmp_path / "packed"
    whole = packer(LINES)
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0x55
        path.write_bytes(spoilt)
        try:
            for row in formats.read(path):
                assert (row.trajectory is None) == (row.reason is not None)
        except UsageError as error:
            assert str(error)
