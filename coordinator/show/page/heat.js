/* A measure or metric over two axes, as colours. */

/** From which number to which the colours go. */
ggdm.ramp = (lo, hi, c) => {
    const stops = d3.range(0, 1.01, 0.1).map((x) => ggdm.heat(x));
    return ggdm.h(
        "div",
        { class: "ramp" },
        ggdm.h("span", {}, c.text(lo)),
        ggdm.h("span", { class: "ramp-bar", style: `background: linear-gradient(to right, ${stops.join()})` }),
        ggdm.h("span", {}, c.text(hi)),
        ggdm.h("span", {}, c.label));
};

/* From 0 to 100 % where shares fill more than half of that; else from the lowest to the highest. */
const rangeOf = (values, c) => {
    const [lo, hi] = d3.extent(values);
    if (lo === undefined) return [0, 1];
    if (c.kind === "share" && hi - lo > 0.5) return [0, 1];
    return lo === hi ? [lo, lo + (Math.abs(lo) || 1)] : [lo, hi];
};

const byValue = (a) => d3.sort(d3.range(a.values.length), (i) => (a.numeric ? a.values[i] : i));

const picture = (width, cells, c, x, y, [lo, hi]) => {
    const columns = byValue(x);
    const rows = byValue(y).reverse();
    const longest = Math.min(d3.max(y.texts, (t) => t.length), width < 600 ? 14 : 30);
    const marginLeft = 24 + longest * 7;
    const inner = width - marginLeft - 12;
    const band = inner / columns.length;
    const height = Math.min(Math.max(band * 0.62, 18), 46);
    const wordy = d3.max(x.texts, (t) => t.length) * 7 > band * Math.ceil(columns.length / 12);
    const value = (k) => ggdm.run.value(k, c);
    const shade = (k) => (value(k) === null ? "none" : ggdm.heat((value(k) - lo) / (hi - lo)));
    const wide = band >= 38 && height >= 18;
    const [names, sides] = [ggdm.shortTexts(x.texts, 18), ggdm.shortTexts(y.texts, longest)];
    const every = (list, room) => list.filter((_, i) => i % Math.ceil(list.length / room) === 0);
    const at = { x: (k) => k.at[x.index], y: (k) => k.at[y.index] };
    return ggdm.plot({
        width,
        height: rows.length * height + (wordy ? 130 : 50) + 28,
        marginLeft,
        marginRight: 12,
        marginTop: 28,
        marginBottom: wordy ? 130 : 50,
        x: { type: "band", domain: columns, padding: 0.04, label: null },
        y: { type: "band", domain: rows, padding: 0.06, label: null },
        marks: [
            Plot.axisX(wordy ? every(columns, inner / 18) : every(columns, inner / 34), {
                tickFormat: (i) => names[i],
                tickSize: 0,
                tickRotate: wordy ? -40 : 0,
                label: null,
            }),
            Plot.axisY(rows, { tickFormat: (i) => sides[i], tickSize: 0, label: null }),
            Plot.text([`↑ ${y.title}`], { frameAnchor: "top-left", dx: -marginLeft + 4, dy: -20, fontSize: 12.5, fontWeight: 600 }),
            Plot.text([`${x.title} →`], { frameAnchor: "bottom-right", dy: wordy ? 124 : 40, fontSize: 12.5, fontWeight: 600 }),
            Plot.cell(cells, { ...at, fill: shade, stroke: "var(--line)", strokeWidth: (k) => (value(k) === null ? 1 : 0) }),
            wide && Plot.text(cells, { ...at, text: (k) => c.plain(value(k)), fill: (k) => (value(k) === null ? "var(--muted)" : ggdm.ink(shade(k))), fontSize: 11.5 }),
            ggdm.tip(cells, { ...at, title: (k) => `${ggdm.run.says(k)}\n${c.label}: ${ggdm.valueText(c, k.columns[c.name])}\n${k.cell}` }),
        ].filter(Boolean),
    });
};

/* One row for each value of y, as it stands in the picture. */
const numbersOf = (cells, c, x, y) => {
    const at = new Map(cells.map((k) => [`${k.at[x.index]},${k.at[y.index]}`, k]));
    const columns = byValue(x);
    return {
        heads: [`${y.label} \\ ${x.label}`, ...columns.map((i) => x.texts[i])],
        rows: byValue(y).map((j) => [y.texts[j], ...columns.map((i) => {
            const cell = at.get(`${i},${j}`);
            return cell ? c.plain(ggdm.run.value(cell, c)) : "–";
        })]),
    };
};

ggdm.heatMap = () => {
    const { run } = ggdm;
    const [usualX, usualY] = ggdm.usualAxes();
    if (!usualY || !run.columns.length) return;
    const again = () => panel.rebuild();
    let c, x, y, slice;
    const controls = () => {
        const measure = ggdm.choice("heat.of", "Measure", ggdm.columnOptions(), run.main.name, again);
        c = run.column(measure.value);
        const across = ggdm.choice("heat.x", "Across", ggdm.axisOptions(), usualX.name, again);
        x = run.axis(across.value);
        const others = ggdm.axisOptions([x.index]);
        const usual = others.find((o) => o.value === usualY.name) ?? others[0];
        const upwards = ggdm.choice("heat.y", "Upwards", others, usual.value, again);
        y = run.axis(upwards.value);
        slice = ggdm.slice("heat", [x.index, y.index], () => panel.redraw());
        return [measure.node, across.node, upwards.node, ...slice.nodes];
    };
    const draw = (width) => {
        const cells = run.cellsWith(slice.fixed());
        if (!cells.length) return [ggdm.h("p", { class: "notice" }, `No cell has ${slice.says()}.`)];
        const range = rangeOf(cells.map((k) => run.value(k, c)).filter((v) => v !== null), c);
        const where = slice.says();
        const says = `${c.label} over ${x.title} and ${y.title}${where ? `, at ${where}` : ""}, as colours`;
        return [
            ggdm.ramp(...range, c),
            ggdm.figure({ svg: picture(width, cells, c, x, y, range), says, caption: c.note || null, numbers: numbersOf(cells, c, x, y) }),
        ];
    };
    const panel = ggdm.panel("heat", "Two axes at once", null, controls, draw);
};
