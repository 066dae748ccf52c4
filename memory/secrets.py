"""Secrets: what is never learnt unless the user confirms it, and masked wherever it might be printed.

Keys of services, key files, cards, bank accounts, national identity numbers, and the logins of accounts. What opens the
user's own door, locker or wifi is a memory like any other. By form and checksum where there is one, else by the words
around.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memory.national_ids import found_ids, luhn


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret stands in a text, and what it is."""

    kind: str
    begin: int
    end: int


KEYS = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      sk-(?:proj-|ant-|or-|svcacct-)?[A-Za-z0-9_-]{16,}          # OpenAI, Anthropic and their like
    | (?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}         # Stripe
    | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{20,} | glpat-[A-Za-z0-9_-]{16,}
    | (?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}                        # Amazon
    | AIza[A-Za-z0-9_-]{30,} | ya29\.[A-Za-z0-9_-]{20,} | GOCSPX-[A-Za-z0-9_-]{20,}
    | xox[abeoprs]-[A-Za-z0-9-]{10,} | xapp-[A-Za-z0-9-]{10,}     # Slack
    | hf_[A-Za-z0-9]{20,} | npm_[A-Za-z0-9]{20,} | pypi-[A-Za-z0-9_-]{20,} | dop_v1_[a-f0-9]{32,}
    | shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,} | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,} | key-[a-f0-9]{32}
    | eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]{5,})?  # a JWT
    | \d{8,10}:AA[A-Za-z0-9_-]{30,}                               # Telegram
    | (?:r8|gsk|nvapi|xai|tvly|pplx|lin_api|sntrys|dapi|figd|rnd|patt?)[_-][A-Za-z0-9_-]{20,}
    )""",
    re.VERBOSE,
)
PEM = re.compile(
    r"-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE|PGP MESSAGE)(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z ]+-----|.*)",
    re.DOTALL,
)
CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-])")
ISSUERS = re.compile(
    r"4|5[1-5]|2(?:2[2-9]|[3-6]\d|7[01]|720)|3[47]|3(?:0[0-5]|[68]\d)|6(?:011|4[4-9]|5|2|3|7|0)|35(?:2[89]|[3-8])"
    r"|50|5[6-8]|81"
)
IBAN = re.compile(
    r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)", re.IGNORECASE
)
URL = re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@]+:(?P<value>[^\s/@]+)@", re.IGNORECASE)
# A value that stands beside the word for what it is: "the API token is 9f8e7d…".
TOKEN = re.compile(
    r"\b(?:api|access|secret|auth|bearer|private|deploy|client|signing|encryption|webhook|refresh)[ _-]?"
    r"(?:key|token|secret)s?\b(?: id)?[^.!?\n]{0,40}?(?:[:=]|\bis\b|\bto\b)\s*[\"'`]?"
    r"(?P<value>(?=[^\s\"'`]*\d)[A-Za-z0-9+/=_.~-]{12,})"
    r"|\b(?:account|access|api|secret|signature)key\s*[=:]\s*(?P<value4>\S{16,})"
    r"|\bbearer\s+(?P<value2>(?=\S*\d)[A-Za-z0-9+/=_.-]{16,})"
    r"|\b(?:seed|recovery|mnemonic|backup) phrase\b[^.!?\n]{0,25}?(?:[:=]|\bis\b)\s*[\"'`]?"
    r"(?P<value3>(?:[a-z]{3,8}[ ,]+){5,23}[a-z]{3,8})",
    re.IGNORECASE,
)
SECRET_WORD = (
    r"(?:pass(?:word|phrase|code|wd)s?|passwort|kennwort|mot de passe|contraseña|pwd?|pass|pin(?:[ -]?(?:code"
    r"|number))?"
    r"|security (?:code|answer)|cvv2?|cvc|tan|2fa (?:code|secret)|recovery codes?|backup codes?|login(?: data"
    r"| details)?"
    r"|credentials?|log[ -]?in(?: data)?)"
)
LOGIN = re.compile(
    rf"\b(?P<word>{SECRET_WORD})\b(?! (?:manager|hint|generator|policy|rules?|field|letter"
    rf"|safe)\b)(?P<between>[^.!?\n]{{0,70}}?)"
    r"(?:\s*[:=]+>?\s*|['’]s\s+|\s+(?=[\"'`“‘])|\s+(?:is|are|was|to|ist|es|est)(?:\s+(?:now|still|just|set to"
    r"|currently))?:?\s+|\s+-+>?\s+)"
    r"[\"'`“‘]?(?P<value>[^\s\"'`“”‘’]+)",
    re.IGNORECASE,
)
PAIR = re.compile(
    r"\b(?:log(?:s|ged|ging)?|sign(?:s|ed|ing)?)[ -]?in(?:to)?\b[^!?\n]{0,60}?\b(?:with|as|using)\b[^!?\n]{0,60}?"
    r"\b(?:and|/|,)\s*(?:(?:the |my )?(?:password|pass|pw|pin)\s+)?[\"'`“]?(?P<value>(?=\S*\d)\S{5,})"
    r"|\b(?:user(?:name)?|login|account)\s*[:=]\s*\S+[\s,;/]+(?:password|passwort|pass|pwd"
    r"|pw)\s*[:=]\s*(?P<value2>\S+)"
    r"|\buse\s+[\"'`“]?(?P<value3>(?=\S*\d)\S{5,}?)[\"'`”]?\s+(?:as|for)\s+(?:my|the"
    r"|our)\s+[^.!?\n]{0,30}?\bpassword\b",
    re.IGNORECASE,
)
OWN_DOOR = re.compile(
    r"\b(?:wi-?fi|wlan|wireless|hotspot|network|router|ssid|door|gate|lock(?:er|s|box)?|padlock|garage|cellar"
    r"|basement|shed|attic"
    r"|alarm|safe|key ?(?:box|safe|pad)|intercom|bike|bicycle|suitcase|luggage|cabin|cottage|office|house|flat"
    r"|apartment"
    r"|building|entrance|lobby|gym|mailbox|letterbox|parking|barrier|elevator|lift|room|cupboard|cabinet|drawer"
    r"|tent|boat"
    r"|caravan|phone|tablet|watch|shelter|studio|lab|club ?house|secret club|tree ?house|printer|tv|telly"
    r"|thermostat|guest ?house|pool|sauna)\b",
    re.IGNORECASE,
)
ACCOUNT = re.compile(
    r"\b(?:account|e-?mail|gmail|outlook|hotmail|yahoo|icloud|apple id|google|microsoft|facebook|instagram|twitter"
    r"|tiktok|snapchat|linkedin|reddit|discord|slack|whatsapp|telegram|netflix|spotify|disney|hulu|prime|amazon"
    r"|ebay|etsy|paypal"
    r"|venmo|revolut|wise|bank(?:ing)?|credit|debit|card|visa|mastercard|brokerage|coinbase|binance|crypto"
    r"|bitcoin|github|gitlab|bitbucket"
    r"|jira|aws|azure|gcp|server|ssh|root|admin|database|postgres|mysql|mongodb|redis|vpn|login|username"
    r"|user name|website|portal|crm"
    r"|intranet|dropbox|onedrive|steam|playstation|xbox|nintendo|epic|roblox|minecraft|zoom|teams|salesforce"
    r"|shopify|wordpress|hosting"
    r"|domain|insurance|tax|elster|health portal|patient|pension|1password|bitwarden|lastpass|keepass"
    r"|password manager|wallet|hr system"
    r"|airbnb|booking|uber|airline|frequent flyer|laptop|computer|windows|sim|library)\b",
    re.IGNORECASE,
)
LENGTHS = {  # of an IBAN, by country
    "DE": 22, "AT": 20, "CH": 21, "FR": 27, "ES": 24, "IT": 27, "NL": 18, "BE": 16, "LU": 20, "GB": 22,
    "IE": 22, "PT": 25, "PL": 28, "SE": 24, "NO": 15, "DK": 18, "FI": 18, "CZ": 24, "SK": 24, "HU": 28,
    "RO": 24, "BG": 22, "HR": 21, "SI": 19, "EE": 20, "LV": 21, "LT": 20, "GR": 27, "CY": 28, "MT": 31,
    "LI": 21, "MC": 27, "SM": 27, "AD": 24, "TR": 26, "SA": 24,
}  # fmt: skip
NO_VALUE = frozenset(  # what stands behind "my password is" and is none
    re.findall(
        r"\S+",
        "a an the my our your his her their not now no in on at of from for with very too so still only wrong"
        " right good bad weak strong long short easy hard secret safe forgotten lost changed expired old new"
        " invalid incorrect correct different same something stored saved written kept hidden known required"
        " needed reset managed because that what which it this easy-to-guess be been under inside behind always"
        " never up gone stolen leaked broken simple impossible difficult enough important sent shared due about"
        " case someone everything nothing there here where when how all both working annoying stuck six eight ten"
        " twelve my password is",
    )
)
MASK = "[masked]"


def secrets_in(text: str) -> list[Secret]:
    """Every secret in a text, in order, none inside another."""
    found = sorted(_found(text), key=lambda s: (s.begin, -s.end))
    out: list[Secret] = []
    for secret in found:
        if not out or secret.begin >= out[-1].end:
            out.append(secret)
    return out


def masked(text: str) -> str:
    """The text with every secret blotted out."""
    for secret in reversed(secrets_in(text)):
        text = text[: secret.begin] + MASK + text[secret.end :]
    return text


def _found(text: str) -> Iterator[Secret]:
    for pattern, kind in ((PEM, "a key file"), (KEYS, "an access key")):
        for m in pattern.finditer(text):
            yield Secret(kind=kind, begin=m.start(), end=m.end())
    for m in CARD.finditer(text):
        if ISSUERS.match(m[0].replace("-", "").replace(" ", "")) and luhn(m[0]):
            yield Secret(kind="a card number", begin=m.start(), end=m.end())
    for m in IBAN.finditer(text):
        if end := _iban_end(m[0]):
            yield Secret(kind="a bank account", begin=m.start(), end=m.start() + end)
    for begin, end in found_ids(text):
        yield Secret(kind="an identity number", begin=begin, end=end)
    for pattern, kind in ((URL, "a login"), (TOKEN, "an access key"), (PAIR, "a login")):
        for m in pattern.finditer(text):
            name = next(k for k, v in m.groupdict().items() if v)
            if pattern is not PAIR or not _opens_a_door(text, m):
                yield Secret(kind=kind, begin=m.start(name), end=m.end(name))
    for m in LOGIN.finditer(text):
        if _is_login(text, m):
            yield Secret(kind="a login", begin=m.start("value"), end=m.end("value"))


def _is_login(text: str, m: re.Match[str]) -> bool:
    value = m["value"].strip(".,;:!?)(")
    if len(value) < 3 or value.casefold() in NO_VALUE:
        return False
    word = m["word"].casefold()
    if word.startswith(("pin", "tan", "cvv", "cvc", "security code")) and not re.search(
        r"\d", value
    ):
        return False
    if word == "pass" and not re.search(r"[a-z].*[\d\W_]|[\d\W_].*[a-z]", value, re.IGNORECASE):
        return False
    if word.startswith(("log", "cred")) and not re.search(r"[\d:/@]", value):
        return False
    return word.startswith(("cvv", "cvc")) or not _opens_a_door(text, m)


def _opens_a_door(text: str, m: re.Match[str]) -> bool:
    """Whether the nearest word around speaks of the user's own place or things rather than of an account."""
    begin = max(text.rfind(c, 0, m.start()) for c in ".!?\n") + 1
    at = (m.start("word") if "word" in m.re.groupindex else m.start()) - begin

    def distance(words: re.Pattern[str]) -> int:
        spans = [w.span() for w in words.finditer(text[begin : m.end()])]
        return min((max(b - at, at - e, 0) for b, e in spans), default=1000)

    return distance(OWN_DOOR) < distance(ACCOUNT)


def _iban_end(text: str) -> int:
    """Where a valid IBAN that begins here ends; 0 when there is none. A word after it may look like a part of it."""
    plain = [(i, c) for i, c in enumerate(text) if c != " "]
    for length in range(len(plain), 14, -1):
        number = "".join(c for _, c in plain[:length]).upper()
        moved = number[4:] + number[:4]
        if (
            LENGTHS.get(number[:2], length) == length
            and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1
        ):
            return plain[length - 1][0] + 1
    return 0
