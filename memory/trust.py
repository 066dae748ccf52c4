"""Whose words these are: of a message that the user sent, what they typed themselves, and what they only show.

Quotations, pasted mail, fenced blocks and whatever stands behind a role tag are data: shown, never told. It errs on the
side of data; what was held back by mistake the user can confirm.
"""

from __future__ import annotations

import re
import unicodedata

SOURCE = (
    r"(?:article|document|doc|page|web ?site|web ?page|site|e-?mail|mail|letter|message|text|tool|output|result"
    r"|response|log"
    r"|transcript|post|tweet|comment|review|readme|file|pdf|paper|report|leaflet|flyer|brochure|newsletter|blog"
    r"|forum|thread"
    r"|chat|snippet|paragraph|passage|excerpt|quote|screenshot|clipboard|attachment|wiki(?:pedia)?|manual|listing"
    r"|ad|invoice)"
)
SAYS = r"(?:says?|said|reads?|states?|stated|wrote|writes?|goes|contains?|claims?|tells?|returned|shows?|answers?)"
INVISIBLE = re.compile(
    "[\u200b\u2060-\u2064\ufeff\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)
BLOB = re.compile(
    r"(?=[A-Za-z0-9+/_-]*[A-Z])(?=[A-Za-z0-9+/_-]*[a-z])(?=[A-Za-z0-9+/_-]*\d)[A-Za-z0-9+/_-]{40,}={0,2}"
)
ROLE = re.compile(
    r"<\|[^|>\n]{1,30}\|>|\[/?(?:INST|SYS|SYSTEM)\]|<</?SYS>>|</?(?:system|assistant|user|human"
    r"|instructions?)\b[^>\n]*>"
    r"|^[ \t]*(?:#{1,4}[ \t]*|\*\*|\[)?(?:system|assistant|human|user|developer|tool|ai|instructions?"
    r"|new instructions?)"
    r"(?:\*\*|\])?[ \t]*(?:prompt|message|note|override|response|input)?[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
HEADING = re.compile(
    rf"-{{2,}}\s*(?:forwarded|original|begin|weitergeleitete|ursprüngliche)\b.*|on .{{4,80}} wrote:"
    rf"|am .{{4,80}} schrieb .*:"
    rf"|(?:from|subject|von|betreff|sent|gesendet):.+"
    rf"|.{{0,80}}\b{SOURCE}s?\b.{{0,60}}:|(?:here(?:'s| is| are)|this is what|pasted|quote|fwd|fw)\b.{{0,60}}:",
    re.IGNORECASE,
)
BLOCK = re.compile(
    r"<(document|doc|quote|blockquote|context|data|tool_result|tool_output|function_results?|search_results?"
    r"|result|email|webpage"
    r"|page|article|file|content|text|paste|retrieved|memory|memories|untrusted)\b[^>]*>",
    re.IGNORECASE,
)
FENCE = re.compile(r"\s*(```|~~~|\"\"\"|''')")
QUOTE = re.compile(r"“[^”]*”?|«[^»]*»?|„[^“”]*[“”]?|(?<![\w\"])\"[^\"]*\"?")
QUOTED_SOURCE = re.compile(
    rf"\b{SOURCE}\b[^.!?]{{0,60}}(?:\b{SAYS}\b|:)[^.!?]{{0,20}}$", re.IGNORECASE
)
# What somebody says that they or others do is no order: "we never use the lift", "he told me to remember that …".
TOLD = (
    r"(?<!\bI )(?<!\bI'll )(?<!\bI’ll )(?<!\bwe )(?<!\bhe )(?<!\bshe )(?<!\bthey )"
    r"(?<!\bme to )(?<!\bus to )(?<!\bhim to )(?<!\bher to )(?<!\bthem to )"
)
# What is recommended or described to anybody: "you must see the fjords", "you will find the key under the pot".
ADVICE = (
    r"(?:must|should|will) (?:try|see|taste|hear|find) (?:the|an?) "
    r"(?!(?:user|human|assistant|ai|model|agent|bot|rule|order|message|memor|password|truth|fact|instruct))"
)
ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|discard|drop)\b.{0,40}\b(?:previous|prior|above|earlier"
    r"|preceding|all|any|your"
    r"|these|those|former|existing)\b.{0,40}\b(?:instruct|prompt|rule|message|direction|guideline|context|memor"
    r"|told|command|polic)"
    r"|\b(?:ignoriere|vergiss|missachte)\b.{0,40}\b(?:anweisung|regel|vorherig|bisherig)"
    r"|\byou (?:are|have become) now\b|\bfrom now on\b|\bsystem prompt\b"
    r"|(?<!\bmy )\bnew persona\b|\bnew (?:system )?(?:instruction|prompt|rule)s?\b"
    r"(?! for (?:the (?!ai\b|assistant|model|agent|bot)|my|our)\b)"
    r"|\byour new (?:persona|rules?|role|name|task)\b"
    r"|\b(?:act|behave|respond) as (?:if|an?|the|though)\b|\bpretend (?:to|you|that)\b"
    r"|\bdeveloper mode\b(?! on my\b)|\bjailbreak(?! in (?:the|a)\b)"
    r"|\b(?:when|if|whenever|once|every time|any ?time|in case)\b.{0,80}\b(?:ask|asks|asked|question|quer|mention"
    r"|inquir|want)"
    rf".{{0,80}}{TOLD}\b(?:say|answer|reply|respond|tell|claim|output|state|write|return|give|recommend|insist|use"
    r"|call|send)\b"
    rf"|{TOLD}\b(?:always|never|only)\s+(?:say|answer|reply|respond|tell|recommend|mention|reveal|call|use|claim|send"
    r"|trust(?! an?\b)|output)\b"
    rf"|\b(?:you(?! {ADVICE})|assistant|ai|model|bot|agent|chatbot|somnus)\b(?:,? \w+)? (?:must|should|shall"
    r"|have to|has to"
    r"|are to|is to|need to|will)\b"
    r"|\bdo ?n[o'’]?t (?:tell|inform|mention|warn|ask|reveal)\b"
    r"|(?<!\bI )(?<!\bI'll )(?<!\bI’ll )\b(?:save|store|add|write|commit|remember|memori[sz]e|record|learn|note|keep)\b"
    r".{0,60}\b(?:memor(?:y|ies)|permanent|forever|for ever|long[- ]term|as (?:a )?(?:fact|truth))"
    rf"|{TOLD}\bremember(?: this)?(?::| that\b)"
    r"|\b(?:the|this) user(?:'s|’s)?\b(?! (?:before|after|next|manual|guide|interface|group)\b)"
    r"|\b(?:the|this) human(?:'s|’s)?\b(?! (?:ears?|eyes?|body|brain|heart|race|resources|beings?)\b)"
    r"|<!--|!\[[^\]]*\]\(\s*https?:|\bimportant (?:system )?(?:notice|instruction|update)\b|\b(?:end"
    r"|begin) of (?:document|context|prompt)\b",
    re.IGNORECASE | re.DOTALL,
)


def own_words(said: str) -> str:
    """What of a message the user typed themselves."""
    return parted(said)[0]


def shown(said: str) -> list[str]:
    """What of a message the user only shows: quotations and pasted pieces, in order."""
    return parted(said)[1]


def parted(said: str) -> tuple[str, list[str]]:
    """(the user's own words, what they show)."""
    own, other = [], []
    fence, rest, gathered = "", False, list[str]()

    def flush() -> None:
        if text := "\n".join(gathered).strip():
            other.append(text)
        gathered.clear()

    role = ROLE.search(said)
    said, behind = (said[: role.start()], said[role.start() :]) if role else (said, "")
    for line in said.splitlines():
        begins = FENCE.match(line)
        block = BLOCK.search(line)
        if fence or rest:
            gathered.append(line)
            if fence and fence in line:
                fence = ""
        elif begins:
            gathered.append(line)
            fence = "" if line.count(begins[1]) > 1 else begins[1]
        elif block:
            own.append(line[: block.start()])
            gathered.append(line[block.start() :])
            closing = f"</{block[1]}"
            fence = "" if closing in line else closing
        elif (
            line.lstrip().startswith((">", "&gt;", "|"))
            or INVISIBLE.search(line)
            or BLOB.search(line)
        ):
            gathered.append(line)
        else:
            flush()
            rest = bool(HEADING.fullmatch(line.strip()))
            (gathered if rest else own).append(line)
    flush()
    mine, quoted = _without_quotes("\n".join(own))
    return mine.strip(), [*quoted, *other, *([behind.strip()] if behind.strip() else [])]


def _without_quotes(text: str) -> tuple[str, list[str]]:
    """Quotation marks inside the user's own lines: names and sayings are theirs, orders and whole passages are"
    " not."""
    quoted: list[str] = []

    def look(m: re.Match[str]) -> str:
        inside = m[0].strip('“”„«»" \n')
        passage = bool(re.search(r"[.!?]\s+\S+\s\S+", inside)) or "\n" in inside
        source = len(inside.split()) > 3 and bool(QUOTED_SOURCE.search(text[: m.start()]))
        if not (passage or source or ORDERS.search(plain(inside))):
            return m[0]
        quoted.append(inside)
        return "\0"

    mine = QUOTE.sub(look, text)
    # The sentence that leads up to a quotation goes with it: "The page says: …" tells nothing without it.
    return _without_lead(mine), quoted


def _without_lead(text: str) -> str:
    """A text without its marks of quotations, and without the sentences that lead up to them."""
    first, *others = text.split("\0")
    parts = [first, *(p[1:] if p[:1] in set(".!?") else p for p in others)]
    led = [p[: 1 + max(p.rfind(end) for end in ".!?\n")] for p in parts[:-1]]
    return " ".join([*led, parts[-1]])


def suspicion(text: str) -> str | None:
    """Why a text of somebody else looks as if it meant to give orders or to hide something; None if it doesn't."""
    if INVISIBLE.search(text):
        return "it has invisible characters"
    if ROLE.search(text):
        return "it pretends to be another speaker"
    if BLOB.search(text):
        return "it has a coded passage"
    if ORDERS.search(plain(text)):
        return "it gives orders"
    return None


def plain(text: str) -> str:
    """The text as it is meant to be read: look-alikes folded, nothing invisible, spaces single."""
    return " ".join(INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).split())
