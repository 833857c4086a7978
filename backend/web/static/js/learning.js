/* Draws what complaints teach from the page's own data block, with the colours of tokens.css. Every mark opens its
   rows; the same numbers stand in the tables, for keyboards and screen readers. */
const data = JSON.parse(document.getElementById("learn-data")?.textContent ?? "null");
const plots = new Map();

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function look() {
  const colour = {};
  for (const name of ["c1", "c2", "c-mute", "c-grid", "c-band", "ink", "ink-2", "ink-3", "line-strong", "surface",
    "danger", "danger-solid"]) colour[name] = token(`--${name}`);
  // The body's own font: a canvas does not know custom properties.
  colour.font = getComputedStyle(document.body).fontFamily;
  return colour;
}

const text = (c, ink = "ink-3", weight = 400) => ({ color: c[ink], fontFamily: c.font, fontSize: 12, fontWeight: weight });

// Tooltips are drawn on the canvas: as HTML they would need inline styles, which the page forbids.
const tip = (c, formatter) => ({ renderMode: "richText", confine: true, backgroundColor: c.surface,
  borderColor: c["line-strong"], padding: [6, 10], textStyle: text(c, "ink"), formatter });

const wide = (words) => [...words].reduce((sum, one) => sum + (one > "\u00ff" ? 1 : 0.55), 0);

function short(words, most) {
  if (wide(words) <= most) return words;
  let kept = words;
  while (kept && wide(kept) > most - 1) kept = kept.slice(0, -1);
  return `${kept}…`;
}

// On a phone there is room for a few bars; the others become one, which opens the table.
function fold(bars, most, total) {
  if (bars.length <= most) return bars;
  const sum = (name) => bars.slice(most - 1).reduce((so, bar) => so + bar[name], 0);
  return [...bars.slice(0, most - 1), { title: "其余", cases: sum("cases"), weight: sum("weight"), running: total, share: 1, href: "#clusters" }];
}

function pareto(c, { bars: all, total, vital }, width) {
  const bars = fold(all, Math.max(4, Math.floor(width / 56)), total);
  const room = Math.max(3, Math.floor(width / bars.length / 13));
  return {
    grid: { left: 4, right: 24, top: 22, bottom: 56 },
    xAxis: { type: "category", data: bars.map((b) => b.title), axisTick: { show: false }, axisLine: { lineStyle: { color: c["line-strong"] } },
      axisLabel: { ...text(c, "ink-2"), interval: 0, lineHeight: 17,
        formatter: (name, i) => `${short(name, room)}\n{n|${bars[i].cases} 件}\n{n|${bars[i].weight} 分}`, rich: { n: { ...text(c), lineHeight: 16 } } } },
    // Bars and running total on one scale: the line ends at the whole.
    yAxis: { type: "value", show: false, min: 0, max: total * 1.04 },
    tooltip: { trigger: "item", ...tip(c, (hit) => {
      const bar = bars[hit.dataIndex];
      return `${bar.title}\n${bar.cases} 件，${bar.weight} 分，累计 ${Math.round(bar.share * 100)}%`;
    }) },
    series: [{
      type: "bar", barMaxWidth: 72, barCategoryGap: "28%", cursor: "pointer",
      data: bars.map((b, i) => ({ value: b.weight, href: b.href, itemStyle: { color: i < vital ? c.c1 : c["c-mute"], borderRadius: 2 } })),
    }, {
      type: "line", symbol: "circle", symbolSize: 7, lineStyle: { color: c.c2, width: 2 }, itemStyle: { color: c.c2, borderColor: c.surface, borderWidth: 1.5 },
      cursor: "pointer", data: bars.map((b) => ({ value: b.running, href: b.href })),
      label: { show: true, position: "top", ...text(c), formatter: ({ dataIndex }) => `${Math.round(bars[dataIndex].share * 100)}%` },
    }],
  };
}

function control(unit, digits) {
  const say = (value) => `${value.toFixed(digits)}${unit}`;
  return (c, { points, centre }, width) => {
    const seen = points.flatMap((p) => [p.value, p.upper]).filter((value) => value != null);
    const high = Math.max(...seen, 0.001) * 1.12;
    const every = Math.max(1, Math.ceil(points.length / 7));
    const last = points.findLast((p) => p.upper != null);
    const mark = (value, label) => ({ yAxis: value, lineStyle: { color: "transparent" }, label: { formatter: label, position: "end", ...text(c) } });
    const limit = (name, values, area) => ({ name, type: "line", step: "middle", symbol: "none", silent: true, data: values, stack: "band",
      lineStyle: { color: c["ink-3"], type: [4, 3], width: 1 }, z: 1, ...(area ? { areaStyle: { color: c["c-band"], opacity: 1 } } : {}) });
    // Only the newest two signals carry words: more would cover each other; the table names them all.
    const spoken = points.map((p, i) => (p.signal ? i : -1)).filter((i) => i >= 0).slice(-2);
    return {
      grid: { left: 40, right: centre == null ? 16 : 84, top: 14, bottom: 24 },
      xAxis: { type: "category", data: points.map((p) => p.label), axisLine: { show: false }, axisTick: { show: false },
        axisLabel: { ...text(c), interval: (i) => (points.length - 1 - i) % every === 0 } },
      yAxis: { type: "value", min: 0, max: high, splitNumber: 4, splitLine: { lineStyle: { color: c["c-grid"] } },
        axisLabel: { ...text(c), showMaxLabel: false, formatter: (v) => `${+v.toFixed(1)}${unit}` } },
      tooltip: { trigger: "item", ...tip(c, (hit) => hit.data?.words) },
      series: [...(centre == null ? [] : [
        limit("下限", points.map((p) => p.lower), false),
        // Stacked on the lower limit: the band between the two.
        limit("上限", points.map((p) => (p.lower == null ? null : p.upper - p.lower)), true),
      ]), {
        type: "line", z: 5, connectNulls: false, cursor: "pointer", lineStyle: { color: c.c1, width: 2 },
        data: points.map((p, i) => ({
          value: p.value, href: p.href, words: p.rule_words ? `${p.text}\n${p.rule_words}` : p.text, symbol: "circle", symbolSize: p.signal ? 10 : 8,
          // An unfinished week is hollow: it is drawn and not judged.
          itemStyle: p.unfinished ? { color: c.surface, borderColor: c.c1, borderWidth: 1.5 }
            : { color: p.signal ? c["danger-solid"] : c.c1, borderColor: c.surface, borderWidth: 1.5 },
          label: spoken.includes(i) ? { show: true, distance: 12, ...text(c, "danger", 600), align: i < points.length / 2 ? "left" : "right",
            position: p.signal === "high" ? "top" : "bottom", formatter: `${say(p.value)}，${p.rule_words.split("，")[0]}` } : undefined,
        })),
        markLine: centre == null ? undefined : { silent: true, symbol: "none", animation: false, data: [
          { yAxis: centre, lineStyle: { color: c["ink-3"], type: "solid", width: 1 }, label: { formatter: `中线 ${say(centre)}`, position: "end", ...text(c, "ink-2") } },
          ...(last ? [mark(last.upper, `上限 ${say(last.upper)}`), ...(last.lower > 0 ? [mark(last.lower, `下限 ${say(last.lower)}`)] : [])] : []),
        ] },
      }, {
        // The ring around a signal: shape and words beside the colour.
        type: "scatter", silent: true, z: 6, symbolSize: 20, itemStyle: { color: "transparent", borderColor: c["danger-solid"], borderWidth: 1.5 },
        data: points.map((p, i) => (p.signal ? [i, p.value] : null)).filter(Boolean),
      }],
    };
  };
}

const charts = { "plot-pareto": ["pareto", pareto], "plot-weekly": ["weekly", control("‰", 1)], "plot-days": ["days", control(" 天", 1)] };

function draw() {
  const c = look();
  for (const [id, [name, option]] of Object.entries(charts)) {
    const box = document.getElementById(id);
    if (!box || !data?.[name]) continue;
    let plot = plots.get(id);
    if (!plot) {
      plot = window.echarts.init(box, null, { renderer: "canvas" });
      plot.on("click", (hit) => { if (hit.data?.href) location.assign(hit.data.href); });
      new ResizeObserver(() => plot.resize()).observe(box);
      plots.set(id, plot);
    }
    plot.setOption({ animation: false, ...option(c, data[name], box.clientWidth) }, true);
  }
}

if (data && window.echarts) {
  draw();
  document.addEventListener("zk:theme", draw);
  document.fonts?.ready.then(draw);
}

// A choice in a list needs no second click; the panel of dates keeps its button.
document.querySelectorAll("[data-send]").forEach((field) => field.addEventListener("change", () => {
  // What is not asked stays out of the address.
  for (const other of field.form.elements) if (other.name && !other.value) other.disabled = true;
  field.form.requestSubmit();
}));
// Esc and a click elsewhere close a panel and give the focus back.
document.querySelectorAll("details.menu").forEach((menu) => {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
});
