/* Draws the dashboard's charts from the page's own data block, with the colours of tokens.css. Every mark opens
   its rows; the same numbers stand in the table under each chart, for keyboards and screen readers. */
const data = JSON.parse(document.getElementById("dash-data")?.textContent ?? "null");
const plots = new Map();

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const percent = (value) => `${(value * 100).toFixed(1)}%`;
const thousands = (value) => value.toLocaleString("en-US");

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

function weekly(c, { points, centre }) {
  const seen = points.flatMap((p) => [p.value, p.lower, p.upper]).filter((value) => value != null);
  const low = Math.max(0, Math.floor((Math.min(...seen) - 0.02) * 20) / 20);
  const high = Math.min(1, Math.ceil((Math.max(...seen) + 0.01) * 20) / 20);
  const every = Math.max(1, Math.ceil(points.length / 7));
  const last = points.findLast((p) => p.upper != null);
  const mark = (value, label, ink = "ink-3") => ({ yAxis: value, lineStyle: { color: "transparent" },
    label: { formatter: label, position: "end", ...text(c, ink) } });
  const limit = (name, values, area) => ({ name, type: "line", step: "middle", symbol: "none", silent: true, data: values,
    stack: area ? "band" : undefined, lineStyle: { color: c["ink-3"], type: [4, 3], width: 1 }, z: 1,
    ...(area === "fill" ? { areaStyle: { color: c["c-band"], opacity: 1 } } : {}) });
  const limits = centre == null ? [] : [
    limit("下限", points.map((p) => p.lower), "base"),
    // Stacked on the lower limit: the band between the two.
    limit("上限", points.map((p) => (p.lower == null ? null : p.upper - p.lower)), "fill"),
  ];
  return {
    grid: { left: 42, right: centre == null ? 16 : 84, top: 14, bottom: 24 },
    xAxis: { type: "category", data: points.map((p) => p.label), axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { ...text(c), interval: (i) => (points.length - 1 - i) % every === 0 } },
    yAxis: { type: "value", min: low, max: high, splitNumber: 4, axisLabel: { ...text(c), formatter: (v) => `${Math.round(v * 100)}%` },
      splitLine: { lineStyle: { color: c["c-grid"] } } },
    tooltip: { trigger: "item", ...tip(c, (hit) => hit.data?.words) },
    series: [...limits, {
      name: "满意度", type: "line", z: 5, connectNulls: false, cursor: "pointer", lineStyle: { color: c.c1, width: 2 },
      data: points.map((p, i) => ({
        value: p.value, href: p.href, words: p.text, symbol: "circle", symbolSize: p.signal ? 10 : 8,
        itemStyle: { color: p.signal ? c["danger-solid"] : c.c1, borderColor: c.surface, borderWidth: 1.5 },
        label: p.signal ? { show: true, position: i < points.length / 3 ? "right" : "left", distance: 14, ...text(c, "danger", 600),
          lineHeight: 17, rich: { base: { ...text(c, "ink-2"), lineHeight: 17 } },
          formatter: `${percent(p.value)}，${p.signal === "low" ? "低于下限" : "高于上限"}\n{base|${p.words}，${p.k} / ${p.n}}` } : undefined,
      })),
      markLine: centre == null ? undefined : { silent: true, symbol: "none", animation: false, data: [
        { yAxis: centre, lineStyle: { color: c["ink-3"], type: "solid", width: 1 },
          label: { formatter: `均值 ${percent(centre)}`, position: "end", ...text(c, "ink-2") } },
        ...(last ? [mark(last.upper, `上限 ${percent(last.upper)}`), mark(last.lower, `下限 ${percent(last.lower)}`)] : []),
      ] },
    }, {
      // The ring around a signal: shape and words beside the colour.
      type: "scatter", silent: true, z: 6, symbolSize: 20,
      itemStyle: { color: "transparent", borderColor: c["danger-solid"], borderWidth: 1.5 },
      data: points.map((p, i) => (p.signal ? [i, p.value] : null)).filter(Boolean),
    }],
  };
}

function funnel(c, { steps }) {
  return {
    grid: { left: 96, right: 64, top: 4, bottom: 8 },
    xAxis: { type: "value", show: false, min: 0, max: Math.max(...steps.map((s) => s.k), 1) },
    yAxis: { type: "category", inverse: true, data: steps.map((s) => s.title), axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { ...text(c, "ink-2"), align: "left", margin: 96 } },
    tooltip: { trigger: "item", ...tip(c, (hit) => `${hit.name} ${thousands(hit.value)}${hit.data.note ? `，${hit.data.note}` : ""}`) },
    series: [{
      type: "bar", barWidth: 26, cursor: "pointer",
      label: { show: true, position: "right", ...text(c, "ink", 600), formatter: ({ value }) => thousands(value) },
      data: steps.map((s, i) => ({ value: s.k, href: s.href, note: s.note,
        itemStyle: { color: i === steps.length - 1 ? c["c-mute"] : c.c1, borderRadius: 3 } })),
    }, {
      // How many came through to the next step, written between the bars.
      type: "custom", silent: true, data: steps.map((s, i) => [0, i, s.note]), encode: { x: 0, y: 1 },
      renderItem: (_params, api) => {
        const [x, y] = api.coord([0, api.value(1)]);
        const step = steps[api.value(1)];
        if (!step.note) return null;
        return { type: "text", x, y: y - api.size([0, 1])[1] / 2 - 6,
          style: { text: step.note, fill: c["ink-3"], font: `12px ${c.font}` } };
      },
    }],
  };
}

function reasons(c, { rows, mentions }) {
  const vital = rows.findIndex((r) => r.share >= 0.5);
  return {
    grid: { left: 4, right: 24, top: 22, bottom: 40 },
    xAxis: { type: "category", data: rows.map((r) => r.reason), axisTick: { show: false }, axisLine: { lineStyle: { color: c["line-strong"] } },
      axisLabel: { ...text(c, "ink-2"), interval: 0, lineHeight: 17, formatter: (name, i) => `${name}\n{n|${thousands(rows[i].k)} 次}`,
        rich: { n: text(c) } } },
    // Bars and running total on one scale: the line ends at all mentions.
    yAxis: { type: "value", show: false, min: 0, max: mentions * 1.02 },
    tooltip: { trigger: "item", ...tip(c, (hit) => `${hit.name} ${rows[hit.dataIndex].k} 次，累计 ${Math.round(rows[hit.dataIndex].share * 100)}%`) },
    series: [{
      type: "bar", barMaxWidth: 80, barCategoryGap: "28%", cursor: "pointer",
      data: rows.map((r, i) => ({ value: r.k, href: r.href, itemStyle: { color: i <= vital ? c.c1 : c["c-mute"], borderRadius: 2 } })),
    }, {
      type: "line", symbol: "circle", symbolSize: 7, lineStyle: { color: c.c2, width: 2 }, itemStyle: { color: c.c2, borderColor: c.surface, borderWidth: 1.5 },
      cursor: "pointer", data: rows.map((r) => ({ value: r.running, href: r.href })),
      label: { show: true, position: "top", ...text(c), formatter: ({ dataIndex }) => `${Math.round(rows[dataIndex].share * 100)}%` },
    }],
  };
}

const charts = { "plot-weekly": ["weekly", weekly], "plot-funnel": ["funnel", funnel], "plot-reasons": ["reasons", reasons] };

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
    plot.setOption({ animation: false, ...option(c, data[name]) }, true);
  }
}

if (data && window.echarts) {
  draw();
  document.addEventListener("zk:theme", draw);
  document.fonts?.ready.then(draw);
}

// A choice in a list needs no second click; the panel of dates keeps its button.
document.querySelectorAll("[data-send]").forEach((field) => field.addEventListener("change", () => field.form.requestSubmit()));
// Esc and a click elsewhere close the panel and give the focus back.
document.querySelectorAll("details.menu").forEach((menu) => {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
});
