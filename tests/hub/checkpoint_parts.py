"""What the small checkpoints share: sizes, tokenizers, preprocessors."""

import json
from pathlib import Path

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
OPENAI = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
BYTE_SYMBOLS = [
    chr(code)
    for first, last in (("!", "~"), ("¡", "¬"), ("®", "ÿ"))
    for code in range(ord(first), ord(last) + 1)
]
"""CLIP's printable stand-ins of bytes; the other 68 bytes are the code points from 256 on."""
WORDPIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SYMBOLS = "0123456789abcdefghijklmnopqrstuvwxyz.,-'?!"


def vit(layers: int = 2) -> dict:
    """Sizes of a small vision transformer."""
    return {
        "hidden_size": 32,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "qkv_bias": True,
    }


def clip_text(vocabulary: int) -> dict:
    """Sizes of a small CLIP text tower of the real length."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 77,
    }


def write_clip_tokenizer(folder: Path, pad: str, fast: bool) -> int:
    """`vocab.json` and `merges.txt` of CLIP's kind, every byte and the merges of one word.

    Args:
        folder: where they go.
        pad: the padding token.
        fast: whether `tokenizer.json` is there too, as in OpenAI's repositories.

    Returns:
        Size of the vocabulary; its last two words are start and end.
    """
    alphabet = [*BYTE_SYMBOLS, *(chr(256 + index) for index in range(256 - len(BYTE_SYMBOLS)))]
    merges = [("d", "o"), ("do", "g</w>")]
    words = [*alphabet, *(symbol + "</w>" for symbol in alphabet)]
    words += [left + right for left, right in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    special = {"bos_token": words[-2], "eos_token": words[-1], "unk_token": words[-1]}
    special["pad_token"] = pad
    if fast:
        from transformers import CLIPTokenizer

        CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77).save_pretrained(folder)
    folder.mkdir(exist_ok=True)
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "special_tokens_map.json", special)
    write_json(
        folder / "tokenizer_config.json",
        {
            **special,
            "add_prefix_space": False,
            "do_lower_case": True,
            "errors": "replace",
            "model_max_length": 77,
            "tokenizer_class": "CLIPTokenizer",
        },
    )
    return len(words)


def write_bert_tokenizer(folder: Path) -> int:
    """`vocab.txt` and `tokenizer.json` of BERT's kind, letter by letter; size of the vocabulary."""
    from transformers import BertTokenizer

    words = [*WORDPIECES, *SYMBOLS, *(f"##{symbol}" for symbol in SYMBOLS)]
    vocabulary = {word: index for index, word in enumerate(words)}
    BertTokenizer(vocab=vocabulary, model_max_length=512).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return len(words)


def write_preprocessor(folder: Path, kind: str, **entries) -> None:
    """`preprocessor_config.json` as repositories have it."""
    config = {"do_normalize": True, "image_processor_type": kind, **entries}
    write_json(folder / "preprocessor_config.json", config)


def write_old_preprocessor(folder: Path, kind: str, **entries) -> None:
    """The form of early repositories: a feature extractor, sizes as bare numbers."""
    config = {"do_normalize": True, "do_resize": True, "feature_extractor_type": kind, "size": 224}
    write_json(folder / "preprocessor_config.json", config | entries)


def write_json(path: Path, content: dict) -> None:
    """A JSON file as the hub's repositories have it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
