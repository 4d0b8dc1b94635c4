// A session that ends by itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { launch, logIn, seen, sessionCookie, Site } from "./support.js";

test("an expired session shows the login form again, also to who kept the cookie", async (t) => {
  const site = await Site.start(["--max-age", "3"]);
  t.after(() => site.stop());
  const browser = await launch();
  t.after(() => browser.close());
  const context = await browser.newContext();
  const page = await context.newPage();

  await logIn(page, site);
  assert.equal((await seen(page)).user, "user1");
  await page.getByText("Ends after 3 seconds without a visit.").waitFor();
  const cookie = await sessionCookie(context);
  while (await sessionCookie(context)) {
    await setTimeout(100);
  }
  await page.reload();
  assert.equal((await seen(page)).user, null);
  await page.getByLabel("Username").waitFor();

  await context.addCookies([{ ...cookie, expires: Date.now() / 1000 + 3600 }]);
  await page.reload();
  assert.equal((await seen(page)).user, null);
  assert.equal(await page.request.get(`${site.url}/me`).then((answer) => answer.status()), 401);
});
