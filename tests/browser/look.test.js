// How the pages look: each as a picture in `screenshots`, on a desktop and a phone, light and dark.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, logIn, Site } from "./support.js";

const FOLDER = path.join(import.meta.dirname, "screenshots");

const SCREENS = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

let site, browser;
before(async () => {
  await mkdir(FOLDER, { recursive: true });
  [site, browser] = await Promise.all([Site.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

for (const [screen, options] of Object.entries(SCREENS)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the pages fit a ${screen} and can be read in ${colorScheme} colours`, async () => {
      const context = await browser.newContext({ ...options, colorScheme });
      const page = await context.newPage();
      const look = async (name) => {
        await page.screenshot({ path: path.join(FOLDER, `${name}-${screen}-${colorScheme}.png`), fullPage: true });
        const { overflow, faint } = await page.evaluate(judge);
        assert.equal(overflow, 0, `${name} is too wide`);
        assert.deepEqual(faint, [], `${name} has text that is hard to read`);
      };

      await page.goto(site.url);
      await look("login");
      await logIn(page, site, { password: "nonsense" });
      await look("wrong");
      const other = await browser.newContext();
      await logIn(await other.newPage(), site, { remember: true });
      await logIn(page, site);
      await look("welcome");
      await page.getByRole("button", { name: "Log out everywhere else" }).click();
      await look("alone");
      await page.getByRole("link", { name: "Log out" }).click();
      await look("logged-out");
      await page.locator("input[name=csrf]").evaluate((field) => field.remove());
      await page.getByLabel("Username").fill("user1");
      await page.getByLabel("Password").fill("mypassword");
      await page.getByRole("button", { name: "Log in" }).click();
      await look("refused");
      await page.goto(`${site.url}/nowhere`);
      await look("not-found");
      await Promise.all([other.close(), context.close()]);
    });
  }
}

/** Runs in the page: by how much it is too wide, and the texts whose contrast is below 4.5 : 1 (WCAG 2 AA). */
function judge() {
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const ground = (element) => {
    for (let up = element; up; up = up.parentElement) {
      const colour = parts(getComputedStyle(up).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!hasText) continue;
    const [a, b] = [parts(getComputedStyle(element).color), ground(element)].map(luminance);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${element.innerText}: ${contrast.toFixed(2)}`);
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  return { overflow: Math.max(0, scrollWidth - clientWidth), faint };
}
