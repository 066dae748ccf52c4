"""A `LanguageModel` that says what it is told to say: a real fake, for tests and for trying interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from agent.model import Sampling, Thought
from agent.prompt import PERSONA
from memory.episode import Turn

UNLIKELY = -20.0  # nats, for what isn't in the script
Script = Mapping[str, str] | Callable[[str], str]


class ScriptedModel:
    """Replies by script to the last turn's text; anything unknown gets `default`. Tokens are words."""

    def __init__(
        self, script: Script | None = None, *, default: str = "You haven't told me that."
    ) -> None:
        self._script = script or {}
        self._default = default
        self.name = "scripted"
        self.has_instincts = True
        self.wears = False
        self.context_tokens = 4096
        self.asked: list[tuple[str, bool]] = []  # (prompt, adapter worn)

    def prompt(self, turns: Sequence[Turn]) -> str:
        lines = [
            f"<|system|>{PERSONA}",
            *(f"<|{t.role.value}|>\n{t.content}" for t in turns),
            "<|assistant|>",
        ]
        return "\n".join(lines)

    def count_tokens(self, turns: Sequence[Turn]) -> int:
        return len(self.prompt(turns).split())

    def stream(
        self,
        turns: Sequence[Turn],
        sampling: Sampling,
        *,
        adapter: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[str]:
        self.asked.append((self.prompt(turns), adapter))
        text = self._reply(turns[-1].content)
        for stop in sampling.stop:
            text = text.split(stop)[0]
        for i, word in enumerate(text.split(" ")[: sampling.max_tokens]):
            if cancelled():
                return
            yield word if i == 0 else f" {word}"

    def answer(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling, *, adapter: bool = True
    ) -> list[str]:
        return ["".join(self.stream(p, sampling, adapter=adapter)) for p in prompts]

    def log_likelihood(
        self, prompts: Sequence[Sequence[Turn]], beginnings: Sequence[str]
    ) -> list[float]:
        return [
            0.0 if self._reply(p[-1].content).startswith(b) else UNLIKELY
            for p, b in zip(prompts, beginnings, strict=True)
        ]

    def thoughts(
        self, prompts: Sequence[Sequence[Turn]], sampling: Sampling
    ) -> list[list[Thought]]:
        return [[Thought(text=text, logp=0.0)] for text in self.answer(prompts, sampling)]

    def _reply(self, content: str) -> str:
        if callable(self._script):
            return self._script(content)
        return next((reply for cue, reply in self._script.items() if cue in content), self._default)
