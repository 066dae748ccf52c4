"""Checkpoints that a copy left half-made, and .gguf files: one sentence each, and a retry that is clean."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest
import torch
from safetensors.torch import load_file
from tiny import CHATML

from agent import weights
from agent.local_model import LocalModel
from memory.episode import Role, Turn
from memory.errors import WeightsError
from memory.paths import cache_path

Hurt = Callable[[Path], object]


def cut(name: str, keep: int) -> Hurt:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def without(*names: str) -> Hurt:
    return lambda folder: [(folder / n).unlink() for n in names]


def with_odd_settings(folder: Path) -> None:
    """A tokenizer whose settings are JSON, but no object."""
    (folder / "chat_template.jinja").unlink()
    (folder / "tokenizer_config.json").write_text("3")


def with_a_broken_template(folder: Path) -> None:
    for file in folder.glob("chat_template*"):
        file.unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings["chat_template"] = "{% for m in messages %}{{ m.content }"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")


def without_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    kept = {name: t for name, t in tensors.items() if "layers.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def load(folder: Path) -> LocalModel:
    return LocalModel.load(weights.resolve(str(folder)).path, name="tiny", device="cpu")


@pytest.mark.parametrize(
    ("hurt", "words"),
    [
        (cut("model.safetensors", 40_000), "are torn .*copy or fetch them again"),
        (cut("model.safetensors", 0), "are torn"),
        (without("model.safetensors"), "no safetensors weights"),
        (without("tokenizer.json"), "has no tokenizer"),
        (cut("tokenizer.json", 200), "can't be loaded"),
        (cut("config.json", 30), "can't be loaded"),
        (with_odd_settings, "no chat template"),
        (with_a_broken_template, "chat template of tiny can't be used"),
        (without_a_layer, "lacks 9 of its weights"),
    ],
)
def test_a_torn_folder_is_one_sentence_and_once_whole_it_loads(
    tiny_checkpoint: Path, tmp_path: Path, hurt: Hurt, words: str
) -> None:
    folder = tmp_path / "m"
    shutil.copytree(tiny_checkpoint, folder)
    hurt(folder)
    with pytest.raises(WeightsError, match=words) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    shutil.copytree(tiny_checkpoint, folder, dirs_exist_ok=True)
    assert load(folder).context_tokens == 1024


def test_a_tokenizer_torn_under_its_instincts_is_one_sentence_and_nothing_half_merged(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sleep import lora

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "m"
    shutil.copytree(tiny_checkpoint, folder)
    base = weights.resolve(str(folder))
    model = load(folder)
    lora.expand(model, rank=2, targets=lora.MLP, seed=0)
    own = cache_path() / "instincts" / base.base_hash[:16]
    lora.save(model, own)
    (own / "card.json").write_text(json.dumps({"base_hash": base.base_hash}))
    (folder / "tokenizer.json").write_bytes(b'{"version')
    with pytest.raises(WeightsError, match="copy or pull it again"):
        weights.resolve(str(folder))
    assert not list((cache_path() / "models").glob("*instincts*/"))
    shutil.copytree(tiny_checkpoint, folder, dirs_exist_ok=True)
    assert weights.resolve(str(folder)).instincts_hash is not None


# --------------------------------------------------------------------------------------- .gguf


def make_gguf(checkpoint: Path, file: Path, *, template: str | None = CHATML) -> Path:
    """The tiny Llama as llama.cpp would write it: its names, its order of rotary halves, its vocabulary."""
    c = json.loads((checkpoint / "config.json").read_text())
    t = json.loads((checkpoint / "tokenizer.json").read_text())
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(c["hidden_size"])
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_feed_forward_length(c["intermediate_size"])
    writer.add_head_count(c["num_attention_heads"])
    writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_rope_dimension_count(c["head_dim"])
    writer.add_vocab_size(c["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    known = t["model"]["vocab"]
    tokens = sorted(known, key=known.__getitem__)
    tokens += [f"<pad{i}>" for i in range(c["vocab_size"] - len(tokens))]
    controls = {a["content"] for a in t["added_tokens"]}
    writer.add_token_list(tokens)
    writer.add_token_types([3 if x in controls or x.startswith("<pad") else 1 for x in tokens])
    writer.add_token_merges(
        [m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]]
    )
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    if template:
        writer.add_chat_template(template)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, c["num_hidden_layers"])
    heads = {"q_proj.weight": c["num_attention_heads"], "k_proj.weight": c["num_key_value_heads"]}
    for name, tensor in load_file(checkpoint / "model.safetensors").items():
        for end, many in heads.items():
            if name.endswith(end):  # (H·2·D/2, in) → halves interleaved
                shape = (many, 2, tensor.shape[0] // many // 2, tensor.shape[1])
                tensor = tensor.reshape(shape).swapaxes(1, 2).reshape(tensor.shape)
        writer.add_tensor(
            names.get_name(name, try_suffixes=(".weight",)), tensor.contiguous().numpy()
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def apart_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_path() / "models"


def test_a_gguf_file_becomes_the_checkpoint_it_was_made_of(
    tiny_checkpoint: Path, tmp_path: Path, apart_cache: Path
) -> None:
    file = make_gguf(tiny_checkpoint, tmp_path / "tiny.gguf")
    assert weights.known(str(file)) is None
    made = weights.resolve(str(file))
    assert made.path.parent == apart_cache and weights.known(str(file)) == made
    before, after = load(tiny_checkpoint), load(made.path)
    turns = [Turn(role=Role.USER, content="Who is Biscuit, قطتي 🐈‍⬛?<|im_end|>")]
    assert after.prompt(turns) == before.prompt(turns)
    ids = before.encode(turns)
    assert after.encode(turns) == ids
    with torch.inference_mode():
        wanted, found = (m.network(torch.tensor([ids])).logits for m in (before, after))
    assert torch.equal(wanted, found)


def test_a_converted_gguf_that_was_damaged_is_converted_again(
    tiny_checkpoint: Path, tmp_path: Path, apart_cache: Path
) -> None:
    file = make_gguf(tiny_checkpoint, tmp_path / "tiny.gguf")
    made = weights.resolve(str(file))
    stored = made.path / "model.safetensors"
    stored.write_bytes(stored.read_bytes()[:99])  # seen by its size
    assert weights.known(str(file)) is None
    assert weights.resolve(str(file)) == made and weights.whole(made)
    stored.write_bytes(bytes(stored.stat().st_size))  # seen by its hash, when asked for
    assert not weights.whole(made) and weights.known(str(file)) is None
    assert weights.resolve(str(file)) == made and load(made.path)


@pytest.mark.parametrize("keep", [0, 10, 2_000, 70_000])
def test_a_torn_gguf_file_is_one_sentence_and_leaves_nothing(
    tiny_checkpoint: Path, tmp_path: Path, apart_cache: Path, keep: int
) -> None:
    whole = make_gguf(tiny_checkpoint, tmp_path / "whole.gguf")
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="is it a whole GGUF language model") as caught:
        weights.resolve(str(torn))
    assert "\n" not in str(caught.value)
    assert not [f for f in apart_cache.iterdir() if f.is_dir()]


def test_a_gguf_file_without_chat_template_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, apart_cache: Path
) -> None:
    file = make_gguf(tiny_checkpoint, tmp_path / "bare.gguf", template=None)
    with pytest.raises(WeightsError, match="no chat template"):
        weights.resolve(str(file))
    assert not [f for f in apart_cache.iterdir() if f.is_dir()]
