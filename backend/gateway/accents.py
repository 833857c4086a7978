"""The few main colours that an embedding site may choose from, each checked for contrast in light and dark.

The names are those of the tokens that they replace; everything else stays as tokens.css decides it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Accent:
    """One choice: values of the brand tokens by scheme. Empty: as the tokens stand."""

    zh: str
    light: dict[str, str]
    dark: dict[str, str]


def _shades(brand: str, hover: str, ink: str, soft: str, line: str) -> dict[str, str]:
    return {"brand": brand, "brand-hover": hover, "brand-ink": ink, "brand-soft": soft, "brand-line": line,
            "focus": brand}


ACCENTS = {
    "celadon": Accent("青瓷", {}, {}),
    "indigo": Accent("靛蓝", _shades("#2F4B8F", "#263D75", "#2A4482", "#E8EDF8", "#B3C2E2"),
                     _shades("#9DB4EC", "#B3C6F2", "#A9BDF0", "#1E2940", "#3D4F7A")),
    "plum": Accent("酱紫", _shades("#7A3B69", "#642F56", "#703560", "#F6EAF2", "#D9B5CC"),
                   _shades("#DDA0C8", "#E8B6D6", "#E2ABD0", "#35202F", "#6B4560")),
    "umber": Accent("赭石", _shades("#8A4B1F", "#723D18", "#7D431B", "#F8EDE3", "#DFC0A3"),
                    _shades("#E0A878", "#EBBB92", "#E5B186", "#33251A", "#68492F")),
    "ink": Accent("墨色", _shades("#37454A", "#2B363A", "#37454A", "#EAEEEF", "#B9C4C7"),
                  _shades("#B4C3C7", "#C5D1D5", "#BECBCF", "#242C2E", "#475357")),
}
