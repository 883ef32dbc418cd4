/* Where the values of an axis stand in a chart, and in which colours. */

const darkness = matchMedia("(prefers-color-scheme: dark)");
let printing = false;

ggdm.theme = {
    dark: () => darkness.matches && !printing,
    /** Draw all charts for paper, or again for the screen. */
    print: (on) => {
        printing = on;
    },
    onchange: (f) => darkness.addEventListener("change", f),
};

/* ---- places ---------------------------------------------------------------------------------- */

const CHARACTER = 6.6; // width of one of an axis's numbers, pixels
const GAP = 12; // between two of them

/* Of ticks {at, text} those for which there is room on `width` pixels from lo to hi: the last, and
 * of the others as many as there can be. */
ggdm.thin = (ticks, lo, hi, width) => {
    const place = (t) => ((t.at - lo) / (hi - lo || 1)) * width;
    const half = (t) => (t.text.length * CHARACTER) / 2;
    const last = ticks.at(-1);
    let free = -Infinity;
    return ticks.filter((t) => {
        if (t === last) return true;
        if (place(t) - half(t) < free || place(t) + half(t) + GAP > place(last) - half(last)) return false;
        free = place(t) + half(t) + GAP;
        return true;
    });
};

/** How the ticks of a chart of these numbers are written: as usual (undefined), or, where that would
 *  not fit beside it, with exponents. */
ggdm.tickFormat = (values) => {
    const most = d3.max(values, Math.abs);
    if (!most || (most < 1e5 && most >= 1e-3)) return undefined;
    return (v) => d3.format(".3~g")(v).replace("e+", "e");
};

/** Can this axis have a logarithmic scale? */
ggdm.canLog = (a) => a.numeric && a.values.every((v) => v >= 0) && a.values.filter((v) => v > 0).length > 1;

/** Should it, unless the reader wants otherwise? */
ggdm.wantsLog = (a) => {
    if (!ggdm.canLog(a)) return false;
    const positive = a.values.filter((v) => v > 0);
    return Math.max(...positive) / Math.min(...positive) >= 50;
};

/** The scale of an axis: at(index) is where its value stands, domain [lo, hi], ticks(width).
 *  Logarithmic: 0 stands to the left of all others, at an equal distance (`broken`).
 *  Texts stand side by side. */
ggdm.axisScale = (a, log) => {
    const positive = a.numeric ? a.values.filter((v) => v > 0).map(Math.log10).sort(d3.ascending) : [];
    const step = positive.length > 1 ? (positive.at(-1) - positive[0]) / (positive.length - 1) : 1;
    const zero = positive[0] - Math.max(step, 0.3);
    const at = (i) => {
        if (!a.numeric) return i;
        if (!log) return a.values[i];
        return a.values[i] > 0 ? Math.log10(a.values[i]) : zero;
    };
    const places = a.values.map((_, i) => at(i));
    const [lo, hi] = d3.extent(places);
    const pad = a.numeric ? (hi - lo || 1) * 0.02 : 0.5;
    const domain = [lo - pad, hi + pad];
    const swept = a.texts.map((text, i) => ({ at: at(i), text })).sort((p, q) => p.at - q.at);
    const round = (width) =>
        d3.ticks(lo, hi, Math.max(width / 90, 2)).map((v) => ({ at: v, text: String(v) }));
    return {
        at,
        domain,
        broken: log && a.values.includes(0) ? (zero + positive[0]) / 2 : null,
        ticks: (width) =>
            a.numeric && !log && a.values.length > 12 ? round(width) : ggdm.thin(swept, domain[0], domain[1], width),
    };
};

/* ---- colours --------------------------------------------------------------------------------- */

/* Okabe and Ito's, which people who see few colours can tell apart, darker or lighter by theme. */
const named = {
    light: ["#0068a8", "#c8500a", "#00805e", "#a8447f", "#5c5c5c", "#2b93cc", "#a87900", "#3f3fa0"],
    dark: ["#62b5ec", "#f08a4b", "#3cc79d", "#e394c2", "#b5b5b5", "#a5d8f7", "#ebb93a", "#a3a3f2"],
};
const symbols = ["circle", "square", "triangle", "diamond", "cross", "star"];

/** What curves look like: {color, symbol} of value i of the axis.  Numbers go from one colour to
 *  another in their order; texts have colours of their own. */
ggdm.curveStyle = (a) => {
    const dark = ggdm.theme.dark();
    const palette = named[dark ? "dark" : "light"];
    if (!a?.numeric || a.values.length < 3)
        return (i) => ({ color: palette[i % palette.length], symbol: symbols[i % symbols.length] });
    const order = d3.range(a.values.length).sort((i, j) => a.values[i] - a.values[j]);
    const rank = new Map(order.map((i, k) => [i, k / (order.length - 1)]));
    const shade = (x) => d3.interpolateViridis(dark ? 0.32 + 0.66 * x : 0.86 - 0.86 * x);
    return (i) => ({ color: shade(rank.get(i)), symbol: symbols[order.indexOf(i) % symbols.length] });
};

/** From the lowest number (0) to the highest (1) of a heat map. */
ggdm.heat = (x) => {
    const y = 0.04 + 0.92 * x;
    return d3.interpolateYlGnBu(ggdm.theme.dark() ? 1 - y : y);
};

/** A colour of text that can be read on it. */
ggdm.ink = (color) => {
    const { r, g, b } = d3.rgb(color);
    const linear = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18 ? "#101418" : "#ffffff";
};
