/* The images of a trajectory are tiles of one picture (a sprite sheet), in the page or beside it;
 * it is decoded when it comes into sight. */

const KEPT = 64; // decoded sheets
const sheets = new Map(); // trajectory -> promise of an image, least recently used first

const source = (id) => {
    if (ggdm.run.sprites.where !== "page") return `${ggdm.run.sprites.where}${id}.png`;
    const element = document.getElementById(`sprite-${id}`);
    return element && `data:image/png;base64,${element.textContent.trim()}`;
};

/* The sheets stand at the end of the page, which may still be on its way. */
const whenThere = (id) =>
    new Promise((resolve) => {
        if (source(id) || document.readyState !== "loading") resolve();
        else document.addEventListener("DOMContentLoaded", resolve, { once: true });
    });

const load = async (id) => {
    await whenThere(id);
    const url = source(id);
    if (!url) throw new Error(`no images of trajectory ${id}`);
    const image = new Image();
    image.src = url;
    await image.decode();
    return image;
};

ggdm.sprite = (id) => {
    const found = sheets.get(id) ?? load(id);
    sheets.delete(id);
    sheets.set(id, found);
    if (sheets.size > KEPT) sheets.delete(sheets.keys().next().value);
    return found;
};

/** Have all sheets decoded, where they can be kept: paper does not wait for them. */
ggdm.decodeAll = () => {
    const { sprites, trajectories } = ggdm.run;
    const there = sprites ? trajectories.filter((t) => t.shown > 0) : [];
    return there.length <= KEPT ? Promise.allSettled(there.map((t) => ggdm.sprite(t.id))) : null;
};

/** How many images of a cell can be shown: 0, 1, ... */
ggdm.imagesOf = (cell) => Math.min(ggdm.run.trajectory.get(cell.trajectory)?.shown ?? 0, cell.wanted);

/** Width and height of a cell's images, pixels. */
ggdm.tileOf = (cell) => ggdm.run.trajectory.get(cell.trajectory).tile;

/** Did image i diverge? */
ggdm.lost = (cell, i) => ggdm.run.trajectory.get(cell.trajectory)?.diverged.some(([index]) => index === i) ?? false;

/** What is known of image i: {missing, lost: it diverged, step: where, right: true, false or null,
 *  scores: [{name, score}]}. */
ggdm.verdictOf = (cell, i) => {
    const t = ggdm.run.trajectory.get(cell.trajectory);
    const diverged = t?.diverged?.find(([index]) => index === i);
    const measures = t?.scores?.find((s) => s.cells.includes(cell.cell))?.measures ?? {};
    const scores = Object.entries(measures).map(([name, list]) => ({ name, score: list[i] })).filter((s) => s.score !== null && s.score !== undefined);
    const said = scores.find((s) => s.name === (ggdm.run.judge ?? ggdm.run.guide)?.name)?.score;
    const right = diverged ? false : cell.aim === null || cell.aim === undefined || !said ? null : said[0] === cell.aim;
    return { missing: t?.missing?.includes(i) ?? false, lost: Boolean(diverged), step: diverged?.[1] ?? null, right, scores };
};

/* Hatched: diverged.  Below: a line where it is right, dashes where it is wrong. */
const mark = (context, verdict, x, y, w, h) => {
    const style = getComputedStyle(document.documentElement);
    const unit = devicePixelRatio || 1;
    context.save();
    if (verdict.lost) {
        context.strokeStyle = style.getPropertyValue("--bad");
        context.lineWidth = 1.5 * unit;
        context.beginPath();
        context.rect(x, y, w, h);
        context.clip();
        for (let d = -h; d < w; d += 7 * unit) {
            context.moveTo(x + d, y + h);
            context.lineTo(x + d + h, y);
        }
        context.rect(x, y, w, h);
        context.stroke();
    } else if (verdict.right !== null) {
        context.fillStyle = style.getPropertyValue(verdict.right ? "--good" : "--bad");
        const thick = 3 * unit;
        if (verdict.right) context.fillRect(x, y + h - thick, w, thick);
        else for (let d = 0; d < w; d += w / 4) context.fillRect(x + d, y + h - thick, w / 8, thick);
    }
    context.restore();
};

/** Draw images of a cell into a canvas.
 *  indices   which, side by side, `across` in a row
 *  side      width of one, CSS pixels
 *  marked    draw what is known of each */
ggdm.drawImages = async (canvas, cell, indices, across, side, marked) => {
    const { tile, columns } = ggdm.run.trajectory.get(cell.trajectory);
    const [w, h] = tile;
    const unit = devicePixelRatio || 1;
    const gap = indices.length > 1 ? 2 : 0;
    const high = (side * h) / w;
    const rows = Math.ceil(indices.length / across);
    const total = (n, size) => n * size + (n - 1) * gap;
    canvas.style.width = `${total(across, side)}px`;
    canvas.style.height = `${total(rows, high)}px`;
    canvas.width = Math.round(total(across, side) * unit);
    canvas.height = Math.round(total(rows, high) * unit);
    const image = await ggdm.sprite(cell.trajectory);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = side * unit < w;
    context.imageSmoothingQuality = "high";
    indices.forEach((index, k) => {
        const x = (k % across) * (side + gap) * unit;
        const y = Math.floor(k / across) * (high + gap) * unit;
        const verdict = ggdm.verdictOf(cell, index);
        if (verdict.missing) return;
        context.drawImage(image, (index % columns) * w, Math.floor(index / columns) * h, w, h, x, y, side * unit, high * unit);
        if (marked) mark(context, verdict, x, y, side * unit, high * unit);
    });
    canvas.dataset.drawn = indices.join();
};
