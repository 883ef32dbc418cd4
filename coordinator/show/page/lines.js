/* Curves with bands over one quantity: measures over an axis, and records over the steps. */

ggdm.short = (text, most) => {
    const signs = [...text]; // an emoji is one
    return signs.length > most ? `${signs.slice(0, most - 1).join("")}…` : text;
};

/** The same of texts that stand beside each other: those that begin alike lose their middle. */
ggdm.shortTexts = (texts, most) => {
    const cut = texts.map((t) => ggdm.short(t, most));
    const head = Math.floor(most / 3);
    return cut.map((c, i) => {
        if (c === texts[i] || cut.indexOf(c) === cut.lastIndexOf(c)) return c;
        const signs = [...texts[i]];
        return `${signs.slice(0, head).join("")}…${signs.slice(head + 1 - most).join("")}`;
    });
};

/* The marks of the x axis: ticks where values are, and a gap in front of a 0 that stands apart. */
const xAxis = (scale, ticks, turned) => {
    const texts = ggdm.shortTexts(ticks.map((t) => t.text), turned ? 18 : 40);
    return [
        Plot.axisX(ticks.map((t) => t.at), { tickFormat: (_, i) => texts[i], tickRotate: turned ? -40 : 0, label: null }),
        scale.broken !== null &&
            Plot.text([scale.broken], { x: (v) => v, text: () => "⁄⁄", frameAnchor: "bottom", dy: 6, fontSize: 11 }),
    ];
};

/* 1, 10, 100; where these are few, 3, 30 beside them. */
const decades = (domain) => {
    const [lo, hi] = domain.map(Math.log10);
    const powers = d3.range(Math.floor(lo), Math.ceil(hi) + 1);
    const ticks = powers.flatMap((k) => (powers.length < 5 ? [10 ** k, 3 * 10 ** k] : [10 ** k]));
    return ticks.filter((v) => v >= domain[0] && v <= domain[1]);
};

/** A picture of curves.
 *  width, height, x: {scale, label}, y: {label, domain, log}, joined: lines between the points
 *  curves  [{style, points: [{x, y, lo, hi, title}]}], x on its scale; y null: a gap
 *  levels  [{y, color, text, dash}]: lines across, bands: draw lo to hi
 *  dots    draw the points, marks: further ones */
ggdm.lines = ({ width, height, x, y, curves, levels, joined, bands, dots = true, marks = [] }) => {
    const points = curves.flatMap((c) => c.points.map((p) => ({ ...p, ...c.style, curve: c })));
    const drawn = points.filter((p) => p.y !== null);
    const marginLeft = 52;
    const marginRight = 18;
    const ticks = x.scale.ticks(width - marginLeft - marginRight);
    const turned = !ticks.every((t) => t.text.length * 6.6 < (width - 70) / Math.max(ticks.length, 1));
    const heights = y.log ? decades(y.domain) : 6;
    const ranged = drawn.filter((p) => p.lo !== null && p.lo !== undefined);
    return ggdm.plot({
        width,
        height: height + (turned ? 70 : 0),
        marginLeft,
        marginRight,
        marginTop: 30,
        marginBottom: turned ? 120 : 46,
        x: { domain: x.scale.domain, label: null },
        y: { domain: y.domain, type: y.log ? "log" : "linear", label: null, nice: !y.domain, clamp: true },
        marks: [
            Plot.gridY({ stroke: "var(--line)", strokeOpacity: 1, ticks: heights }),
            Plot.axisY({ ticks: heights, label: null, tickSize: 0, tickFormat: ggdm.tickFormat(drawn.flatMap((p) => [p.y, p.lo, p.hi])) ?? (y.log ? "~g" : undefined) }),
            Plot.text([y.label], { frameAnchor: "top-left", dx: -marginLeft + 4, dy: -24, fontSize: 12.5, fontWeight: 600 }),
            Plot.text([x.label], { frameAnchor: "bottom-right", dy: turned ? 114 : 40, fontSize: 12.5, fontWeight: 600 }),
            ...xAxis(x.scale, ticks, turned),
            ...levels.flatMap((l) => [
                Plot.ruleY([l.y], { stroke: l.color, strokeDasharray: l.dash, strokeWidth: 1.5 }),
                l.text && Plot.text([l.text], { y: l.y, frameAnchor: "right", dy: -7, fontSize: 11.5, fill: l.color }),
            ]),
            bands && joined &&
                Plot.areaY(ranged, { x: "x", y1: "lo", y2: "hi", z: "curve", fill: "color", fillOpacity: curves.length > 3 ? 0.08 : 0.13 }),
            bands && !joined &&
                Plot.ruleX(ranged, { x: "x", y1: "lo", y2: "hi", stroke: "color", strokeWidth: 1.5 }),
            joined && Plot.lineY(points, { x: "x", y: "y", z: "curve", stroke: "color", strokeWidth: 2, curve: "linear" }),
            dots && points.length <= 600 &&
                Plot.dot(drawn, { x: "x", y: "y", fill: "color", symbol: (p) => p.symbol, r: 3.2 }),
            ...marks,
            ggdm.tip(drawn, { x: "x", y: "y", title: "title" }),
        ].filter(Boolean),
    });
};
