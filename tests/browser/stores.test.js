// The same site with its sessions on a server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { launch, logIn, seen, sessionCookie, Site } from "./support.js";

const STORES = [
  ["redis", "REDIS_URL"],
  ["mongodb", "MONGODB_URL"],
  ["postgres", "POSTGRES_URL"],
  ["mysql", "MYSQL_URL"],
];

for (const [store, variable] of STORES) {
  const required = (process.env.SESSION_REQUIRE ?? "").split(",").includes(store);
  const skip = !process.env[variable] && !required && `set ${variable} to run this`;
  test(`sessions in ${store} outlive the site's process, until their users log out`, { skip }, async (t) => {
    assert.ok(process.env[variable], `SESSION_REQUIRE names ${store}, and ${variable} is not set`);
    const site = await Site.start(["--store", store]);
    t.after(() => site.stop());
    const browser = await launch();
    t.after(() => browser.close());
    const context = await browser.newContext();
    const page = await context.newPage();

    await logIn(page, site);
    assert.deepEqual(await seen(page), { user: "user1", visits: 1 });
    await site.restart();
    await page.reload();
    assert.deepEqual(await seen(page), { user: "user1", visits: 2 });

    const old = await sessionCookie(context);
    await page.getByRole("button", { name: "Log out on this device" }).click();
    await page.getByText("You are logged out.").waitFor();
    await site.restart();
    await context.addCookies([old]);
    await page.goto(site.url);
    assert.deepEqual(await seen(page), { user: null });
  });
}
