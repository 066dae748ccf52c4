"""National identity numbers, by form and checksum: how a country makes sure of them is how they are told from others.

Those without a checksum, or with one that a chance number passes too easily, count only beside their name ("my social
security number is …").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


def found_ids(text: str) -> Iterator[tuple[int, int]]:
    """(begin, end) of each national identity number."""
    for pattern, check, name in FORMS:
        for m in pattern.finditer(text):
            if check(m[0]) and (
                name is None or name.search(text[max(0, m.start() - 60) : m.end() + 40])
            ):
                yield m.span()


def digits(text: str) -> list[int]:
    """Its digits as numbers."""
    return [int(c) for c in text if c.isdigit()]


def luhn(text: str) -> bool:
    """The checksum of cards, and of Swedish and Canadian numbers."""
    total = 0
    for i, d in enumerate(reversed(digits(text))):
        total += d if i % 2 == 0 else (2 * d if d < 5 else 2 * d - 9)
    return total % 10 == 0


def _weighted(text: str, weights: list[int]) -> int:
    return sum(d * w for d, w in zip(digits(text), weights, strict=False))


def _us(text: str) -> bool:
    area, group, serial = re.split(r"[- ]", text)
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _spain(text: str) -> bool:
    number = text.upper().replace("-", "").replace(" ", "").replace("X", "0", 1)
    number = number.replace("Y", "1", 1) if number[0] == "Y" else number
    number = number.replace("Z", "2", 1) if number[0] == "Z" else number
    return (
        number[:-1].isdigit()
        and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number[:-1]) % 23] == text[-1].upper()
    )


def _italy(text: str) -> bool:
    odd = [
        1,
        0,
        5,
        7,
        9,
        13,
        15,
        17,
        19,
        21,
        2,
        4,
        18,
        20,
        11,
        3,
        6,
        8,
        12,
        14,
        16,
        10,
        22,
        25,
        24,
        23,
    ]
    total = 0
    for i, c in enumerate(text.upper()[:15]):
        place = int(c) if c.isdigit() else ord(c) - 65
        total += odd[place] if i % 2 == 0 else place
    return chr(65 + total % 26) == text[15].upper()


def _france(text: str) -> bool:
    number = text.replace(" ", "").upper()
    body = number[:-2].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(number[-2:])


def _germany(text: str) -> bool:
    d = digits(text)
    product = 10
    for digit in d[:10]:
        total = (digit + product) % 10 or 10
        product = 2 * total % 11
    return d[0] != 0 and (11 - product) % 10 == d[10]


def _poland(text: str) -> bool:
    d = digits(text)
    return (10 - _weighted(text, [1, 3, 7, 9] * 2 + [1, 3]) % 10) % 10 == d[10]


def _brazil(text: str) -> bool:
    d = digits(text)
    first = 11 - sum(n * w for n, w in zip(d, range(10, 1, -1), strict=False)) % 11
    second = 11 - sum(n * w for n, w in zip(d, range(11, 1, -1), strict=False)) % 11
    return len(set(d)) > 1 and [first % 11 % 10, second % 11 % 10] == d[9:]


def _china(text: str) -> bool:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return "10X98765432"[_weighted(text[:17], weights) % 11] == text[17].upper()


def _finland(text: str) -> bool:
    number = int(text[:6] + text[7:10])
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == text[10].upper()


def _netherlands(text: str) -> bool:
    return _weighted(text, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 == 0


def _switzerland(text: str) -> bool:
    d = digits(text)
    return (10 - _weighted(text, [1, 3] * 6) % 10) % 10 == d[12]


def _norway(text: str) -> bool:
    d = digits(text)
    first = -_weighted(text, [3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11
    second = -_weighted(text, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return [first, second] == d[9:]


def _india(text: str) -> bool:
    """Verhoeff's checksum, by the dihedral group of the pentagon."""

    def times(a: int, b: int) -> int:
        if a < 5:
            return (a + b) % 5 if b < 5 else (a + b) % 5 + 5
        return (a - b) % 5 + 5 if b < 5 else (a - b) % 5

    turn = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    total = 0
    for i, d in enumerate(reversed(digits(text))):
        for _ in range(i % 8):
            d = turn[d]
        total = times(total, d)
    return total == 0


def _anything(text: str) -> bool:
    return True


def _called(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


FORMS: list[tuple[re.Pattern[str], Callable[[str], bool], re.Pattern[str] | None]] = [
    (re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), _us, None),
    (re.compile(r"(?<![\w-])\d{3} \d{2} \d{4}(?![\w-])"), _us, _called("ssn", "social security")),
    (re.compile(r"(?<!\w)\d{9}(?!\w)"), _anything, _called("ssn", "social security")),
    (re.compile(r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b"),
     _anything, None),
    (re.compile(r"(?<!\w)(?:\d{8}|[XYZ]\d{7})[- ]?[A-Z](?!\w)"), _spain, None),
    (re.compile(r"\b[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]\b", re.IGNORECASE), _italy, None),
    (re.compile(r"(?<!\w)[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d(?!\w)"), _france, None),
    (re.compile(r"(?<!\w)\d{2} ?\d{3} ?\d{3} ?\d{3}(?!\w)"), _germany,
     _called("steuer-?(?:id|nummer|identifikationsnummer)", "tax (?:id|number|identification)", "idnr")),
    (re.compile(r"(?<!\w)\d{11}(?!\w)"), _poland, _called("pesel")),
    (re.compile(r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d\d(?!\w)"), _brazil, None),
    (re.compile(r"(?<!\w)\d{6}(?:19|20)\d\d(?:0[1-9]|1[0-2])\d{5}[\dXx](?!\w)"), _china, None),
    (re.compile(r"(?<!\w)(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d[-+A]\d{3}[0-9A-Y](?!\w)"), _finland, None),
    (re.compile(r"(?<!\w)\d{9}(?!\w)"), _netherlands, _called("bsn", "burgerservicenummer", "citizen service")),
    (re.compile(r"(?<!\w)756\.\d{4}\.\d{4}\.\d\d(?!\w)"), _switzerland, None),
    (re.compile(r"(?<!\w)\d{6} ?\d{5}(?!\w)"), _norway,
     _called("fødselsnummer", "fodselsnummer", "personnummer", "birth number")),
    (re.compile(r"(?<!\w)(?:19|20)?\d{6}[-+]\d{4}(?!\w)"), lambda t: luhn(t[-11:]),
     _called("personnummer", "personal (?:identity )?number", "samordningsnummer")),
    (re.compile(r"(?<!\w)[2-9]\d{3} ?\d{4} ?\d{4}(?!\w)"), _india, _called("aadhaar", "aadhar", "uidai")),
    (re.compile(r"\b[A-Z]{5}\d{4}[A-Z]\b"), _anything, _called("pan", "pan card", "permanent account")),
    (re.compile(r"(?<!\w)\d{3}[ -]?\d{3}[ -]?\d{3}(?!\w)"), luhn, _called("sin", "social insurance")),
    (re.compile(r"\b(?=(?:[A-Z]*\d){4})[A-Z0-9]{7,10}\b"), _anything,
     _called("passport (?:number|no\\.?|nr\\.?)", "reisepassnummer", "identity card (?:number|no)",
             "national id(?:entity)?(?: card)?(?: number)?",
             "driv(?:er|ing)(?:['’]?s)? licen[cs]e (?:number|no)", "personalausweisnummer")),
]  # fmt: skip
