# SPDX-License-Identifier: GPL-2.0
"""The series as mails: all patches, in order, in one thread, unchanged but for their numbers."""

import email
import socket
import subprocess
from email.utils import parseaddr
from pathlib import Path

import pytest
from test_errors import only_sentence

TOP = Path(__file__).resolve().parents[2]
PATCHES = TOP / "patches/7.3"
SERIES = (PATCHES / "series").read_text().splitlines()
FILES = [PATCHES / line for line in SERIES if line and not line.startswith("#")]
# Which patches a part has, and those that it needs before it
PARTS = {"": (FILES, 0), "a": (FILES[:5], 0), "b": (FILES[5:14], 5), "c": (FILES[14:], 14)}


def parsed(path: Path, directory: Path) -> dict[str, str]:
    """What `git am` takes from a mail."""
    message, patch = directory / "message", directory / "patch"
    with path.open("rb") as mail:
        done = subprocess.run(
            ["git", "mailinfo", message, patch],
            stdin=mail,
            capture_output=True,
            text=True,
            check=True,
        )
    fields = dict(line.split(": ", 1) for line in done.stdout.splitlines() if line)
    return fields | {"message": message.read_text(), "patch": patch.read_text()}


def subject(mail: email.message.Message) -> str:
    """In one line."""
    return " ".join(mail["Subject"].split())


@pytest.fixture
def mails(type_in, tmp_path):
    """Returns a function that writes the mails of a part, and returns their files in order."""

    def write(part: str) -> list[Path]:
        out = tmp_path / "mails"
        run = type_in("make", "series", OUT=out, **({"PART": part} if part else {}))
        assert run.returncode == 0, run.stderr
        return sorted(out.iterdir())

    return write


@pytest.mark.parametrize("part", PARTS)
def test_numbers_and_thread(mails, part):
    """A cover letter, and all patches of the part below it."""
    files = mails(part)
    patches, before = PARTS[part]
    assert [file.name for file in files] == [
        "0000-cover-letter.patch",
        *(f"{n:04d}{patch.name[4:]}" for n, patch in enumerate(patches, 1)),
    ]
    cover, *others = [email.message_from_bytes(file.read_bytes()) for file in files]
    assert subject(cover).startswith(f"[PATCH 0/{len(patches)}] dma/pool: ")
    for number, mail in enumerate(others, 1):
        assert subject(mail).startswith(f"[PATCH {number}/{len(patches)}] ")
        assert mail["In-Reply-To"] == mail["References"] == cover["Message-ID"]
    assert cover["In-Reply-To"] is None
    if not part:
        for name, (its, first) in list(PARTS.items())[1:]:
            numbers = f"Part {name}, patches {first + 1} to {first + len(its)}: "
            assert numbers in cover.get_payload()
    base = cover.get_payload().rstrip().splitlines()[-1]
    assert base.startswith("base: Linux v7.3.")
    assert base.endswith(f", with patches 1 to {before} of the whole series") == bool(before)


def test_message_ids(mails):
    """Each is another one, in the domain of who wrote the patches, and names no machine."""
    found = [email.message_from_bytes(file.read_bytes()) for file in mails("")]
    ids = [mail["Message-ID"] for mail in found]
    domain = parseaddr(found[0]["From"])[1].partition("@")[2]
    assert domain
    assert len(set(ids)) == len(ids)
    for name in ids:
        assert name.startswith("<")
        assert name.endswith(f"@{domain}>")
        assert socket.gethostname() not in name.partition("@")[0]


@pytest.mark.parametrize("part", PARTS)
def test_patches_are_unchanged(mails, part, tmp_path):
    """What git makes of a mail is what it makes of the file in patches/."""
    _, *files = mails(part)
    patches, _ = PARTS[part]
    for file, patch in zip(files, patches, strict=True):
        assert parsed(file, tmp_path) == parsed(patch, tmp_path)


def test_cover_letter(mails, tmp_path):
    """Says what each patch is, and has figures that were accepted."""
    text = email.message_from_bytes(mails("")[0].read_bytes()).get_payload()
    for patch in FILES:
        assert parsed(patch, tmp_path)["Subject"] in text
    assert "\n  alloc 4 KiB, empty pool   " in text


CASES = [
    ({}, "name the directory that the mails go to with OUT="),
    ({"OUT": "/tmp", "PART": "d"}, "there is no part 'd' of the series; there are: a b c"),
    ({"OUT": TOP / "Makefile"}, "Makefile is no directory that can be written"),
    ({"OUT": TOP / "tests"}, "is not empty: name another directory, or remove what is in it"),
]


@pytest.mark.parametrize(("variables", "sentence"), CASES)
def test_series_says_what_is_wrong(type_in, variables, sentence):
    """One sentence, and nothing is written."""
    assert sentence in only_sentence(type_in("make", "series", **variables))
