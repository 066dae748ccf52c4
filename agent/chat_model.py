"""somnus' model as a langchain-core chat model, for other agents' chains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from agent.model import LanguageModel, Sampling
from memory.episode import Role, Turn
from memory.errors import InputError


class SomnusChatModel(BaseChatModel):
    """A `LanguageModel` as a BaseChatModel. `stop`, `temperature` and `max_tokens` may be given per call."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    language_model: Any
    """A `LanguageModel`."""
    temperature: float = 0.0
    max_tokens: int = 256
    stop: list[str] | None = None
    adapter: bool = True
    """Whether the night's adapter is worn."""

    @property
    def _llm_type(self) -> str:
        return "somnus"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {
            "model": self.language_model.name,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {
            **super()._get_ls_params(stop=stop, **kwargs),
            "ls_provider": "somnus", "ls_model_name": kwargs.get("model", self.language_model.name),
            "ls_temperature": kwargs.get("temperature", self.temperature),
            "ls_max_tokens": kwargs.get("max_tokens", self.max_tokens),
        }  # fmt: skip

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text, usage = "", None
        for chunk in self._stream(messages, stop=stop, **kwargs):
            text += str(chunk.message.content)
            assert isinstance(chunk.message, AIMessageChunk)
            usage = chunk.message.usage_metadata or usage
        message = AIMessage(
            content=text,
            usage_metadata=usage,
            response_metadata={"model_name": self.language_model.name},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        model: LanguageModel = self.language_model
        turns = to_turns(messages)
        if not turns:
            raise InputError("There is no message to answer; give at least one.")
        sampling = Sampling(
            max_tokens=kwargs.get("max_tokens") or self.max_tokens,
            temperature=kwargs["temperature"]
            if kwargs.get("temperature") is not None
            else self.temperature,
            stop=tuple(stop or self.stop or ()),
        )
        count, left = 0, False

        def cancelled() -> bool:  # asked after each token: a piece may hold several, or half of one
            nonlocal count
            count += 1
            return left

        try:
            for piece in model.stream(turns, sampling, adapter=self.adapter, cancelled=cancelled):
                chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
                if run_manager:
                    run_manager.on_llm_new_token(piece, chunk=chunk)
                yield chunk
        finally:
            left = True  # whoever stops reading stops the model
        asked = model.count_tokens(turns)
        usage = UsageMetadata(input_tokens=asked, output_tokens=count, total_tokens=asked + count)
        last = AIMessageChunk(
            content="",
            usage_metadata=usage,
            response_metadata={"model_name": model.name},
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)


def to_turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    """langchain's messages as turns: a system message leads the user's next one, a tool's result is the user's."""
    turns: list[Turn] = []
    held = ""
    for message in messages:
        text = str(message.text)
        if isinstance(message, SystemMessage):
            held += text + "\n\n"
        elif isinstance(message, AIMessage):
            turns.append(Turn(role=Role.ASSISTANT, content=text))
        else:
            turns.append(Turn(role=Role.USER, content=held + text))
            held = ""
    return [*turns, Turn(role=Role.USER, content=held.strip())] if held else turns
