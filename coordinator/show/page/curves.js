/* Any measure or metric over any axis, with curves by any other. */

/* The axis that has most to show along it, and the one that tells curves apart. */
ggdm.usualAxes = () => {
    if (!ggdm.run.axes.length) return [null, null];
    const numbers = ggdm.run.axes.filter((a) => a.numeric && a.values.length > 1);
    const most = d3.greatest(numbers, (a) => (a.role === "duration" ? 1e6 : a.values.length)) ?? ggdm.run.axes[0];
    const open = ggdm.openAxes([most.index]).filter((a) => a.values.length <= 12);
    return [most, d3.greatest(open, (a) => (a.role === "strength" ? 2 : Number(a.numeric))) ?? null];
};

/* Unguided cells of a slice are one line across where they are one thing. */
const unguidedLevel = (cells, c) => {
    const values = new Set(cells.filter((k) => k.unguided).map((k) => ggdm.run.value(k, c)));
    values.delete(null);
    return values.size === 1 ? [...values][0] : null;
};

const isOfUnguided = (cells) => cells.length > 0 && cells.every((k) => k.unguided);

const pointOf = (cell, c, x, scale) => {
    const [value, lo, hi] = cell.columns[c.name] ?? [null];
    const scaled = (v) => (v === null || v === undefined ? null : v * c.factor);
    return {
        x: scale.at(cell.at[x.index]),
        y: scaled(value),
        lo: scaled(lo),
        hi: scaled(hi),
        cell,
        title: `${ggdm.run.says(cell)}\n${c.label}: ${ggdm.valueText(c, cell.columns[c.name])}\n${cell.cell}${cell.diverged ? `, ${cell.diverged} diverged` : ""}`,
    };
};

/* The curves of a slice: [{index, cells, points, style}]; those without guidance apart. */
const curvesOf = (cells, c, x, by, scale) => {
    const style = ggdm.curveStyle(by);
    const sorted = d3.sort(cells, (k) => scale.at(k.at[x.index]));
    return d3
        .sort(d3.groups(sorted, (k) => (by ? k.at[by.index] : 0)), ([i]) => i)
        .map(([i, list]) => ({
            index: i,
            cells: list,
            style: style(i),
            plain: by !== null && isOfUnguided(list),
            points: list.map((k) => pointOf(k, c, x, scale)),
        }));
};

const levelsOf = (cells, curves, c) => {
    const levels = [];
    const muted = "var(--muted)";
    const level = unguidedLevel(cells, c);
    if (level !== null) levels.push({ y: level * c.factor, color: muted, dash: "6 4" });
    else
        for (const curve of curves) {
            const own = unguidedLevel(curve.cells, c);
            if (own !== null) levels.push({ y: own * c.factor, color: curve.style.color, dash: "6 4" });
        }
    const chance = [ggdm.run.judge, ggdm.run.guide].find((j) => j?.column === c.name)?.chance;
    if (chance)
        levels.push({ y: chance * c.factor, color: muted, dash: "1.5 3.5", chance: true });
    return levels;
};

/* Shares on one scale, 0 to 100 %, unless the reader wants to see more. */
const yDomain = (c, zoom) => (c.kind === "share" && !zoom ? [0, 100] : undefined);

const withoutGuidance = () => {
    const { strength } = ggdm.run;
    return strength ? `without guidance (${strength.says(strength.off)})` : "without guidance";
};

const legendOf = (curves, by, levels) => [
    ...curves.filter((k) => !k.plain && by).map((k) => ({ ...k.style, text: by.says(k.index) })),
    ...(levels.some((l) => !l.chance) ? [{ color: "var(--muted)", dash: "6 4", text: withoutGuidance() }] : []),
    ...(levels.some((l) => l.chance)
        ? [{ color: "var(--muted)", dash: "1.5 3.5", text: `by chance: ${levels.find((l) => l.chance).y.toFixed(1)}\u202f%` }]
        : []),
];

const saysOf = (c, x, by, cells, where) => {
    const known = cells.filter((k) => ggdm.run.value(k, c) !== null);
    const high = d3.greatest(known, (k) => ggdm.run.value(k, c));
    const low = d3.least(known, (k) => ggdm.run.value(k, c));
    const range = high
        ? ` Highest ${c.text(ggdm.run.value(high, c))} at ${ggdm.run.says(high)}; lowest ${c.text(ggdm.run.value(low, c))} at ${ggdm.run.says(low)}.`
        : " There are no numbers yet.";
    return `${c.label} over ${x.title}${by ? `, curves by ${by.title}` : ""}${where ? `, at ${where}` : ""}.${range}`;
};

const numbersOf = (cells, c) => ({
    heads: ["cell", ...ggdm.run.axes.map((a) => a.label), c.title, "from", "to", "n"],
    rows: cells.map((k) => {
        const [value, lo, hi, n] = k.columns[c.name] ?? [];
        return [k.cell, ...ggdm.run.axes.map((a) => a.texts[k.at[a.index]]), c.plain(value), c.plain(lo), c.plain(hi), n ? ggdm.whole(n) : "–"];
    }),
});

ggdm.curves = () => {
    const { run } = ggdm;
    if (!run.axes.length || !run.columns.length) return;
    const [usualX, usualBy] = ggdm.usualAxes();
    const again = () => panel.rebuild();
    let c, x, by, slice, log, zoom, bands;
    const controls = () => {
        const measure = ggdm.choice("curves.of", "Measure", ggdm.columnOptions(), run.main.name, again);
        c = run.column(measure.value);
        const along = ggdm.choice("curves.x", "Along", ggdm.axisOptions(), usualX.name, again);
        x = run.axis(along.value);
        const none = { value: "", text: "no other: one curve" };
        const open = ggdm.openAxes([x.index]).map((a) => a.index);
        const others = ggdm.axisOptions(run.axes.map((a) => a.index).filter((i) => !open.includes(i)));
        const usual = others.find((o) => o.value === usualBy?.name) ?? others[0];
        const series = ggdm.choice("curves.by", "Curves by", [...others, none], usual?.value ?? "", again);
        by = run.axis(series.value) ?? null;
        slice = ggdm.slice("curves", by ? [x.index, by.index] : [x.index], () => panel.redraw());
        log = ggdm.canLog(x) ? ggdm.tick(`curves.log.${x.name}`, `logarithmic ${x.label}`, ggdm.wantsLog(x), again) : null;
        bands = ggdm.tick("curves.bands", "intervals", true, again);
        zoom = c.kind === "share" ? ggdm.tick("curves.zoom", "zoom in", false, again) : null;
        return [measure, along, others.length ? series : null].map((k) => k?.node).concat(slice.nodes, log?.node, bands.node, zoom?.node);
    };
    const draw = (width) => {
        const cells = run.cellsWith(slice.fixed());
        const scale = ggdm.axisScale(x, log?.value ?? false);
        const all = curvesOf(cells, c, x, by, scale);
        const levels = levelsOf(cells, all, c);
        const curves = all.filter((k) => !k.plain || levels.every((l) => l.chance));
        const says = saysOf(c, x, by, cells, slice.says());
        if (!cells.length) return [ggdm.h("p", { class: "notice" }, `No cell has ${slice.says()}.`)];
        const svg = ggdm.lines({
            width,
            height: Math.min(Math.max(width * 0.45, 300), 440),
            x: { scale, label: `${x.title} →` },
            y: { label: c.title, domain: yDomain(c, zoom?.value) },
            curves,
            levels,
            joined: x.numeric,
            bands: bands.value,
        });
        return [ggdm.figure({ svg, says, legend: legendOf(curves, by, levels), caption: c.note || null, numbers: numbersOf(cells, c) })];
    };
    const panel = ggdm.panel("curves", "How it depends on what was varied", null, controls, draw);
};
