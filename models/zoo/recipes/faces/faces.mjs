// Faces with words: node faces.mjs DIR writes DIR/{train,test}.u8 (images, u8 [N, 32, 32, 3]),
// DIR/{train,test}.jsonl (a line an image: caption and attributes) and DIR/attributes.json, the
// same bytes each time.  Lines on standard error say how far it is.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createAvatar } from '@dicebear/core';
import * as style from '@dicebear/pixel-art';
import { Resvg } from '@resvg/resvg-js';
import { drawCaption } from './captions.mjs';
import { attributes, drawAttributes, drawParts } from './parts.mjs';
import { makeRandom } from './random.mjs';

const SIZE = 32; // pixels; two for each of the 16 that a face is drawn on, so that none is blurred
const COLUMNS = 20;
const PER_PICTURE = 500; // faces; resvg needs as long for one as for many
const REPORT = 4000; // images between two lines
const splits = [
    { name: 'train', n: 40000, seed: 1 },
    { name: 'test', n: 4000, seed: 2 },
];

/** The face as SVG elements without ids, which would meet those of others.  The style draws a beard
 * through a mask of its own brightness, and dark ones faintly; here its shape is filled. */
function drawFace(parts) {
    const svg = createAvatar(style, { ...parts, size: SIZE }).toString();
    return svg
        .replace(/<metadata.*?<\/metadata>/, '')
        .replace(/<mask id="viewboxMask">.*?<\/mask><g mask="url\(#viewboxMask\)">/, '<g>')
        .replace(/<mask id="beard[^>]*>(<path[^>]*\/>)<\/mask><g .*?<\/g>/, '$1');
}

/** RGB of each of some faces: Buffers [SIZE, SIZE, 3]. */
function renderFaces(svgs) {
    const place = (i) => [(i % COLUMNS) * SIZE, Math.floor(i / COLUMNS) * SIZE];
    const placed = svgs.map((svg, i) => svg.replace('<svg ', `<svg x="${place(i)[0]}" y="${place(i)[1]}" `));
    const width = COLUMNS * SIZE;
    const height = Math.ceil(svgs.length / COLUMNS) * SIZE;
    const whole = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${placed.join('')}</svg>`;
    const rgba = new Resvg(whole, { font: { loadSystemFonts: false } }).render().pixels;
    return svgs.map((_, i) => {
        const [left, top] = place(i);
        const at = (k) => 4 * ((top + Math.floor(k / SIZE)) * width + left + (k % SIZE));
        const rgb = Buffer.alloc(SIZE * SIZE * 3);
        for (let k = 0; k < SIZE * SIZE; k++)
            rgba.copy(rgb, 3 * k, at(k), at(k) + 3);
        return rgb;
    });
}

function drawSome(n, random) {
    const classes = Array.from({ length: n }, () => drawAttributes(random));
    const images = renderFaces(classes.map((a) => drawFace(drawParts(a, random))));
    return classes.map((a, i) => ({ classes: a, rgb: images[i] }));
}

/** No picture is there twice, in neither split. */
function writeSplit(dir, { name, n, seed }, seen) {
    const random = makeRandom(seed);
    const wording = makeRandom(seed + 1000); // other words leave the images as they are
    const images = openSync(join(dir, `${name}.u8`), 'w');
    const lines = [];
    let reported = 0;
    while (lines.length < n) {
        for (const { rgb, classes } of drawSome(PER_PICTURE, random)) {
            const key = rgb.toString('latin1');
            if (lines.length === n || seen.has(key)) continue;
            seen.add(key);
            writeSync(images, rgb);
            lines.push(JSON.stringify({ caption: drawCaption(classes, wording), attributes: classes }));
        }
        if (lines.length < reported + REPORT && lines.length < n) continue;
        reported = lines.length;
        process.stderr.write(`${name}: ${reported} of ${n} images\n`);
    }
    closeSync(images);
    writeFileSync(join(dir, `${name}.jsonl`), lines.join('\n') + '\n');
}

const dir = process.argv[2];
const seen = new Set();
for (const split of splits) writeSplit(dir, split, seen);
const groups = attributes.map(({ name, classes }) => ({ name, classes }));
const rows = groups.map((group) => `  ${JSON.stringify(group)}`).join(',\n');
writeFileSync(join(dir, 'attributes.json'), `{"attributes": [\n${rows}\n]}\n`);
