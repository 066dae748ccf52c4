"""How what was told is best shown to the model: the same questions and recollections in prompts of several shapes.

    somnus bench shapes [--set tuning] [--model NAME] [--device D] [--dtype T]

Asked of the untouched base and of the base with its instincts, greedily. The last line of stdout is one JSON document.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from recall import DATA, arguments, figures, machine, untouched

from agent import prompt
from agent.local_model import LocalModel
from agent.model import Sampling
from agent.recalling import recollect
from agent.telling import as_told
from memory.conversation_file import pair, read_conversation
from memory.questions import mark, read_questions
from memory.ram_store import RamStore
from sleep.recall import ROWS, TOKENS
from tui.root import Options, Root
from tui.say import Say

Messages = list[dict[str, str]]


def system(content: str = prompt.PERSONA) -> dict[str, str]:
    return {"role": "system", "content": content}


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def above(question: str, told: Sequence[str]) -> Messages:
    """What somnus does: quoted above the question, in the user's turn."""
    return [
        system(),
        *({"role": t.role.value, "content": t.content} for t in prompt.reading(question, told)),
    ]


def below(question: str, told: Sequence[str]) -> Messages:
    """The question first, what was told after it."""
    return [
        system(),
        user(f"{question}\n\n{prompt.READ}\nI told you, oldest first:\n{prompt.quoted(told)}"),
    ]


def listed(question: str, told: Sequence[str]) -> Messages:
    """A list in the system prompt, as most memory systems have it."""
    rows = "\n".join(f"- {t}" for t in told)
    return [system(f"{prompt.PERSONA} The user told you:\n{rows}\n\n{prompt.READ}"), user(question)]


def earlier(question: str, told: Sequence[str]) -> Messages:
    """As if each had been said earlier in this very conversation."""
    turns = [m for t in told for m in (user(t), {"role": "assistant", "content": "All right."})]
    return [system(), *turns, user(question)]


def bare(question: str, told: Sequence[str]) -> Messages:
    """Above the question, without quotation marks and without saying what it is."""
    return [system(), user("\n".join([*told, "", question]))]


SHAPES: list[Callable[[str, Sequence[str]], Messages]] = [above, below, listed, earlier, bare]


def main() -> None:
    args = arguments(__doc__, "tuning").parse_args()
    with tempfile.TemporaryDirectory(prefix="somnus-shapes-") as home:
        print(json.dumps(measure(args.set, machine(args, home)), ensure_ascii=False))


def measure(name: str, options: Options) -> dict[str, Any]:
    """Right answers of each model by shape, of told and of never-told questions."""
    questions = read_questions(DATA / "recall" / f"{name}.questions.jsonl")
    root = Root(options, progress=Say().progress)
    store = RamStore(root.embedder)
    store.add(
        root.home.ledger.append_all(pair(read_conversation(DATA / "recall" / f"{name}.jsonl")))
    )
    told = [
        [as_told(r.episode) for r in recollect(q.question, store, root.recall)] for q in questions
    ]
    result: dict[str, Any] = {"set": name}
    for called, model in {"base": untouched(root), "instincts": root.model}.items():
        for shape in SHAPES:
            # with nothing found there is nothing to show, whatever the shape
            asked = [
                shape(q.question, t) if t else [system(), user(q.question)]
                for q, t in zip(questions, told, strict=True)
            ]
            replies = zip(questions, answers(model, asked), strict=True)
            of = result[f"{called}, {shape.__name__}"] = figures(
                questions, [(reply, mark(q, reply)) for q, reply in replies]
            )
            low, high = of["interval"]
            print(
                f"{called:<10} {shape.__name__:<8} {of['right']:>3}/{of['asked']} ({low:.0%}-{high:.0%}), "
                f"never told {of['never'][0]}/{of['never'][1]}"
            )
    root.close()
    return result


def answers(model: LocalModel, asked: Sequence[Messages]) -> list[str]:
    """Greedy replies; the messages are rendered by the model's own chat template."""
    prompts = [
        model.tokenizer(
            model.tokenizer.apply_chat_template(m, tokenize=False, add_generation_prompt=True),
            add_special_tokens=False,
        ).input_ids
        for m in asked
    ]
    out: list[str] = []
    for begin in range(0, len(prompts), ROWS):
        rows = model.decode(prompts[begin : begin + ROWS], Sampling(max_tokens=TOKENS))
        out += [model.text(row) for row in rows]
    return out


if __name__ == "__main__":
    main()
