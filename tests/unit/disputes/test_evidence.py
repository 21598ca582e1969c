"""Evidence: what gets in, what is left of it, and where it lies."""

from __future__ import annotations

import contextlib
import hashlib
import io
import stat
import struct
import threading
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from PIL import Image, PngImagePlugin

from recourse.core.errors import Conflict, InvalidInput, NotFound
from recourse.disputes import evidence, files, images
from recourse.disputes.files import FolderStore
from tests.unit.disputes.cases import Court
from tests.unit.world import BUYER, OTHER

GPS = b"Exif\x00\x00"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def photo(kind: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **save) -> bytes:
    picture = Image.linear_gradient("L").resize(size).convert(mode)
    out = io.BytesIO()
    picture.save(out, kind, **save)
    return out.getvalue()


def located(orientation: int = 1) -> bytes:
    """A photo that says where it was taken, with what, and which way up."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return photo(exif=exif, comment=b"my flat")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> bytes:
    """A tiny PNG that says it is huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


# --- what gets in


@pytest.mark.parametrize(
    ("data", "mime", "extension"),
    [
        (photo("JPEG"), "image/jpeg", "jpg"),
        (photo("JPEG", mode="L"), "image/jpeg", "jpg"),
        (photo("JPEG", mode="CMYK"), "image/jpeg", "jpg"),
        (photo("PNG"), "image/png", "png"),
        (photo("PNG", mode="P"), "image/png", "png"),
        (photo("PNG", mode="1"), "image/png", "png"),
        (photo("WEBP"), "image/webp", "webp"),
    ],
)
def test_photos_get_in_whatever_their_colours(data, mime, extension):
    found = images.clean(data, mime)
    assert (found.mime, found.extension) == (mime, extension)
    assert opened(found.data).size == (60, 40)


def test_the_content_says_what_a_file_is_not_its_name():
    assert images.clean(photo("PNG"), "image/jpeg").mime == "image/png"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_stays(kind):
    clear = io.BytesIO()
    Image.new("RGBA", (20, 20), (255, 0, 0, 90)).save(clear, kind)
    assert opened(images.clean(clear.getvalue(), "image/png").data).mode == "RGBA"


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"", "image/jpeg"),
        (b"MZ\x90\x00" + b"\0" * 500, "image/jpeg"),  # a program that calls itself photo.jpg
        (EICAR, "image/jpeg"),
        (SVG, "image/png"),
        (SVG, "image/svg+xml"),
        (photo("GIF"), "image/jpeg"),
        (photo("GIF"), "image/gif"),
        (photo("BMP"), "image/png"),
        (photo("TIFF"), "image/jpeg"),
        (photo("JPEG")[:-200], "image/jpeg"),  # cut off
        (photo("PNG")[:-30], "image/png"),
        (photo("WEBP")[:-30], "image/webp"),
        (photo("JPEG")[:4], "image/jpeg"),
        (b"%PDF-1.7\n" + photo("JPEG"), "image/jpeg"),
        (photo("JPEG"), "application/pdf"),
        (photo("JPEG"), ""),
        (animated("PNG"), "image/png"),
        (animated("WEBP"), "image/webp"),
        (bomb(60_000, 60_000), "image/png"),
        (bomb(20_000, 4_000), "image/png"),
        (bomb(7_000, 7_000), "image/png"),  # within the limit, but its pixels are not there
        (b"\xff\xd8\xff\xe0" + b"\0" * images.MAX_BYTES, "image/jpeg"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_everything_else_is_refused_with_a_sentence_that_says_what_is_accepted(data, mime):
    with pytest.raises(InvalidInput, match="JPEG, PNG or WebP, at most 10 MB"):
        images.clean(data, mime)


def test_noise_in_every_byte_is_refused_and_never_crashes():
    good = photo("PNG")
    for position in range(8, len(good), 7):
        broken = good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :]
        with contextlib.suppress(InvalidInput):
            images.clean(broken, "image/png")


def test_a_photo_of_the_largest_size_gets_in():
    padded = photo("JPEG") + b"\0" * (images.MAX_BYTES - len(photo("JPEG")))
    assert len(padded) == images.MAX_BYTES
    assert images.clean(padded, "image/jpeg").mime == "image/jpeg"
    with pytest.raises(InvalidInput, match="too large"):
        images.clean(padded + b"\0", "image/jpeg")


# --- what is left of it


def test_nothing_says_any_more_where_and_with_what_a_photo_was_taken():
    sent = located()
    assert GPS in sent and b"SecretCamera" in sent and b"my flat" in sent
    stored = images.clean(sent, "image/jpeg").data
    assert not any(secret in stored for secret in (b"Exif", b"SecretCamera", b"my flat"))
    assert not dict(opened(stored).getexif())


def test_a_photo_taken_upright_is_upright_without_its_orientation():
    assert opened(images.clean(located(orientation=6), "image/jpeg").data).size == (40, 60)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_text_profiles_and_exif_of_other_formats_are_gone_too(kind):
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    extra = {"exif": exif, "icc_profile": b"SecretProfile" * 20}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", "SecretAuthor")
        extra["pnginfo"] = text
    stored = images.clean(photo(kind, **extra), f"image/{kind.lower()}").data
    assert b"Secret" not in stored
    assert set(opened(stored).info) <= {"loop", "background", "timestamp", "duration"}


def test_a_second_file_behind_the_picture_is_gone():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("run.sh", "rm -rf /")
    both = photo("JPEG") + archive.getvalue()
    assert zipfile.is_zipfile(io.BytesIO(both))
    stored = images.clean(both, "image/jpeg").data
    assert not zipfile.is_zipfile(io.BytesIO(stored))
    assert b"run.sh" not in stored
    assert EICAR not in images.clean(photo("JPEG", comment=EICAR), "image/jpeg").data


# --- in a dispute


@pytest.fixture
def folder(tmp_path) -> FolderStore:
    return FolderStore(tmp_path / "evidence")


def add(court: Court, dispute, data: bytes, folder, kind: str = "item", buyer: str = BUYER, **more):
    with court.world.transaction() as session:
        return evidence.add_evidence(
            session, buyer, dispute.id, data, "image/jpeg", kind, court.world.now, folder, **more
        )


def stored(folder: FolderStore) -> list[str]:
    return [name for name, _ in folder.names()]


def test_a_photo_belongs_to_its_dispute(court, folder):
    opened_ = court.open(court.order())
    made = add(court, opened_, located(), folder)
    seen = court.see(opened_)
    assert seen.evidence == (made,)
    assert seen.missing_evidence == ("packaging",)
    assert (seen.events[-1].kind, seen.events[-1].text) == ("evidence", made.id)
    assert made.scan_status == "not_scanned"
    content = folder.read(made.file_name)
    assert (made.size, made.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_file_lies_under_a_name_that_says_nothing_and_only_its_owner_reads_it(court, folder):
    made = add(court, court.open(court.order()), photo(), folder)
    path = folder.root / made.file_name[:2] / made.file_name
    assert len(made.file_name) == 36
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [made.file_name]


def test_the_same_file_twice_is_stored_once(court, folder):
    opened_ = court.open(court.order())
    first = add(court, opened_, photo(), folder)
    assert add(court, opened_, photo(), folder, kind="label") == first
    assert stored(folder) == [first.file_name]
    assert len([each for each in court.see(opened_).events if each.kind == "evidence"]) == 1


def test_at_most_ten_files(court, folder):
    opened_ = court.open(court.order())
    for width in range(20, 30):
        add(court, opened_, photo(size=(width, 20)), folder)
    with pytest.raises(InvalidInput, match="at most 10 files"):
        add(court, opened_, photo(size=(31, 20)), folder)
    assert add(court, opened_, photo(size=(20, 20)), folder) in court.see(opened_).evidence
    assert len(stored(folder)) == 10


def test_only_for_ones_own_open_disputes(court, folder):
    opened_ = court.open(court.order())
    with pytest.raises(NotFound) as foreign:
        add(court, opened_, photo(), folder, buyer=OTHER)
    assert str(foreign.value) == f"no dispute {opened_.id}; look it up by its order"
    with pytest.raises(InvalidInput, match="no kind of evidence"):
        add(court, opened_, photo(), folder, kind="selfie")
    court.buyer("withdraw", opened_)
    with pytest.raises(Conflict, match="nothing can be added"):
        add(court, opened_, photo(), folder)
    assert stored(folder) == []


def test_reading_is_for_the_buyer_and_the_seller_of_the_order(court, folder):
    made = add(court, court.open(court.order()), photo(), folder)
    with court.world.reading() as session:
        seen, data = evidence.read_own(session, BUYER, made.id, folder)
        assert (seen, evidence.read_for_seller(session, "acme", made.id, folder)) == (made, (made, data))
        for call in (
            lambda: evidence.read_own(session, OTHER, made.id, folder),
            lambda: evidence.read_for_seller(session, "other", made.id, folder),
            lambda: evidence.read_own(session, BUYER, "nothing", folder),
            lambda: evidence.read_for_seller(session, "acme", "nothing", folder),
        ):
            with pytest.raises(NotFound, match="no evidence"):
                call()


def test_a_file_that_was_changed_on_disk_is_not_handed_out(court, folder):
    made = add(court, court.open(court.order()), photo(), folder)
    folder.write(made.file_name, b"something else")
    with pytest.raises(Conflict, match="not what was stored"), court.world.reading() as session:
        evidence.read_own(session, BUYER, made.id, folder)
    folder.remove(made.file_name)
    with pytest.raises(NotFound), court.world.reading() as session:
        evidence.read_own(session, BUYER, made.id, folder)


class Looking:
    def __init__(self, verdict: str) -> None:
        self.verdict = verdict
        self.seen: list[bytes] = []

    def scan(self, data: bytes) -> str:
        self.seen.append(data)
        return self.verdict


def test_a_file_is_clean_only_when_it_was_looked_at(court, folder):
    opened_ = court.open(court.order())
    scanner = Looking("clean")
    assert add(court, opened_, located(), folder, scanner=scanner).scan_status == "clean"
    assert scanner.seen == [located()]  # as it came, not as it is stored
    with pytest.raises(InvalidInput, match="malware"):
        add(court, opened_, photo(), folder, scanner=Looking("infected"))
    assert add(court, opened_, photo(), folder, scanner=Looking("down")).scan_status == "not_scanned"


# --- files and transactions


def test_a_rollback_takes_the_file_with_it(court, folder):
    opened_ = court.open(court.order())
    with pytest.raises(RuntimeError), court.world.transaction() as session:
        evidence.add_evidence(session, BUYER, opened_.id, photo(), "image/jpeg", "item", court.world.now, folder)
        assert len(stored(folder)) == 1
        raise RuntimeError
    assert stored(folder) == []
    assert court.see(opened_).evidence == ()


def test_a_disk_that_is_full_leaves_nothing(court, folder, monkeypatch):
    opened_ = court.open(court.order())

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        add(court, opened_, photo(), folder)
    assert not [path for path in folder.root.rglob("*") if path.is_file()]
    assert court.see(opened_).evidence == ()


def test_files_that_a_crash_left_are_swept_when_they_are_old_enough(court, folder):
    made = add(court, court.open(court.order()), photo(), folder)
    left = files.new_name("jpg")
    folder.write(left, photo())
    now = datetime.now(UTC)
    with court.world.reading() as session:
        assert evidence.orphans(session, folder, now) == []
        later = now + evidence.ORPHAN_AFTER + evidence.ORPHAN_AFTER
        assert evidence.orphans(session, folder, later) == [left]
        assert evidence.sweep_orphans(session, folder, later) == 1
    assert stored(folder) == [made.file_name]


def test_a_name_never_leads_out_of_the_folder(folder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    for name in ("../secret", "/etc/passwd", "aa/../../secret", "", "x.jpg", "0" * 32 + ".exe"):
        with pytest.raises(FileNotFoundError):
            folder.read(name)
        with pytest.raises(FileNotFoundError):
            folder.write(name, b"x")


def test_two_uploads_of_one_file_at_once_store_one(court, folder):
    opened_ = court.open(court.order())
    done, start = [], threading.Barrier(2)

    def upload() -> None:
        start.wait()
        done.append(add(court, opened_, photo(), folder))

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 2 and done[0] == done[1]
    assert stored(folder) == [done[0].file_name]


def test_the_default_folder_is_part_of_the_data(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "settings", lambda: type("S", (), {"data_dir": tmp_path})())
    assert files.default_store().root == tmp_path / "evidence"
