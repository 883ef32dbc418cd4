/* What the flight recorder noted on the way of a cell's images: where guidance bites, where it blows
 * up. */

/* Quantities of a record; of each term of the guidance, but the first. */
const quantities = [
    { key: "clamped", label: "clamped values of x0-hat", unit: "%", factor: 100, note: "Share of the values of x0-hat that lie beyond the range of images: near 0 all is well, a rise says that guidance pushes further than the model can follow." },
    { key: "norm", label: "norm of the gradient", log: true, note: "Length of the gradient of the loss: how hard guidance pulls in this step. Where the scale is logarithmic, what is below its edge lies on it." },
    { key: "loss", label: "loss", note: "What guidance makes smaller: it bites where this falls." },
    { key: "cosine", label: "cosine with eps", note: "Between the gradient and the model's own step: 1 the same way, 0 across, −1 against it." },
];

/* [[q10, q50, q90]] of a record, scaled. */
const bandOf = (record, quantity, termName) => {
    const term = record.terms.find((t) => t.name === termName);
    const list = quantity.key === "clamped" ? record.clamped : term?.[quantity.key];
    return list?.map((b) => b && b.map((v) => v * (quantity.factor ?? 1))) ?? [];
};

const stepScale = (records) => {
    const steps = [...new Set(records.flatMap((r) => r.step))].sort(d3.ascending);
    return ggdm.axisScale({ numeric: true, values: steps, texts: steps.map(String) }, false);
};

const numberText = (v) => (v === null ? "–" : String(Number(v.toPrecision(3))));

const curveOf = (cell, record, quantity, termName, style, name) => ({
    style,
    points: bandOf(record, quantity, termName).map((b, i) => ({
        x: record.step[i],
        y: b?.[1] ?? null,
        lo: b?.[0] ?? null,
        hi: b?.[2] ?? null,
        title: `${name}\nstep ${record.step[i]}: ${b ? `${numberText(b[1])} (${numberText(b[0])} to ${numberText(b[2])})` : "–"}`,
    })),
});

/* Where images of these cells diverged: crosses below. */
const divergedMarks = (entries) => {
    const points = entries.flatMap(({ record, style }) => (record.diverged ?? []).map((step) => ({ step, color: style.color })));
    return points.length ? [Plot.dot(points, { x: "step", frameAnchor: "bottom", symbol: "times", stroke: "color", strokeWidth: 2, r: 5 }), Plot.text(["×: where images diverged"], { frameAnchor: "bottom-left", dy: 40, fontSize: 11.5 })] : [];
};

const DEPTH = 1e-4; // of a logarithmic scale; what is below lies on its edge

/* [domain, logarithmic] for these points. */
const rangeOf = (points, quantity) => {
    const [least, most] = [d3.min(points, (p) => p.lo), d3.max(points, (p) => p.hi)];
    if (quantity.key === "clamped") return [[0, Math.max(most, 1)], false];
    if (!quantity.log || most <= 20 * least || most <= 0) return [undefined, false];
    return [[Math.max(least, most * DEPTH), most], true];
};

/* entries [{cell, record, style, name}] */
const picture = (width, height, entries, quantity, termName, bands) => {
    const curves = entries.map((e) => curveOf(e.cell, e.record, quantity, termName, e.style, e.name));
    const known = curves.flatMap((c) => c.points).filter((p) => p.y !== null);
    const [domain, log] = rangeOf(known, quantity);
    const scale = stepScale(entries.map((e) => e.record));
    return ggdm.lines({
        width,
        height,
        x: { scale, label: "step, from noise to image →" },
        y: { label: quantity.unit ? `${quantity.label}, ${quantity.unit}` : quantity.label, log, domain },
        curves,
        levels: quantity.key === "cosine" ? [{ y: 0, color: "var(--muted)", dash: "2 3" }] : [],
        joined: true,
        bands,
        marks: divergedMarks(entries),
    });
};

const numbersOf = (entries, quantity, termName) => ({
    heads: ["cell", "step", "median", "10\u202f%", "90\u202f%"],
    rows: entries.flatMap(({ cell, record }) => bandOf(record, quantity, termName).map((b, i) => [cell.cell, String(record.step[i]), ...(b ? [b[1], b[0], b[2]].map(numberText) : ["–", "–", "–"])])),
});

/* Where it is largest, as a sentence. */
const saysOf = (entries, quantity, termName, where) => {
    const all = entries.flatMap(({ record, name }) => bandOf(record, quantity, termName).map((b, i) => ({ name, y: b?.[1] ?? null, step: record.step[i] })));
    const high = d3.greatest(all.filter((p) => p.y !== null), (p) => p.y);
    const unit = quantity.unit ? `\u202f${quantity.unit}` : "";
    return `Over the steps: ${quantity.label}, median of the recorded images${where ? `, at ${where}` : ""}.${high ? ` Largest ${numberText(high.y)}${unit} in step ${high.step}${high.name ? ` (${high.name})` : ""}.` : ""}`;
};

/** Small charts of one cell's record, for the enlarged image; [] where there is none. */
ggdm.recordFigures = (cell) => {
    const record = ggdm.run.records[cell.cell];
    if (!record) return [];
    const entry = [{ cell, record, style: ggdm.curveStyle(null)(0), name: cell.cell }];
    const terms = record.terms.map((t) => t.name);
    const named = (q, t) => (terms.length > 1 ? { ...q, label: `${q.label}, ${t}` } : q);
    const shown = quantities
        .flatMap((q) => (q.key === "clamped" ? [[q, null]] : terms.map((t) => [named(q, t), t])))
        .filter(([q, t]) => bandOf(record, q, t).some(Boolean));
    const width = Math.min(innerWidth - 48, 420);
    return [
        ggdm.h("h3", {}, `The way of the first ${ggdm.count(record.n, "image")} of the cell: medians, and where 10 to 90\u202f% lie`),
        ggdm.h("div", { class: "small-charts" }, shown.map(([q, t]) => ggdm.figure({ svg: picture(width, 190, entry, q, t, true), says: saysOf(entry, q, t, ""), numbers: numbersOf(entry, q, t) }))),
    ];
};

const intro = "Of the first images of each cell: the median over them, and the band in which 10 to 90\u202f% lie, from the first step (noise) to the last (the image). Where does guidance bite, where does it blow up?";

ggdm.recorder = () => {
    const { run } = ggdm;
    const recorded = run.cells.filter((k) => run.records[k.cell]);
    if (!recorded.length) return;
    const terms = [...new Set(recorded.flatMap((k) => run.records[k.cell].terms.map((t) => t.name)))];
    const known = quantities.filter((q) => recorded.some((k) => [null, ...terms].some((t) => bandOf(run.records[k.cell], q, t).some(Boolean))));
    const usual = known.find((q) => q.key === "norm") ?? known[0];
    const again = () => panel.rebuild();
    let quantity, by, slice, bands, termName;
    const controls = () => {
        const what = ggdm.choice("recorder.of", "Quantity", known.map((q) => ({ value: q.key, text: q.label })), usual.key, again);
        quantity = known.find((q) => q.key === what.value);
        const term = terms.length > 1 && quantity.key !== "clamped" ? ggdm.choice("recorder.term", "Term", terms.map((t) => ({ value: t, text: t })), terms[0], again) : null;
        termName = term?.value ?? terms[0];
        const usualBy = run.strength ?? ggdm.usualAxes()[1] ?? run.axes[0];
        const series = run.axes.length ? ggdm.choice("recorder.by", "Curves by", [...ggdm.axisOptions(), { value: "", text: "no other: one cell" }], usualBy.name, again) : null;
        by = run.axis(series?.value) ?? null;
        slice = ggdm.slice("recorder", by ? [by.index] : [], () => panel.redraw());
        bands = ggdm.tick("recorder.bands", "bands", true, again);
        return [what.node, term?.node, series?.node, ...slice.nodes, bands.node];
    };
    const draw = (width) => {
        const style = ggdm.curveStyle(by);
        const entries = run.cellsWith(slice.fixed())
            .filter((cell) => run.records[cell.cell] && bandOf(run.records[cell.cell], quantity, termName).some(Boolean))
            .map((cell) => ({ cell, record: run.records[cell.cell], style: style(by ? cell.at[by.index] : 0), name: by ? by.says(cell.at[by.index]) : cell.cell }));
        if (!entries.length) return [ggdm.h("p", { class: "notice" }, `Nothing is recorded of this at ${slice.says() || "this cell"}: images without guidance have no gradient.`)];
        const legend = by ? entries.map((e) => ({ ...e.style, text: e.name })) : [];
        const svg = picture(width, Math.min(Math.max(width * 0.38, 260), 380), entries, quantity, termName, bands.value);
        return [ggdm.figure({ svg, says: saysOf(entries, quantity, termName, slice.says()), legend, caption: quantity.note, numbers: numbersOf(entries, quantity, termName) })];
    };
    const panel = ggdm.panel("recorder", "On the way: the flight recorder", intro, controls, draw);
};
