"""Between turns and token ids: the chat template and the tokenizer, and nothing else of the model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from agent.decoding import until_stop
from agent.prompt import PERSONA
from memory.episode import Role, Turn


class Encoder:
    """Renders, tokenises and reads back. What a user wrote can never become structure."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        added = [str(t) for t in getattr(tokenizer, "added_tokens_decoder", {}).values()]
        every = {t for t in (*tokenizer.all_special_tokens, *added) if len(t) > 1}
        self._controls = sorted(every, key=len, reverse=True)
        self._persona_is_system = _takes_system(tokenizer)

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The exact text given to the model, ready for its reply."""
        return self._render([t.content for t in turns], [t.role.value for t in turns])

    def encode(self, turns: Sequence[Turn]) -> list[int]:
        """The prompt's token ids. Control tokens inside a turn come out as plain text, not as structure."""
        contents = [t.content for t in turns]
        roles = [t.role.value for t in turns]
        if not any(control in c for c in contents for control in self._controls):
            return self._ids(self._render(contents, roles))
        marks = [f"\uf8ff{i}\uf8ff" for i in range(len(contents))]
        rest, ids = self._render(marks, roles), list[int]()
        for mark, content in zip(marks, contents, strict=True):
            before, rest = rest.split(mark, 1)
            ids += self._ids(before)
            ids += self._plain_ids(content)
        return ids + self._ids(rest)

    def encode_spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of `encode_reply(text, end=False)` stands in the text."""
        found = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
        )
        return [(int(a), int(b)) for a, b in found["offset_mapping"]]

    def encode_reply(self, text: str, *, end: bool = True) -> list[int]:
        """A reply's token ids, closed by the end-of-turn token."""
        ids = self._plain_ids(text)
        return [*ids, self.end_id] if end else ids

    def count_tokens(self, turns: Sequence[Turn]) -> int:
        return len(self.encode(turns))

    @property
    def end_id(self) -> int:
        """The token that ends a turn."""
        return int(self.tokenizer.eos_token_id)

    @property
    def opening_id(self) -> int:
        """The token that prompts end with, after which a reply begins."""
        return self.encode([Turn(role=Role.USER, content="?")])[-1]

    def _plain_ids(self, text: str) -> list[int]:
        """A text's ids with no control token among them: each is cut in two, so that none is recognised."""
        pieces = [text]
        for control in self._controls:
            cut = [p.split(control) for p in pieces]
            pieces = []
            for parts in cut:
                for i, part in enumerate(parts):
                    before = control[1:] if i else ""
                    after = control[:1] if i + 1 < len(parts) else ""
                    pieces.append(before + part + after)
        return [i for p in pieces if p for i in self._ids(p, split_special_tokens=True)]

    def _ids(self, text: str, **options: Any) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, **options).input_ids)

    def _render(self, contents: Sequence[str], roles: Sequence[str]) -> str:
        messages = [{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)]
        if self._persona_is_system:
            messages.insert(0, {"role": "system", "content": PERSONA})
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return str(text)

    @cached_property
    def pieces(self) -> list[str]:
        """The text of every token of the vocabulary."""
        return [
            str(t) for t in self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))])
        ]

    @property
    def tokens(self) -> tuple[dict[str, int], int]:
        """The vocabulary and the token that ends a turn: models that share both cut text alike."""
        return self.tokenizer.get_vocab(), self.end_id

    def text(self, row: Sequence[int], stop: Sequence[str] = ()) -> str:
        """A decoded row as text, cut at the first stop string."""
        text = str(self.tokenizer.decode(row, skip_special_tokens=True))
        return "".join(until_stop(iter([text]), stop)).strip()


def template_error(tokenizer: Any) -> Exception | None:
    """What is wrong with a chat template that can't even render one message, or None."""
    return _refused(tokenizer, [{"role": "user", "content": "y"}])


def _takes_system(tokenizer: Any) -> bool:
    """Gemma's template refuses a system message."""
    turns = [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]
    return _refused(tokenizer, turns) is None


def _refused(tokenizer: Any, turns: list[dict[str, str]]) -> Exception | None:
    try:
        tokenizer.apply_chat_template(turns, tokenize=False)
    except Exception as error:  # noqa: BLE001  # jinja2's TemplateError, or whatever a template raises
        return error
    return None
