// Reports that no run has made: documents as docs/REPORT.md says, with images, put into the page.
// Their numbers are functions of cell and image alone, so that two makings are the same.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";

const product = (lists) => lists.reduce((done, list) => done.flatMap((d) => list.map((_, i) => [...d, i])), [[]]);

// In [0, 1), of any numbers.
const noise = (...of) => {
    let x = 2166136261;
    for (const v of of) x = Math.imul(x ^ (v + 1013), 16777619);
    x = Math.imul(x ^ (x >>> 15), 2246822519);
    return ((x ^ (x >>> 13)) >>> 0) / 4294967296;
};

const wilson = (p, n) => {
    const z = 1.959963984540054;
    const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
    const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
    return [Math.max(middle - half, 0), Math.min(middle + half, 1)];
};

// ---- PNG -----------------------------------------------------------------------------------------

const crcTable = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
});

const crc = (bytes) => {
    let c = 0xffffffff;
    for (const b of bytes) c = crcTable[(c ^ b) & 255] ^ (c >>> 8);
    return (c ^ 0xffffffff) >>> 0;
};

const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
};

// at(x, y): a grey value, 0 to 255
const png = (width, height, at) => {
    const rows = Buffer.alloc(height * (width + 1));
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + x + 1] = at(x, y);
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head[8] = 8; // bits, grey
    return Buffer.concat([
        Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
        chunk("IHDR", head),
        chunk("IDAT", deflateSync(rows)),
        chunk("IEND", Buffer.alloc(0)),
    ]);
};

// A ring like a handwritten 0, the more so the larger `good` is; the rest is noise.
const tilePixel = (size, good, seed, x, y) => {
    const r = Math.hypot((x + 0.5) / size - 0.5, ((y + 0.5) / size - 0.5) * (0.72 + 0.2 * noise(seed))) - 0.24 - 0.06 * noise(seed, 1);
    const ring = Math.max(0, 1 - Math.abs(r) * 12);
    return Math.round(255 * Math.min(1, good * ring + (1 - good) * noise(seed, x, y) * 0.7));
};

const sprite = (size, columns, n, good, seed) =>
    png(size * Math.min(columns, n), size * Math.ceil(n / columns), (x, y) => {
        const i = Math.floor(y / size) * columns + Math.floor(x / size);
        return i < n ? tilePixel(size, good, seed * 1000 + i, x % size, y % size) : 0;
    });

// ---- documents -----------------------------------------------------------------------------------

const columnsOf = (measures) => [
    { name: "judge_accuracy", label: "accuracy by the judge", kind: "share", group: "measure", better: "up", note: "images that it takes for what the cell aims at; diverged ones count against it" },
    { name: "guide_accuracy", label: "accuracy by the guide", kind: "share", group: "measure", better: "up", note: null },
    { name: "judge_loss", label: "mean loss of the judge", kind: "number", group: "measure", better: "down", note: null },
    ...Array.from({ length: measures }, (_, i) => ({ name: `scorer${i}_mean`, label: `mean scorer${i}`, kind: "number", group: "measure", better: null, note: null })),
    { name: "vendi", label: "Vendi score", kind: "number", group: "metric", better: "up", note: null },
    { name: "operations", label: "operations of an image", kind: "operations", group: "cost", better: "down", note: null },
];

// How good cell `at` is, 0 to 1: best at moderate strength over a long time.
const quality = (axes, at) => {
    const of = (name, otherwise) => {
        const k = axes.findIndex((a) => a.name === name);
        return k < 0 ? otherwise : axes[k].values[at[k]];
    };
    const kappa = of("kappa", 0.1);
    const duration = of("duration", 100);
    if (kappa === 0 || duration === 0) return 0.1;
    const strong = kappa / (kappa + 0.05) - (kappa > 0.5 ? 0.25 : 0);
    return Math.min(0.98, 0.1 + 0.9 * strong * Math.min(1, duration / 60));
};

const valuesOf = (columns, c, good, n) =>
    Object.fromEntries(columns.map((column, k) => {
        const p = Math.min(1, Math.max(0, good + (noise(c, k) - 0.5) * 0.08));
        const right = Math.round(p * n) / n;
        if (column.kind === "share") return [column.name, [right, ...wilson(right, n), n]];
        if (column.kind === "operations") return [column.name, [2e11 * (1 + good), null, null, 0]];
        const value = column.name === "vendi" ? 12 - 9 * p : 2.3 * (1 - p) + 0.1;
        return [column.name, column.group === "metric" ? [value, value * 0.95, value * 1.04, n, c % 7 === 3 ? "fewer images than features" : undefined].filter((v) => v !== undefined) : [value, null, null, n]];
    }));

const recordOf = (good, points, strength, diverged) => {
    const step = Array.from({ length: points }, (_, i) => Math.round((i * 99) / (points - 1)));
    const band = (f) => step.map((s, i) => { const v = f(s / 99); return [v * 0.8, v, v * 1.3 + 0.001 * noise(i)]; });
    return {
        step,
        n: 8,
        clamped: band((x) => Math.min(0.9, 0.02 + strength * 0.3 * x * x)),
        terms: strength ? [{ name: "digit", loss: band((x) => 2.4 * (1 - good * x)), norm: band((x) => 0.2 + strength * 9 * x * Math.exp(-2 * x)), cosine: band((x) => 0.3 * Math.sin(5 * x)) }] : [],
        diverged,
    };
};

const CARD = "# mnist-ddpm\n\nA U-Net of 1.2 million parameters, trained on MNIST.\n\n<script>alert('a card is a text')</script>\n";

// options: axes, n (images), size (of one), columns (of sprites), measures, records, live, scores
export const make = ({ axes, n = 12, size = 28, measures = 0, records = true, live = null, scores = true, drop = () => false }) => {
    const columns = columnsOf(measures);
    const trajectories = [];
    const sprites = new Map();
    const doc = {
        schema: 1,
        live,
        run: {
            name: "digits-by-strength", version: "0.9.0", precision: "fp32", isa: "avx2", processor: "AMD EPYC 9354", library: "oneDNN 2.6",
            notes: "", started: 1796070000, wall_seconds: 5400, worker_hours: 2.95, core_hours: 11.8, reproduce: ["ggdm run sweep.yaml --run again", "ggdm compare . again"],
            counts: { cells: 0, images_asked: 0, images_total: 0, images_done: 0, diverged: 0, units_done: 118, units_total: 120, units_given_up: 2 },
            failures: [{ unit: 17, state: "quarantined", error: "killed its worker three times (signal 9)", cells: ["c0003"] }, { unit: 44, state: "failed", error: "guide: <b>not finite</b>", cells: ["c0004"] }],
            failures_total: 2,
            sessions: [{ session: 1, first: 1796070000, last: 1796073600, done: 80, failed: 1, requeued: 4 }, { session: 2, first: 1796074000, last: 1796075400, done: 38, failed: 2, requeued: 0 }],
        },
        chain: [{ label: "model", value: "mnist-ddpm" }, { label: "sampler", value: "ddpm, 100 steps" }, { label: "guidance", value: "gradient, xt-full" }, { label: "seed", value: "0" }, { label: "clipping of x0-hat", value: "yes" }],
        constants: [{ path: "sampler.kind", label: "sampler", value: "ddpm" }, { path: "sampler.steps", label: "steps", value: "100" }, { path: "seed", label: "seed", value: "0" }, { path: "guidance.loss.form", label: "form", value: "nll" }],
        axes: axes.map(({ off, ...a }) => a),
        judge: { name: "judge", title: "mnist-judge", column: "judge_accuracy", chance: 0.1 },
        guide: { name: "guide", title: "mnist-cnn", column: "guide_accuracy", chance: 0.1 },
        columns,
        cells: [],
        sprites: { where: "page" },
        trajectories,
        records: {},
        traces: {},
        surface: null,
        front: null,
        interval: "Wilson 95 %",
        until: null,
        models: [{ name: "mnist-ddpm", digest: "3b1f".repeat(16), card: CARD }, { name: "mnist-judge", digest: "77aa".repeat(16), card: null }],
        sweeps: [{ name: "sweep.yaml", digest: "0c".repeat(32), text: "name: digits-by-strength\nmodel: mnist-ddpm\nsweep:\n  kappa: [0, 0.01, 0.1, 1]\n" }],
        recipes: [],
        files: ["sweep.yaml", "summary.csv", "summary.json", "figures/accuracy.svg"],
    };
    const judgements = new Map(); // of trajectories
    const shared = new Map(); // what unguided cells share
    for (const at of product(axes.map((a) => a.values)).filter((p) => !drop(p))) {
        const value = (name) => axes.find((a) => a.name === name)?.values[at[axes.findIndex((a) => a.name === name)]];
        const unguided = axes.some((a, k) => a.off === a.values[at[k]]);
        const key = unguided ? axes.map((a, k) => ("off" in a ? "" : at[k])).join() : at.join();
        const first = !shared.has(key);
        const id = first ? shared.size + 1 : shared.get(key);
        shared.set(key, id);
        const good = quality(axes, at);
        const lost = value("kappa") >= 1 ? [2, 5].filter((i) => i < n) : [];
        const cell = `c${String(doc.cells.length).padStart(4, "0")}`;
        const number = unguided ? id : doc.cells.length + 1;
        doc.cells.push({ cell, at, trajectory: id, unguided, aim: 0, n, wanted: n, complete: true, diverged: lost.length, columns: valuesOf(columns, number, good, n) });
        doc.files.push(`archive/${cell}/samples.tar`);
        if (records) doc.records[cell] = recordOf(good, 25, unguided ? 0 : value("kappa") ?? 0.1, lost.map(() => 88));
        const judged = (i) => (lost.includes(i) ? null : noise(id, i) < good ? [0, 0.97, 0.97] : [3, 0.8, 0.05]);
        if (first && scores) judgements.set(id, { cells: [], measures: { judge: Array.from({ length: n }, (_, i) => judged(i)), saturation: Array.from({ length: n }, (_, i) => noise(id, i, 2)) } });
        judgements.get(id)?.cells.push(cell);
        if (!first) continue;
        trajectories.push({
            id, images: n, shown: n, tile: [size, size], columns: 20, missing: [], diverged: lost.map((i) => [i, 88]), steps: 100,
            scores: [],
        });
        doc.recipes.push({ trajectory: id, text: `ggdm-recipe 1\nmodel mnist-ddpm\nat ${at.join(" ")}\n` });
        sprites.set(id, () => sprite(size, 20, n, good, id));
    }
    for (const t of trajectories) t.scores = judgements.has(t.id) ? [judgements.get(t.id)] : [];
    doc.run.counts = { ...doc.run.counts, cells: doc.cells.length, images_asked: doc.cells.length * n, images_total: trajectories.length * n, images_done: trajectories.length * n, diverged: trajectories.reduce((sum, t) => sum + t.diverged.length, 0) };
    return { doc, sprites };
};

export const kappa = { name: "kappa", label: "κ", path: "guidance.kappa", type: "number", values: [0, 0.01, 0.03, 0.1, 0.3, 1], off: 0 };
export const duration = { name: "duration", label: "t~", path: "guidance.duration", type: "window", values: [0, 20, 40, 60, 80, 100], off: 0 };
export const target = { name: "target", label: "target", path: "guidance.loss.target", type: "number", values: [0, 3] };
export const prompt = { name: "prompt", label: "prompt", path: "condition.prompt", type: "text", values: ["a person with a red hat and sunglasses in front of a green background", "a person with a red hat", "a smiling face", "ein Gesicht mit Brille, \"schräg\", <i>von links</i>", "blue hair"] };
export const scale = { name: "scale", label: "scale", path: "guidance.scale", type: "number", values: [1, 3, 7.5] };

// The strength of a method that the page has never heard of.
export const pull = { name: "pull", label: "pull", path: "guidance.words.pull", type: "number", values: [1, 2, 4], off: 1 };

// ---- the page --------------------------------------------------------------------------------------

// page: the joined text (scripts/page.sh); beside: where sprites lie beside the page instead of in it
export const write = (page, path, { doc, sprites }, beside = null) => {
    const dir = dirname(path);
    mkdirSync(dir, { recursive: true });
    doc.sprites.where = beside ?? "page";
    if (beside) {
        mkdirSync(join(dir, beside), { recursive: true });
        for (const [id, bytes] of sprites) writeFileSync(join(dir, beside, `${id}.png`), bytes());
    }
    const inPage = () => [...sprites].map(([id, bytes]) => `<script type="text/plain" id="sprite-${id}">${bytes().toString("base64")}</script>`).join("\n");
    const parts = {
        title: () => doc.run.name.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
        data: () => JSON.stringify(doc).replaceAll("<", "\\u003c"),
        sprites: () => (beside ? "" : inPage()),
    };
    writeFileSync(path, readFileSync(page, "utf8").replace(/<!--ggdm:(\w+)-->/g, (_, name) => parts[name]?.() ?? ""));
    return path;
};
