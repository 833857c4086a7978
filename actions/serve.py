"""`python -m actions.serve`: the action server on loopback."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path


def main() -> int:
    port = int(os.environ.get("ACTIONS_PORT", "5055"))
    if not os.environ.get("ZHIKE_BOT_SECRET"):
        print("缺少环境变量 ZHIKE_BOT_SECRET（与后台共享的密钥）。用 make up 启动会自动生成。", file=sys.stderr)
        return 2
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from actions.folding import converter

    try:
        converter()
    except Exception as error:  # not installed, or without its tables
        print(f"繁体转简体的组件 OpenCC 不能用（{error}）。请运行 make setup 重新安装依赖。", file=sys.stderr)
        return 2
    import sanic.app  # noqa: F401  # switches deprecations on when imported, so it must come first

    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("sanic.access").setLevel(logging.WARNING)

    from rasa_sdk.endpoint import create_app

    app = create_app("actions", cors_origins=None)
    print(f"动作服务：端口 {port}", flush=True)
    app.run(host="127.0.0.1", port=port, workers=1, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
