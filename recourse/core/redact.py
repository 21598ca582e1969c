"""Taking secrets out of free text before anybody else reads it: card numbers, IBANs, passwords and tokens. Pure.

Order numbers, tracking numbers, amounts and dates stay: they are what the text is about.
"""

from __future__ import annotations

import re

CARD, IBAN, PASSWORD, TOKEN = "[card number removed]", "[IBAN removed]", "[password removed]", "[token removed]"

_DIGITS = re.compile(r"(?<!\w)(?<!\w-)\d(?:[ -]?\d){11,18}(?![\w-])", re.ASCII)
_ISSUERS = re.compile(r"4|5[0-9]|2[2-7]|3[04-9]|6[0-9]|81")
"""First digits of card numbers. With the check digit they tell a card from a parcel number that is only digits."""

_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?!\w)", re.ASCII | re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.?[\w-]*", re.ASCII)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}", re.ASCII)
_PREFIXED = re.compile(r"(?<!\w)(?:btn_|sk_|pk_|rk_|whsec_|ghp_|xox[a-z]-)[\w-]{8,}", re.ASCII)
_LONG = re.compile(r"(?<![\w-])[\w-]{32,}(?![\w-])", re.ASCII)

_NAMES = (
    r"pass ?words?|pass ?code|pass ?phrase|pwd|pin(?: ?code)?|cvv2?|cvc2?|security code|tan"
    r"|passwort|kennwort|contraseña|contrasena|senha|mot de passe|wachtwoord"
)
_SAID = re.compile(rf"(?i)\b({_NAMES})(\s*[:=]\s*|\s+(?:is|was|ist|lautet|es|é|est)\s*:?\s+)(\S+)")
_BARE = re.compile(rf"(?i)\b({_NAMES})(\s+)(?=\S*[\d!@#$%^&*_])(\S+)")
_NO_SECRET = frozenset(
    "wrong incorrect invalid expired broken not no the a an my your and but gone lost forgotten required needed falsch nicht".split()
)
"""What follows "the password is" and is plain talk."""


def redact(text: str) -> str:
    """``text`` with every card number (Luhn), IBAN (mod 97), password and token replaced by a mark that says what was there."""
    text = _JWT.sub(TOKEN, text)
    text = _BEARER.sub(lambda found: found[1] + TOKEN, text)
    text = _PREFIXED.sub(TOKEN, text)
    text = _SAID.sub(_password, text)
    text = _BARE.sub(_password, text)
    text = _IBAN.sub(_iban, text)
    text = _DIGITS.sub(_card, text)
    return _LONG.sub(_long, text)


def _password(found: re.Match[str]) -> str:
    word = found[3]
    if word.startswith("[") or word.lower().strip(".,;:!?") in _NO_SECRET:
        return found[0]
    return found[1] + found[2] + PASSWORD


def _card(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    likely = 13 <= len(digits) <= 19 and _ISSUERS.match(digits) and _luhn(digits)
    return CARD if likely else found[0]


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _iban(found: re.Match[str]) -> str:
    """The pattern may run into the words that follow: the longest beginning with a right checksum is the number."""
    text = found[0]
    ends = [at + 1 for at, letter in enumerate(text) if letter.isalnum()]
    for end in reversed(ends):
        bare = re.sub(r"[ -]", "", text[:end]).upper()
        if len(bare) < 15:
            break
        following = text[end : end + 1]
        if len(bare) <= 34 and not following.isalnum() and _mod97(bare):
            return IBAN + text[end:]
    return text


def _mod97(bare: str) -> bool:
    return int("".join(str(int(letter, 36)) for letter in bare[4:] + bare[:4])) % 97 == 1


def _long(found: re.Match[str]) -> str:
    text = found[0]
    mixed = any(c.isdigit() for c in text) and any(c.islower() for c in text) and any(c.isupper() for c in text)
    is_hex = re.fullmatch(r"[0-9a-f]{32,}|[0-9A-F]{32,}", text) is not None
    return TOKEN if mixed or is_hex else text
