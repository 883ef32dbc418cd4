// How long reports take to open in Chromium: report.mjs FILE..., with WEB and BROWSER as
// tests/web/page.sh has them.  Medians of ROUNDS (3): until all of the page is built, and what its
// thread computed for that, which other work on the machine does not change.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const { WEB, BROWSER, ROUNDS = "3" } = process.env;
const { chromium } = createRequire(join(WEB, "package.json"))("playwright-core");
const browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox", "--disable-gpu"] });
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

for (const file of process.argv.slice(2)) {
    const wall = [], busy = [];
    for (let i = 0; i < Number(ROUNDS); i++) {
        const page = await browser.newPage({ viewport: { width: 1300, height: 900 } });
        page.setDefaultTimeout(120000);
        const devtools = await page.context().newCDPSession(page);
        await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
        const begun = performance.now();
        await page.goto(`file://${resolve(file)}`);
        await page.waitForSelector("html[data-ready]");
        wall.push((performance.now() - begun) / 1000);
        const { metrics } = await devtools.send("Performance.getMetrics");
        busy.push(metrics.find((m) => m.name === "TaskDuration").value);
        await page.close();
    }
    console.log(`${file}: opens in ${median(wall).toFixed(2)} s, of which its thread computed ${median(busy).toFixed(2)} s`);
}
await browser.close();
