/* The document of the run, and how its numbers and names are written.  One name for each axis and
 * column everywhere, and shares in per cent. */

const THIN = "\u202f"; // a narrow space that does not break

const significant = (v, digits) => {
    if (v === 0) return "0";
    const size = Math.abs(v);
    if (size >= 1e6 || size < 1e-4) return v.toExponential(Math.max(digits - 2, 1)).replace("e+", "e");
    return String(Number(v.toPrecision(digits)));
};

const prefixes = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

const operations = (v) => {
    const [factor, letter] = prefixes.find(([f]) => v >= f) ?? [1, ""];
    return `${significant(v / factor, 3)}${letter && THIN}${letter}`;
};

/** "1 h 23 min" */
ggdm.duration = (seconds) => {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds < 10) return `${significant(seconds, 2)} s`;
    if (seconds < 100) return `${Math.round(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

ggdm.whole = (n) => (n === null || n === undefined ? "–" : d3.format(",")(n).replaceAll(",", THIN));

/** "1 image", "2 images" */
ggdm.count = (n, what) => `${ggdm.whole(n)} ${what}${n === 1 ? "" : "s"}`;

/* How the kinds of columns are written (plain: without the unit, which a heading has), and by what
 * their numbers are multiplied on the page. */
const kinds = {
    share: { factor: 100, unit: "%", plain: (v) => (100 * v).toFixed(1) },
    number: { factor: 1, unit: "", plain: (v) => significant(v, 4) },
    seconds: { factor: 1, unit: "s", plain: (v) => significant(v, 3) },
    operations: { factor: 1, unit: "", plain: operations },
};

const groups = { measure: "Measures", metric: "Metrics", cost: "Cost" };

const column = (c) => {
    const kind = kinds[c.kind] ?? kinds.number;
    return {
        ...c,
        factor: kind.factor,
        unit: kind.unit,
        title: kind.unit ? `${c.label}, ${kind.unit}` : c.label,
        groupTitle: groups[c.group] ?? c.group,
        plain: (v) => (v === null || v === undefined ? "–" : kind.plain(v)),
        text: (v) => (v === null || v === undefined ? "–" : kind.plain(v) + (kind.unit && THIN + kind.unit)),
    };
};

/* The value of an axis at which nothing guides, by its index, where others do: that axis is how hard
 * guidance pulls, whatever the method calls it; -1: there is none. */
const unguidedValue = (a, index, cells) =>
    cells.every((c) => c.unguided) ? -1 : a.values.findIndex((_, i) => {
        const there = cells.filter((c) => c.at[index] === i);
        return there.length > 0 && there.every((c) => c.unguided);
    });

const meanings = { strength: "guidance strength", duration: "conditioning duration, steps" };

/* As it was swept: 1234567 is not 1234570, and 1e+20 has no 21 digits. */
const exact = (v) => {
    const short = Number(v.toPrecision(12)); // 0.1 + 0.2 is 0.3
    if (Number.isSafeInteger(v)) return String(v);
    return Math.abs(v) >= 1e15 ? short.toExponential() : String(short);
};

const axis = (a, index, cells) => {
    const numeric = ["number", "window"].includes(a.type) && a.values.every((v) => typeof v === "number");
    const text = (v) => {
        if (v === null || v === undefined || v === "") return "none";
        if (typeof v === "boolean") return v ? "yes" : "no";
        return numeric ? exact(v) : String(v);
    };
    const texts = a.values.map(text);
    const label = (a.label || a.name) === "t~" ? "t\u0303" : a.label || a.name;
    const off = unguidedValue(a, index, cells);
    const role = a.type === "window" ? "duration" : numeric && off >= 0 ? "strength" : null;
    const meaning = meanings[role] ?? (label === a.name ? "" : a.name);
    return {
        ...a,
        index,
        numeric,
        role,
        off,
        label,
        meaning,
        title: meaning ? `${label} (${meaning})` : label,
        texts,
        /* as it stands in a sentence: "κ = 0.1", "prompt: a red hat" */
        says: (i) => (numeric ? `${label} = ${texts[i]}` : `${label}: ${texts[i]}`),
    };
};

/* Of what a document may not have. */
const nothing = { live: null, chain: [], constants: [], judge: null, guide: null, records: {}, traces: {}, surface: null, front: [], models: [], sweeps: [], recipes: [], files: [] };

/** ggdm.run: the document with axes and columns as above, and what is asked of it. */
ggdm.read = (text) => {
    const doc = { ...nothing, ...JSON.parse(text) };
    const run = {
        ...doc,
        axes: doc.axes.map((a, i) => axis(a, i, doc.cells)),
        columns: doc.columns.map(column),
        byName: new Map(doc.cells.map((c) => [c.cell, c])),
        trajectory: new Map(doc.trajectories.map((t) => [t.id, t])),
    };
    const at = new Map(doc.cells.map((c) => [c.at.join(), c]));
    /** The cell with these values (indices [axes]); undefined where there is none. */
    run.cellAt = (indices) => at.get(indices.join());
    /** The cells with these values: {axis index: value index}. */
    run.cellsWith = (fixed) => {
        const wanted = Object.entries(fixed).map(([k, v]) => [Number(k), v]);
        return doc.cells.filter((c) => wanted.every(([k, v]) => c.at[k] === v));
    };
    run.column = (name) => run.columns.find((c) => c.name === name);
    run.strength = run.axes.find((a) => a.role === "strength");
    run.duration = run.axes.find((a) => a.role === "duration");
    run.axis = (name) => run.axes.find((a) => a.name === name);
    run.value = (cell, c) => cell.columns[c.name]?.[0] ?? null;
    /** "κ = 0.1, t~ = 300" */
    run.says = (cell, except = []) =>
        run.axes.filter((a) => !except.includes(a.index)).map((a) => a.says(cell.at[a.index])).join(", ");
    /** The column that says how well it went: of the judge, where there is one. */
    run.main = run.column((doc.judge ?? doc.guide)?.column) ?? run.columns.find((c) => c.kind === "share" && c.better === "up") ?? run.columns[0];
    ggdm.run = run;
};

/** The axes that are still open when those in `used` (indices) are chosen: an axis that follows from
 *  others (values that go together, zip) is none. */
ggdm.openAxes = (used) => {
    const known = [...used];
    const open = [];
    for (const a of ggdm.run.axes) {
        if (known.includes(a.index)) continue;
        const seen = new Map();
        const follows = ggdm.run.cells.every((c) => {
            const key = known.map((k) => c.at[k]).join();
            if (!seen.has(key)) seen.set(key, c.at[a.index]);
            return seen.get(key) === c.at[a.index];
        });
        if (follows) continue;
        open.push(a);
        known.push(a.index);
    }
    return open;
};

/** Controls for the axes that a view does not show: {nodes, fixed()} with fixed() as cellsWith
 *  takes it. Numbers have sliders, texts have lists. */
ggdm.slice = (prefix, used, change) => {
    const pickers = ggdm.openAxes(used).map((a) => {
        const key = `${prefix}.at.${a.name}`;
        if (a.numeric && a.values.length > 2) {
            const s = ggdm.slider(key, a.title, a.values.length - 1, (i) => a.texts[i], change);
            return { axis: a, node: s.node, value: s.value };
        }
        const options = a.texts.map((text, i) => ({ value: String(i), text }));
        const c = ggdm.choice(key, a.title, options, "0", change);
        const value = () => Number(c.node.querySelector("select").value);
        return { axis: a, node: c.node, value };
    });
    return {
        nodes: pickers.map((p) => p.node),
        fixed: () => Object.fromEntries(pickers.map((p) => [p.axis.index, p.value()])),
        says: () => pickers.map((p) => p.axis.says(p.value())).join(", "),
    };
};

/** Options of ggdm.choice. */
ggdm.columnOptions = () =>
    ggdm.run.columns.map((c) => ({ value: c.name, text: c.title, group: c.groupTitle }));
ggdm.axisOptions = (except = []) =>
    ggdm.run.axes.filter((a) => !except.includes(a.index)).map((a) => ({ value: a.name, text: a.title }));
