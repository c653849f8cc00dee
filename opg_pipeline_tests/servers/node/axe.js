// Opens pages in headless Chromium at the width of a phone and of a desk, and prints what axe finds, what was asked of the
// network, and whether a page is wider than its window. Arguments: browser, then file:// addresses.
const path = require("path");
const modules = path.join(process.env.NODE_MODULES);
const { chromium } = require(path.join(modules, "playwright-core"));
const axe = require.resolve(path.join(modules, "axe-core"));
const [browserPath, ...pages] = process.argv.slice(2);
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

(async () => {
  const browser = await chromium.launch({ executablePath: browserPath, args: QUIET });
  const found = [];
  for (const width of [360, 1280]) {
    for (const scheme of ["light", "dark"]) {
      const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: scheme });
      const asked = [];
      page.on("request", (request) => asked.push(request.url()));
      for (const address of pages) {
        asked.length = 0;
        await page.goto(address);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        await page.evaluate(() => document.querySelectorAll("details").forEach((item) => { item.open = true; }));
        await page.addScriptTag({ path: axe });
        const told = await page.evaluate(() => window.axe.run());
        const findings = told.violations.map((item) => [item.impact, item.id, item.nodes.map((node) => node.html.slice(0, 160))]);
        found.push({ address, width, scheme, wide, passes: told.passes.length, findings, elsewhere: asked.filter((url) => !url.startsWith("file:")) });
      }
      await page.close();
    }
  }
  await browser.close();
  console.log(JSON.stringify(found));
})().catch((error) => { console.error(error); process.exit(1); });
