"""Charts as inline SVG: no script, readable in print, coloured by the page's tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 440, 300
LEFT, BOTTOM, TOP, RIGHT = 44, 34, 10, 12


def _x(value: float) -> float:
    return round(LEFT + value * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float) -> float:
    return round(HEIGHT - BOTTOM - value * (HEIGHT - BOTTOM - TOP), 1)


def _frame(x_title: str, y_title: str, body: list[str], label: str) -> str:
    grid = []
    for tenth in (0, 2, 4, 6, 8, 10):
        at = tenth / 10
        grid.append(f'<line class="grid" x1="{_x(at)}" y1="{_y(0)}" x2="{_x(at)}" y2="{_y(1)}"/>')
        grid.append(f'<line class="grid" x1="{_x(0)}" y1="{_y(at)}" x2="{_x(1)}" y2="{_y(at)}"/>')
        grid.append(f'<text class="tick" x="{_x(at)}" y="{_y(0) + 15}" text-anchor="middle">{tenth * 10}%</text>')
        grid.append(f'<text class="tick" x="{_x(0) - 6}" y="{_y(at) + 4}" text-anchor="end">{tenth * 10}%</text>')
    axes = (f'<text class="axis" x="{_x(.5)}" y="{HEIGHT - 3}" text-anchor="middle">{x_title}</text>'
            f'<text class="axis" x="{LEFT + 4}" y="{TOP + 11}">{y_title}</text>')
    return (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
                  + "".join(grid) + "".join(body) + axes + "</svg>")


def reliability_chart(rows: Sequence[Mapping[str, float]]) -> str:
    """Accuracy over confidence; on the diagonal the model is as sure as it should be. Whiskers: 95 %."""
    body = [f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>']
    for row in rows:
        x = _x(row["mean_confidence"])
        body.append(f'<line class="whisker" x1="{x}" y1="{_y(row["low"])}" x2="{x}" y2="{_y(row["high"])}"/>')
    path = " ".join(f'{_x(row["mean_confidence"])},{_y(row["accuracy"])}' for row in rows)
    body.append(f'<polyline class="line" points="{path}"/>')
    for row in rows:
        said = (f'把握 {row["from"]:.0%}–{row["to"]:.0%}：{row["n"]} 句，答对 {row["accuracy"]:.0%}'
                f'（95% 区间 {row["low"]:.0%}–{row["high"]:.0%}）')
        body.append(f'<circle class="dot" cx="{_x(row["mean_confidence"])}" cy="{_y(row["accuracy"])}" r="4">'
                    f'<title>{said}</title></circle>')
    return _frame("模型的把握", "实际答对", body, "可靠性曲线：模型的把握与实际答对率")


def refusal_chart(rows: Sequence[Mapping[str, float]], chosen: tuple[float, float]) -> str:
    """Strangers refused over customers refused; the dot is where the product stands."""
    path = " ".join(f'{_x(row["inside_refused"])},{_y(row["outside_refused"])}' for row in rows)
    x, y = chosen
    body = [f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>',
            f'<polyline class="line" points="{path}"/>',
            f'<circle class="dot" cx="{_x(x)}" cy="{_y(y)}" r="5"><title>产品现在：误拒 {x:.1%}，拒对 {y:.1%}</title></circle>']
    return _frame("误拒：把我们能答的挡在外面", "拒对：把答不了的挡住", body, "范围外曲线：拒对与误拒")


def interval_bar(value: float, low: float, high: float) -> str:
    """A small bar from 0 to 1 with its interval, for a table's cell."""
    return (f'<svg class="bar" viewBox="0 0 120 14" aria-hidden="true"><rect class="track" x="0" y="5" width="120" height="4"/>'
                  f'<rect class="fill" x="0" y="5" width="{value * 120:.1f}" height="4"/>'
                  f'<line class="whisker" x1="{low * 120:.1f}" x2="{high * 120:.1f}" y1="7" y2="7"/></svg>')
