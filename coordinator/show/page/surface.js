/* Between the values that were swept: the fitted accuracy (docs/SURFACE.md), where it is highest, and
 * what is to be tried next. */

/* The scale of an axis of the fit, as of ggdm.axisScale: where a number stands, and ticks at values
 * that were swept. */
const scaleOf = (a) => {
    const place = (v) => (!a.log ? v : a.unit > 0 ? Math.log1p(v / a.unit) : Math.log(v));
    const domain = d3.extent(a.values, place);
    const swept = d3.sort(ggdm.run.axis(a.name)?.values.filter((v) => typeof v === "number") ?? a.values);
    const ticks = swept.map((v) => ({ at: place(v), text: String(v) }));
    return { place, domain, broken: null, ticks: (width) => ggdm.thin(ticks, ...domain, width) };
};

const titleOf = (a) => ggdm.run.axis(a.name)?.title ?? a.name;

const percent = (v) => (100 * v).toFixed(1);

const accuracyText = ([p, lo, hi]) => `${percent(p)}\u202f% (${percent(lo)} to ${percent(hi)})`;

const placeText = (surface, p) => `${surface.axes.map((a, i) => `${ggdm.run.axis(a.name)?.label ?? a.name} = ${Number(p.at[i].toPrecision(3))}`).join(", ")}\n${p.label}: ${accuracyText(p.accuracy)}`;

/* What is highest is a star, what to try next is a ring. */
const placeMarks = (points, color) => [
    Plot.dot(points.filter((p) => p.first), { x: "x", y: "y", symbol: "star", fill: color, stroke: "var(--surface)", r: 8 }),
    Plot.dot(points.filter((p) => !p.first), { x: "x", y: "y", stroke: color, fill: "var(--surface)", strokeWidth: 2, r: 5 }),
];

const curve = (surface, width) => {
    const scale = scaleOf(surface.axes[0]);
    const points = surface.axes[0].values.map((v, i) => {
        const [y, lo, hi] = surface.grid[i].map((s) => 100 * s);
        return { x: scale.place(v), y, lo, hi, title: placeText(surface, { at: [v], label: "fitted", accuracy: surface.grid[i] }) };
    });
    const places = surface.places.map((p, i) => ({ x: scale.place(p.at[0]), y: 100 * p.accuracy[0], first: i === 0 }));
    return ggdm.lines({
        width,
        height: 320,
        x: { scale, label: `${titleOf(surface.axes[0])} →` },
        y: { label: "accuracy, %", domain: [0, 100] },
        curves: [{ style: { color: ggdm.curveStyle(null)(0).color, symbol: "circle" }, points }],
        levels: [],
        joined: true,
        dots: false,
        bands: true,
        marks: placeMarks(places, "var(--ink)"),
    });
};

/* Halfway between neighbours. */
const edges = (places) => places.map((p, i) => [i ? (places[i - 1] + p) / 2 : p, i < places.length - 1 ? (p + places[i + 1]) / 2 : p]);

const map = (surface, width) => {
    const [x, y] = surface.axes.map(scaleOf);
    const [xs, ys] = surface.axes.map((a, i) => edges(a.values.map([x, y][i].place)));
    const n = xs.length;
    const tiles = surface.grid.map((accuracy, k) => ({
        x1: xs[k % n][0], x2: xs[k % n][1], y1: ys[Math.floor(k / n)][0], y2: ys[Math.floor(k / n)][1],
        accuracy,
        best: surface.may_be_best[k],
        at: [surface.axes[0].values[k % n], surface.axes[1].values[Math.floor(k / n)]],
    }));
    const middle = { x: (t) => (t.x1 + t.x2) / 2, y: (t) => (t.y1 + t.y2) / 2 };
    const places = surface.places.map((p, i) => ({ x: x.place(p.at[0]), y: y.place(p.at[1]), first: i === 0 }));
    const [across, upwards] = [x.ticks(width - 90), y.ticks(300)];
    const axis = (make, ticks) => make(ticks.map((t) => t.at), { tickFormat: (_, i) => ticks[i].text, tickSize: 3, label: null });
    return ggdm.plot({
        width,
        height: 380,
        marginLeft: 64,
        marginRight: 18,
        marginTop: 30,
        marginBottom: 46,
        x: { domain: x.domain, label: null },
        y: { domain: y.domain, label: null },
        marks: [
            Plot.rect(tiles, { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: (t) => ggdm.heat(t.accuracy[0]), stroke: (t) => ggdm.heat(t.accuracy[0]), strokeWidth: 0.6 }),
            Plot.dot(tiles.filter((t) => t.best), { ...middle, r: 1, fill: (t) => ggdm.ink(ggdm.heat(t.accuracy[0])), fillOpacity: 0.6 }),
            axis(Plot.axisX, across),
            axis(Plot.axisY, upwards),
            Plot.text([`↑ ${titleOf(surface.axes[1])}`], { frameAnchor: "top-left", dx: -60, dy: -24, fontSize: 12.5, fontWeight: 600 }),
            Plot.text([`${titleOf(surface.axes[0])} →`], { frameAnchor: "bottom-right", dy: 40, fontSize: 12.5, fontWeight: 600 }),
            ...placeMarks(places, "#101418"),
            ggdm.tip(tiles, { ...middle, title: (t) => placeText(surface, { at: t.at, label: "fitted", accuracy: t.accuracy }) }),
        ],
    });
};

const numbersOf = (surface) => ({
    heads: ["place", ...surface.axes.map((a) => ggdm.run.axis(a.name)?.label ?? a.name), "accuracy, %", "from", "to"],
    rows: surface.places.map((p) => [p.label, ...p.at.map((v) => String(Number(v.toPrecision(4)))), ...p.accuracy.map(percent)]),
});

ggdm.surface = () => {
    const { surface } = ggdm.run;
    if (!surface?.grid.length) return;
    const two = surface.axes.length > 1;
    const draw = (width) => {
        const svg = two ? map(surface, width) : curve(surface, width);
        const says = `Accuracy by the ${surface.measure}, fitted over ${surface.axes.map(titleOf).join(" and ")}. Highest at ${placeText(surface, surface.places[0]).replace("\n", ": ")}.`;
        const { heads, rows } = numbersOf(surface);
        return [
            two && ggdm.ramp(0, 1, ggdm.run.main),
            ggdm.figure({ svg, says, caption: `Star: the highest. Rings: what to try next (next.yaml).${two ? " Dotted: where the highest may lie." : ""}` }),
            ggdm.table("Where it is highest, and what to try next", heads, rows),
        ];
    };
    ggdm.panel("surface", "Between the values that were tried", surface.text, () => [], draw);
};
