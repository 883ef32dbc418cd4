/* Cells by two numbers that both should be good: what is to be paid for what. */

/* What one usually weighs against accuracy: diversity (a metric of which more is better), else what
 * it costs, else whatever there is. */
const usualOther = (main) => {
    const others = ggdm.run.columns.filter((c) => c.name !== main.name);
    return (
        others.find((c) => c.group === "metric" && c.better === "up") ??
        others.find((c) => c.group === "metric" && c.better) ??
        others.find((c) => c.group === "cost") ??
        others[0]);
};

/* Is a at least as good as b in column c? */
const notWorse = (a, b, c) => (c.better === "down" ? a <= b : a >= b);

/** The cells that no other one beats in both columns. */
ggdm.front = (cells, x, y) => {
    const { value } = ggdm.run;
    const sign = (c) => (c.better === "down" ? 1 : -1);
    const sorted = d3.sort(cells, (k) => sign(x) * value(k, x), (k) => sign(y) * value(k, y));
    const front = [];
    for (const k of sorted) {
        const best = front.at(-1);
        const equal = best && value(best, x) === value(k, x) && value(best, y) === value(k, y);
        if (!best || equal || !notWorse(value(best, y), value(k, y), y)) front.push(k);
    }
    return front;
};

const better = (c, up, down) => (c.better === "up" ? up : c.better === "down" ? down : "");

const picture = (width, cells, front, x, y, by) => {
    const { run } = ggdm;
    const style = ggdm.curveStyle(by);
    const scaled = (c) => (k) => run.value(k, c) * c.factor;
    const px = scaled(x);
    const py = scaled(y);
    const positive = (c) => c.kind === "operations" && cells.every((k) => run.value(k, c) > 0);
    const entry = (k) => style(by ? k.at[by.index] : 0);
    const line = (k, c) => `${c.label}: ${ggdm.valueText(c, k.columns[c.name])}`;
    const onFront = new Set(front);
    const tickFormat = (c) => (c.kind === "operations" ? (v) => c.plain(v) : ggdm.tickFormat(cells.map(scaled(c))));
    return ggdm.plot({
        width,
        height: Math.min(Math.max(width * 0.5, 300), 460),
        marginLeft: 58,
        marginRight: 22,
        marginTop: 30,
        marginBottom: 46,
        x: { type: positive(x) ? "log" : "linear", label: null, nice: true },
        y: { type: positive(y) ? "log" : "linear", label: null, nice: true },
        marks: [
            Plot.gridX({ stroke: "var(--line)", strokeOpacity: 1, ticks: Math.max(width / 120, 3) }),
            Plot.gridY({ stroke: "var(--line)", strokeOpacity: 1, ticks: 6 }),
            Plot.axisX({ ticks: Math.max(width / 120, 3), tickSize: 0, label: null, tickFormat: tickFormat(x) }),
            Plot.axisY({ ticks: 6, tickSize: 0, label: null, tickFormat: tickFormat(y) }),
            Plot.text([`${y.title}${better(y, " (more is better)", " (less is better)")}`], { frameAnchor: "top-left", dx: -54, dy: -24, fontSize: 12.5, fontWeight: 600 }),
            Plot.text([`${x.title}${better(x, " (more is better)", " (less is better)")} →`], { frameAnchor: "bottom-right", dy: 40, fontSize: 12.5, fontWeight: 600 }),
            front.length > 1 && Plot.line(front, { x: px, y: py, stroke: "var(--muted)", strokeWidth: 1.5, curve: "linear" }),
            Plot.dot(cells, { x: px, y: py, fill: (k) => entry(k).color, symbol: (k) => entry(k).symbol, fillOpacity: (k) => (onFront.has(k) ? 1 : 0.55), r: (k) => (onFront.has(k) ? 5.5 : 3.5) }),
            Plot.dot(front, { x: px, y: py, stroke: "var(--ink)", symbol: (k) => entry(k).symbol, strokeWidth: 1.4, r: 5.5 }),
            ggdm.tip(cells, { x: px, y: py, title: (k) => `${run.says(k)}\n${line(k, y)}\n${line(k, x)}\n${k.cell}` }),
        ].filter(Boolean),
        r: { type: "identity" },
    });
};

const numbersOf = (cells, front, x, y) => {
    const onFront = new Set(front);
    const ordered = [...front, ...cells.filter((k) => !onFront.has(k))];
    const texts = (k, c) => c.plain(ggdm.run.value(k, c));
    return {
        heads: ["cell", ...ggdm.run.axes.map((a) => a.label), y.title, x.title, "on the front"],
        rows: ordered.map((k) => [k.cell, ...ggdm.run.axes.map((a) => a.texts[k.at[a.index]]), texts(k, y), texts(k, x), onFront.has(k) ? "yes" : "no"]),
    };
};

const captionOf = (front, x, y) =>
    front.length
        ? `Outlined, joined by a line: the ${ggdm.count(front.length, "cell")} that no other one beats in both (Pareto front), by the numbers as they are, whatever their intervals.`
        : `Whether more or less is better is not known of ${[x, y].filter((c) => !c.better).map((c) => c.label).join(" and ")}: no front.`;

ggdm.tradeoff = () => {
    const { run } = ggdm;
    if (run.cells.length < 2 || run.columns.length < 2) return;
    const again = () => panel.rebuild();
    let x, y, by;
    const controls = () => {
        const up = ggdm.choice("tradeoff.y", "Upwards", ggdm.columnOptions(), run.main.name, again);
        y = run.column(up.value);
        const other = ggdm.choice("tradeoff.x", "Across", ggdm.columnOptions(), usualOther(run.main).name, again);
        x = run.column(other.value);
        const none = { value: "", text: "one colour" };
        const usual = ggdm.usualAxes()[1] ?? run.axes[0];
        const colour = ggdm.choice("tradeoff.by", "Colours by", [...ggdm.axisOptions(), none], usual?.name ?? "", again);
        by = run.axis(colour.value) ?? null;
        return [up.node, other.node, colour.node];
    };
    const draw = (width) => {
        const cells = run.cells.filter((k) => run.value(k, x) !== null && run.value(k, y) !== null);
        const says = `${y.label} against ${x.label}, a point for each of ${ggdm.count(cells.length, "cell")}`;
        if (!cells.length) return [ggdm.h("p", { class: "notice" }, "No cell has both numbers yet.")];
        const front = x.better && y.better && x !== y ? ggdm.front(cells, x, y) : [];
        const style = ggdm.curveStyle(by);
        const legend = by && by.values.length <= 24 ? by.texts.map((_, i) => ({ ...style(i), text: by.says(i) })) : [];
        return [ggdm.figure({ svg: picture(width, cells, front, x, y, by), says, legend, caption: captionOf(front, x, y), numbers: numbersOf(cells, front, x, y) })];
    };
    const panel = ggdm.panel("tradeoff", "What is paid for what", null, controls, draw);
};
