// The page of the report: what it shows, how it is used, whom it leaves out (nobody).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { duration, kappa, make, prompt, pull, scale, target, write } from "./fixture.mjs";
import { cutOff, end, folder, mainThread, open, openPlain, pageText, runDir, shot, test, violations, web } from "./harness.mjs";

const report = (name, options, beside) => write(pageText, join(folder, name, "report.html"), make(options), beside);
const main = report("main", { axes: [kappa, duration, target] });
const few = (axis, ...values) => ({ ...axis, values });
const small = report("small", { axes: [few(kappa, 0, 0.1, 1), few(duration, 0, 50, 100), target], n: 5 });
const sections = (page) => page.$$eval("main > section:not([hidden])", (list) => list.map((s) => s.id));
const says = (page, id) => page.getAttribute(`#${id} figure > svg`, "aria-label");
const firstColumn = (page, n) => page.$$eval("#cells tbody tr > :first-child", (list, most) => list.slice(0, most).map((c) => c.textContent), n);

await test("curves, a heat map, a trade-off and records are drawn, with all that belongs to them", async () => {
    const page = await open(main);
    assert.deepEqual(await sections(page), ["about", "failures", "curves", "heat", "tradeoff", "images", "recorder", "cells", "computed", "machine", "files"]);
    assert.equal(await page.textContent("h1"), "digits-by-strength");
    assert.match(await page.textContent(".chain"), /sampler ddpm, 100 steps.*seed 0.*clipping of x0-hat yes/);
    assert.match(await page.textContent("#about"), /κ \(guidance strength\).*κ = 0 is.*t̃ \(conditioning duration, steps\).*guide.*judge.*right.*10\.0\u202f%/);
    // kappa = 0 is no curve but the dashed line; the dotted one is chance.
    assert.equal(await page.locator('#curves g[data-mark="line"] path').count(), kappa.values.length - 1);
    assert.equal(await page.locator('#curves g[data-mark="area"] path').count(), kappa.values.length - 1);
    const dashes = await page.$$eval('#curves g[data-mark="rule"]', (list) => list.map((g) => g.getAttribute("stroke-dasharray")));
    assert.deepEqual(dashes, ["6 4", "1.5 3.5"]);
    assert.match(await page.textContent("#curves .legend"), /κ = 0\.01.*κ = 1.*without guidance \(κ = 0\).*by chance: 10\.0\u202f%/);
    assert.equal(await page.locator('#heat g[data-mark="cell"] rect').count(), kappa.values.length * duration.values.length);
    assert.equal(await page.locator('#tradeoff g[data-mark="dot"]').first().locator("path").count(), kappa.values.length * duration.values.length * target.values.length);
    assert.match(await page.textContent("#tradeoff figcaption"), /the \d+ cells that no other one beats in both/);
    assert.match(await page.textContent("#failures"), /killed its worker three times.*guide: <b>not finite<\/b>/);
});

await test("measure, axes and the values of others change the charts and the address, and a reload keeps them", async () => {
    const page = await open(main);
    assert.match(await says(page, "curves"), /^accuracy by the judge over t̃ .*curves by κ .*, at target = 0\. Highest/);
    await page.selectOption('[id="curves.of"]', "vendi");
    await page.selectOption('[id="curves.x"]', "kappa");
    assert.match(await says(page, "curves"), /^Vendi score over κ .*curves by t̃/);
    await page.locator('[id="curves.at.target"]').press("ArrowRight");
    assert.match(await says(page, "curves"), /at target = 3/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "curves.at.target");
    await page.selectOption('[id="heat.y"]', "target");
    assert.match(await says(page, "heat"), /over t̃ .* and target, at κ = 0,/);
    await page.waitForFunction(() => location.hash.includes("heat.y=target"));
    await page.reload();
    await page.waitForSelector("html[data-ready]");
    assert.match(await says(page, "curves"), /^Vendi score over κ .*at target = 3/);
    assert.match(await says(page, "heat"), / and target, at κ = 0,/);
});

await test("0 has a place of its own on a logarithmic axis, at the left of all others", async () => {
    const page = await open(main, { hash: "curves.x=kappa&curves.by=duration" });
    const ticks = () => page.$$eval('#curves g[data-mark="x-axis tick label"] text', (list) => list.map((t) => [t.textContent, t.getBoundingClientRect().left]).sort((a, b) => a[1] - b[1]));
    const log = await ticks();
    assert.deepEqual(log.map(([t]) => t), ["0", "0.01", "0.03", "0.1", "0.3", "1"]);
    assert.ok(await page.getByText("⁄⁄").count() === 1);
    const gap = (list, i) => list[i + 1][1] - list[i][1];
    assert.ok(Math.abs(gap(log, 1) - gap(log, 2)) < 30);
    await page.uncheck('[id="curves.log.kappa"]');
    const linear = await ticks();
    assert.equal(linear.at(-1)[0], "1");
    assert.ok(gap(linear, linear.length - 2) > 3 * gap(log, 4));
});

await test("the strength of guidance is whatever axis has cells without it", async () => {
    const page = await open(report("pull", { axes: [target, pull, scale], n: 4 }));
    assert.match(await page.textContent("#about"), /pull \(guidance strength\).*pull = 1 is/);
    assert.equal(await page.inputValue('[id="recorder.by"]'), "pull");
    assert.match(await page.textContent("#curves"), /without guidance \(pull = 1\)/);
});

await test("the pointer finds a point and its numbers", async () => {
    const page = await open(main);
    await page.locator("#curves").scrollIntoViewIfNeeded();
    const box = await page.locator('#curves g[data-mark="dot"] path').nth(7).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const tip = page.locator('#curves g[aria-label="tip"]:has(text)');
    await tip.waitFor();
    assert.match(await tip.textContent(), /κ = .*t̃ = .*accuracy by the judge: .*n = 12.*c0/s);
    await page.locator("#curves .numbers summary").click();
    await page.locator("#curves .numbers tbody tr").first().waitFor(); // a browser says later that it is open
    assert.equal(await page.locator("#curves .numbers tbody tr").count(), kappa.values.length * duration.values.length);
});

await test("the table is sorted, filtered, and saved as it is shown", async () => {
    const page = await open(main);
    const sort = page.locator('[id="sort-judge_accuracy"]');
    await sort.focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.getAttribute('th:has([id="sort-judge_accuracy"])', "aria-sort"), "ascending");
    await page.keyboard.press("Enter");
    assert.equal(await page.getAttribute('th:has([id="sort-judge_accuracy"])', "aria-sort"), "descending");
    assert.equal(await page.evaluate(() => document.activeElement.id), "sort-judge_accuracy");
    const shares = await page.$$eval("#cells tbody tr", (rows) => rows.map((r) => Number.parseFloat(r.querySelector("td.share").textContent)));
    assert.deepEqual(shares, [...shares].sort((a, b) => b - a));
    const field = page.locator('[id="cells.filter"]');
    await field.fill("kappa>=0.3, t~=100, target=0");
    assert.equal(await page.textContent("#cells-state"), "2 of 72 cells");
    const names = await firstColumn(page, 5);
    const download = page.waitForEvent("download");
    await page.click("#cells-save");
    const lines = readFileSync(await (await download).path(), "utf8").trim().split("\n");
    assert.equal(lines[0].split(",").slice(0, 9).join(), "cell,kappa,duration,target,n,complete,diverged,judge_accuracy,judge_accuracy_lo");
    assert.deepEqual(lines.slice(1).map((l) => l.split(",")[0]), names);
    const best = Number(lines[1].split(",")[7]);
    assert.ok(best > 0.5 && best <= 1);
    await field.fill("judge_accuracy>=80");
    const many = Number.parseInt(await page.textContent("#cells-state"), 10);
    assert.ok(many > 0 && many < 72);
    await field.fill("3-5");
    assert.deepEqual((await firstColumn(page, 9)).sort(), ["c0003", "c0004", "c0005"]);
    await field.fill("kapa=1");
    assert.equal(await page.textContent("#cells-state"), "Not understood: no axis or column is called “kapa”.");
    assert.equal(await field.getAttribute("aria-invalid"), "true");
});

// The grey values of a canvas's pixels, their mean.
const brightness = (page, selector) =>
    page.locator(selector).first().evaluate((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum += data[i];
        return (sum * 4) / data.length;
    });

await test("images are drawn when they come into sight; the diverged are marked; one can be enlarged", async () => {
    const page = await open(main, { height: 500 });
    assert.equal(await page.locator("canvas[data-drawn]").count(), 0);
    await page.locator("#images h2").scrollIntoViewIfNeeded();
    await page.locator('button.shot[data-cell="c0000"] canvas[data-drawn]').waitFor();
    assert.ok((await brightness(page, 'button.shot[data-cell="c0000"] canvas')) > 20);
    // c0070: κ = 1, t~ = 100, whose image 2 diverged.
    const last = page.locator('button.shot[data-cell="c0070"]');
    await last.scrollIntoViewIfNeeded();
    assert.match(await last.getAttribute("aria-label"), /^c0070: κ = 1, t̃ = 100, target = 0; 4 images; .*1 of them diverged$/);
    await last.locator("canvas[data-drawn]").waitFor();
    const reddish = await last.locator("canvas").evaluate((canvas) => {
        const half = [canvas.width / 2, canvas.height / 2].map(Math.floor);
        const { data } = canvas.getContext("2d").getImageData(0, half[1], half[0], half[1]);
        let n = 0;
        for (let i = 0; i < data.length; i += 4) n += data[i] > data[i + 2] + 60;
        return n;
    });
    assert.ok(reddish > 50, `${reddish} pixels of hatching`);
    const box = await last.locator("canvas").boundingBox();
    await page.mouse.click(box.x + box.width * 0.25, box.y + box.height * 0.75);
    assert.equal(await page.textContent("#viewer-title"), "c0070, image 2 (of 0 to 11)");
    assert.match(await page.textContent("#viewer .facts"), /κ \(guidance strength\)1.*diverged in step 88.*ggdm replay \. --cell c0070 --image 2/);
    assert.equal(await page.locator("#viewer .small-charts figure").count(), 4);
    assert.ok((await brightness(page, "#viewer .pair canvas")) > 10);
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.textContent("#viewer-title"), "c0070, image 3 (of 0 to 11)");
    assert.match(await page.textContent("#viewer .facts"), /judge \(mnist-judge\)takes it for 3 \(80\.0\u202f%\); aimed at: 0 \(5\.0\u202f%\)/);
    await page.keyboard.press("ArrowUp");
    assert.equal(await page.textContent("#viewer-title"), "c0058, image 3 (of 0 to 11)");
    assert.deepEqual(await violations(page), []);
    await shot(page, "enlarged", false);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#viewer").evaluate((d) => d.open), false);
    assert.equal(await page.evaluate(() => document.activeElement.dataset.cell), "c0058");
});

await test("arrow keys go through the grid of images, Enter enlarges; axes and values can be chosen", async () => {
    const page = await open(main);
    await page.locator('button.shot[data-cell="c0000"]').focus();
    const here = () => page.evaluate(() => document.activeElement.dataset.cell);
    await page.keyboard.press("ArrowRight");
    assert.equal(await here(), "c0002");
    await page.keyboard.press("ArrowDown");
    assert.equal(await here(), "c0014");
    await page.keyboard.press("End");
    assert.equal(await here(), "c0022");
    await page.keyboard.press("Enter");
    assert.equal(await page.textContent("#viewer-title"), "c0022, image 0 (of 0 to 11)");
    await page.keyboard.press("Escape");
    assert.equal(await here(), "c0022");
    assert.equal(await page.locator('button.shot[tabindex="0"]').count(), 1);
    await page.selectOption('[id="images.rows"]', "target");
    assert.equal(await page.locator("table.grid tbody tr").count(), 2);
    await page.locator('[id="images.at.kappa"]').press("End");
    assert.match(await page.locator("button.shot").first().getAttribute("aria-label"), /κ = 1, /);
    await page.selectOption('[id="images.count"]', "9");
    await page.locator('[id="images.first"]').press("ArrowRight");
    assert.match(await page.textContent("#images-caption"), /numbers 1 to 9 of each cell$/);
});

await test("Tab reaches all that can be used, and one sees where one is", async () => {
    const page = await open(small, { hash: "cells.filter=1-3" });
    const tabbable = "a[href], button:not([tabindex='-1']), select, input, summary, [tabindex='0']";
    const wanted = await page.$$eval(tabbable, (list) => {
        window.reached = new Set();
        return list.filter((n) => n.checkVisibility() && !n.closest("dialog")).length;
    });
    for (let i = 0; i < wanted + 5; i++) {
        await page.keyboard.press("Tab");
        const state = await page.evaluate(() => {
            const n = document.activeElement;
            if (n === document.body) return "end";
            window.reached.add(n);
            return getComputedStyle(n).outlineStyle === "none" ? `${n.tagName} ${n.id}` : "seen";
        });
        if (state === "end") break;
        assert.equal(state, "seen");
    }
    const missed = await page.$$eval(tabbable, (list) => list.filter((n) => n.checkVisibility() && !n.closest("dialog") && !window.reached.has(n)).map((n) => n.outerHTML.slice(0, 120)));
    assert.deepEqual(missed, []);
    assert.ok(wanted > 40);
});

await test("texts of people are texts: prompts, cards, errors", async () => {
    const page = await open(report("prompts", { axes: [prompt, { ...scale, values: [1234567, 1234568, 0.1 + 0.2, 1e20] }], size: 32, n: 8 }));
    assert.match(await page.textContent("#images tbody"), /<i>von links<\/i>/);
    assert.equal(await page.locator("main i").count(), 0);
    await page.locator("#computed summary", { hasText: "Model mnist-ddpm" }).click();
    assert.match(await page.textContent("#computed"), /<script>alert\('a card is a text'\)<\/script>/);
    assert.deepEqual(await cutOff(page), []);
    await page.setViewportSize({ width: 420, height: 900 });
    await page.waitForTimeout(400);
    assert.deepEqual(await cutOff(page), []);
    // Texts that begin alike are told apart; heads stand in one line; captions need no scrolling.
    const sides = await page.$$eval('#heat g[data-mark="y-axis tick label"] text', (list) => list.map((t) => t.textContent));
    assert.equal(new Set(sides).size, prompt.values.length, sides.join(" | "));
    const edges = await page.$$eval("#cells thead th", (list) => list.map((t) => Math.round(t.getBoundingClientRect().bottom)));
    assert.equal(new Set(edges).size, 1, edges.join());
    const wide = await page.$$eval("caption", (list) => {
        const right = (node) => node.getBoundingClientRect().right;
        return list.filter((c) => c.offsetWidth && right(c) > right(c.closest(".scroll")) + 1).map((c) => c.textContent);
    });
    assert.deepEqual(wide, []);
    await page.evaluate(() => ggdm.enlarge(ggdm.run.cells[0], 1));
    const boxes = (selector) => page.$$eval(selector, (list) => list.map((n) => n.getBoundingClientRect()).map(({ right, width }) => ({ right, width })));
    assert.deepEqual(await page.evaluate(() => ggdm.run.axes[1].texts), ["1234567", "1234568", "0.3", "1e+20"]);
    const [[image], [frame], facts] = [await boxes("#viewer .pair canvas"), await boxes("#viewer .pair"), await boxes("#viewer dd")];
    assert.ok(image.right <= frame.right, `${image.right} of ${frame.right}`);
    assert.ok(facts.every((b) => b.width >= 150), JSON.stringify(facts));
    await page.keyboard.press("Escape");
    await shot(page, "prompts-420");
});

await test("sweeps with one axis, none, thirty measures, values that go together, without images", async () => {
    for (const [name, options, expected, beside] of [
        ["one", { axes: [kappa] }, ["curves", "images", "tradeoff"], "report_files/"],
        ["none", { axes: [], records: false }, ["images", "cells"]],
        ["wide", { axes: [kappa, duration], measures: 30, records: false }, ["curves", "heat", "cells"]],
        ["zip", { axes: [kappa, duration], drop: (at) => at[0] !== at[1], n: 4 }, ["curves", "images", "recorder"]],
    ]) {
        const page = await open(report(name, options, beside));
        const there = await sections(page);
        assert.deepEqual(expected.filter((s) => !there.includes(s)), [], name);
        assert.deepEqual(await cutOff(page), [], name);
        await page.locator("#images h2").scrollIntoViewIfNeeded();
        await page.locator("button.shot canvas[data-drawn]").first().waitFor();
        await shot(page, name, name === "wide");
        }
});

await test("axe-core finds nothing, nothing is cut off: light and dark, 1300 and 420 pixels", async () => {
    for (const width of [1300, 420])
        for (const colorScheme of ["light", "dark"]) {
            const page = await open(small, { width, colorScheme, reducedMotion: colorScheme === "dark" ? "reduce" : "no-preference" });
            assert.deepEqual(await violations(page), [], `${colorScheme}, ${width}`);
            assert.deepEqual(await cutOff(page), [], `${colorScheme}, ${width}`);
            assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), colorScheme === "dark" ? "auto" : "smooth");
            await page.locator("#images h2").scrollIntoViewIfNeeded();
            await page.locator("button.shot canvas[data-drawn]").first().waitFor();
            await shot(page, `${colorScheme}-${width}`);
                }
});

await test("on paper there are no controls, and all is light", async () => {
    const page = await open(small, { colorScheme: "dark" });
    const shade = () => page.$eval('#heat g[data-mark="cell"] rect', (r) => r.getAttribute("fill"));
    const dark = await shade();
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => ggdm.decodeAll());
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.deepEqual(await page.$$eval("button.shot canvas", (list) => list.filter((c) => !c.dataset.drawn).length), 0);
    assert.notEqual(await shade(), dark);
    assert.equal(await page.isVisible("#curves .controls"), false);
    assert.equal(await page.isVisible("nav"), false);
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--surface")), "#ffffff");
    const pdf = await page.pdf({ path: join(web, "shots", "print.pdf"), format: "A4" });
    assert.ok(pdf.length > 20000);
});

await test("a page of a run that goes on loads itself again, keeps the view, and can be stopped", async () => {
    const live = (fraction, every) => report("live", { axes: [few(kappa, 0, 1), few(duration, 50, 100)], n: 4, live: { every, fraction, eta_seconds: 90 } });
    const page = await open(live(0.25, 1), { hash: "paused=yes", reducedMotion: "reduce" });
    assert.match(await page.textContent("#live"), /25\.0\u202f% of the images are done, about 90 s left/);
    await page.selectOption('[id="curves.of"]', "vendi");
    await page.locator('[id="cells.filter"]').fill("kappa=1");
    const place = () => page.$eval("#cells", (section) => section.getBoundingClientRect().top);
    const before = await place();
    live(0.5, 600);
    await page.waitForTimeout(1500);
    assert.match(await page.textContent("#live"), /25\.0/);
    await page.$eval("#pause", (button) => button.click()); // without going there
    await page.waitForFunction(() => document.getElementById("live")?.textContent.includes("50.0") && document.documentElement.dataset.ready);
    assert.match(await says(page, "curves"), /^Vendi score/);
    assert.equal(await page.inputValue('[id="cells.filter"]'), "kappa=1");
    assert.equal(await page.evaluate(() => document.activeElement.id), "cells.filter");
    assert.ok(before < 900 && Math.abs((await place()) - before) < 4, `${before}, ${await place()}`);
});

await test("2,000 cells of 200 images, 45 MB of them in the page, take under 3 s of the browser's main thread", async () => {
    const many = (n, f) => Array.from({ length: n }, (_, i) => f(i));
    const { doc, sprites } = make({ axes: [{ ...kappa, values: many(40, (i) => i / 40) }, { ...duration, values: many(50, (i) => 2 * i + 2) }], n: 200, scores: false });
    const [first] = sprites.values();
    const bytes = first().subarray(0, Math.floor((45e6 / doc.trajectories.length) * 0.75)); // that only the first is looked at is the point
    const path = write(pageText, join(folder, "large", "report.html"), { doc, sprites: new Map([...sprites.keys()].map((id, i) => [id, i ? () => bytes : first])) });
    const busy = await mainThread();
    const page = await open(path);
    const seconds = await busy();
    console.log(`# ${seconds.toFixed(2)} s`);
    assert.ok(seconds > 0.1 && seconds < 3, `${seconds} s`);
    assert.equal(await page.locator("button.shot").count(), 2000);
});

await test("without JavaScript the page says so", async () => {
    const page = await openPlain(main);
    assert.match(await page.locator("noscript").innerText(), /with JavaScript, which is off here/);
});

await test("the report of a run is drawn in full", async () => {
    const path = join(runDir, "report.html");
    const page = await open(path);
    const there = await sections(page);
    assert.deepEqual(["curves", "heat", "tradeoff", "images", "cells", "surface", "computed", "machine", "files"].filter((s) => !there.includes(s)), []);
    assert.equal(await page.locator("#cells tbody tr").count(), 9);
    assert.equal(await page.locator('#heat g[data-mark="cell"] rect').count(), 9);
    assert.match(await says(page, "surface"), /^Accuracy by the judge, fitted over .*Highest at/);
    await page.locator("#images h2").scrollIntoViewIfNeeded();
    await page.locator("button.shot canvas[data-drawn]").first().waitFor();
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(await cutOff(page), []);
    await shot(page, "run");
});

await end();
