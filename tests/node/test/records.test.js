// Sessions that live in both servers at once: a shared store, the same cookie, changes on either side.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { pair, secrets, startPeer } from '../lib/peer.js'
import { startSite } from '../lib/site.js'

const SECRET = 'keyboard cat'
const POLICY = { secrets: secrets(SECRET) }
const MINUTE = 60_000

describe('records', () => {
  let peer, site
  before(async () => {
    peer = startPeer()
    site = await startSite({ secret: SECRET })
  })
  after(() => {
    peer.stop()
    site.stop()
  })

  /** One request to the Rust server, over the store that the Node server uses. */
  async function rust (cookie, script = [], policy = POLICY, ids = []) {
    const cookies = cookie === undefined ? [] : [cookie]
    const answer = await peer.request({ policy, cookies, records: site.records(), script, ids })
    site.hold(answer.records)
    return answer
  }

  test('a session that Rust began is a session to Node, under the same id and cookie', async () => {
    const began = await rust(undefined, [{ insert: ['user', 'ann'] }, { insert: ['cart', [1, { n: null }]] }], POLICY, ['an.id of our own'])
    const seen = await site.play(pair(began.setCookie))
    assert.equal(seen.id, 'an.id of our own')
    assert.deepEqual(seen.data, { user: 'ann', cart: [1, { n: null }] })
    assert.equal(seen.setCookie, undefined, 'Node sees no need for another cookie')
  })

  test('a session that Node began is a session to Rust, and both see what the other changed', async () => {
    const began = await site.play(undefined, [{ insert: ['user', 'ann'] }])
    const cookie = pair(began.setCookie)
    let seen = await rust(cookie, [{ insert: ['by', 'rust'] }, { remove: 'user' }])
    assert.equal(seen.isNew, false)
    assert.deepEqual(seen.lookedUp, [began.id])
    assert.equal(seen.setCookie, null, 'a browser session needs no new cookie, as in Node')
    assert.deepEqual((await site.play(cookie)).data, { by: 'rust' })
    await site.play(cookie, [{ insert: ['by', 'node'] }])
    seen = await rust(cookie)
    assert.deepEqual(seen.data, { by: 'node' })
  })

  test('a counter that both count in turn loses nothing', async () => {
    const cookie = pair((await site.play(undefined, [{ count: 'n' }])).setCookie)
    for (let turn = 0; turn < 10; turn++) {
      await rust(cookie, [{ count: 'n' }])
      await site.play(cookie, [{ count: 'n' }])
    }
    assert.equal((await rust(cookie)).data.n, 21)
  })

  test('what JSON can hold, comes through unchanged and in its order', async () => {
    const values = {
      z: 1, a: -0.5, 10: 'index', 2: 'index', big: 1e21, small: 1e-7, text: 'é 😀 \u2028 \u0000 " \\ </script> \u007f',
      lone: '\ud800', key_of_many: { b: 1, a: [[], {}, '', null, true] }, 'key "with" quotes\n': 1, '': 'empty', é: 1, nested: { cookie: 1 }
    }
    const script = Object.entries(values).map((entry) => ({ insert: entry }))
    const began = await site.play(undefined, script)
    const cookie = pair(began.setCookie)
    const written = site.store.sessions[began.id]

    // Rust puts in one key more, and leaves everything else as the text it was.
    await rust(cookie, [{ insert: ['more', true] }])
    assert.equal(site.store.sessions[began.id], `${written.slice(0, -1)},"more":true}`)
    assert.equal(JSON.stringify(JSON.parse(site.store.sessions[began.id])), site.store.sessions[began.id])
    const seen = await site.play(cookie)
    assert.deepEqual(seen.data, { ...values, more: true })
    assert.deepEqual(seen.keys, [...Object.keys(values), 'more'])

    // The same from Rust's hands, but for what Rust has no text for.
    const { lone, ...spelled } = values
    const ours = await rust(undefined, Object.entries(spelled).map((entry) => ({ insert: entry })), POLICY, ['made-by-rust'])
    assert.deepEqual((await site.play(pair(ours.setCookie))).data, spelled)
    assert.equal(JSON.stringify(JSON.parse(site.store.sessions['made-by-rust'])), site.store.sessions['made-by-rust'])
  })

  test('the cookie that Rust records is the cookie that Node sends', async () => {
    const options = [
      {}, { maxAge: MINUTE }, { path: '/' }, { domain: 'example.com' }, { httpOnly: false }, { secure: true },
      { sameSite: 'lax' }, { sameSite: 'none', secure: true, partitioned: true }, { priority: 'high' },
      { maxAge: 5000, domain: '.example.com', sameSite: 'strict', secure: true, priority: 'low' }
    ]
    for (const cookie of options) {
      const both = await startSite({ secret: SECRET, cookie, rolling: true })
      const ofNode = await both.play(undefined, [{ insert: ['a', 1] }])
      const ofRust = await peer.request({ policy: { ...POLICY, cookie }, ids: [ofNode.id], script: [{ insert: ['a', 1] }] })
      const apart = (line) => line.replace(/Expires=[^;]*/, 'Expires=then')
      assert.equal(apart(ofRust.setCookie), apart(ofNode.setCookie), JSON.stringify(cookie))
      const text = (payload) => payload.replace(/"expires":"[^"]*"/, '"expires":"then"')
      assert.equal(text(ofRust.records[ofNode.id].payload), text(both.store.sessions[ofNode.id]), JSON.stringify(cookie))

      // Node inflates Rust's record and sends the cookie anew, from what the record says.
      both.hold(ofRust.records)
      const seen = await both.play(pair(ofRust.setCookie))
      assert.equal(apart(seen.setCookie), apart(ofNode.setCookie))
      assert.deepEqual({ ...seen.cookie, expires: null }, { ...ofNode.cookie, expires: null })
      both.stop()
    }
  })

  test('a life of its own goes with the session, whoever gave it', async () => {
    const began = await rust(undefined, [{ insert: ['a', 1] }, { max_age: 30 * MINUTE }], POLICY, ['remembered'])
    const cookie = pair(began.setCookie)
    const seen = await site.play(cookie)
    assert.equal(seen.cookie.originalMaxAge, 30 * MINUTE)
    assert.ok(seen.maxAge > 29 * MINUTE && seen.maxAge <= 30 * MINUTE, 'req.session.cookie.maxAge counts down')

    await site.play(cookie, [{ max_age: 10 * MINUTE }, { insert: ['a', 2] }])
    const read = await rust(cookie)
    assert.equal(read.maxAge, 10 * MINUTE)
    const ended = await rust(cookie, [{ max_age: null }])
    assert.ok(!ended.setCookie.includes('Expires'))
    assert.equal((await site.play(cookie)).cookie.originalMaxAge, null)
  })

  test('a record whose cookie.expires was left behind by touches is alive to Rust as long as the store says so', async () => {
    const now = Date.now()
    const payload = `{"cookie":{"originalMaxAge":60000,"expires":"${new Date(now - MINUTE).toISOString()}","httpOnly":true,"path":"/"},"user":"ann"}`
    const cookie = `connect.sid=${await peer.seal(POLICY, 'stale')}`
    const records = { stale: { payload, expiresAt: now + MINUTE / 2 } }
    const read = await peer.request({ policy: POLICY, cookies: [cookie], now, records, script: [{ insert: ['a', 1] }] })
    assert.equal(read.data.user, 'ann')
    const { expires } = JSON.parse(read.records.stale.payload).cookie
    assert.equal(Date.parse(expires), now + MINUTE, 'a save moves it on first, so that no Node store takes it for dead')
    const late = await peer.request({ policy: POLICY, cookies: [cookie], now: now + MINUTE, records })
    assert.equal(late.isNew, true)
  })

  test('a logout on either side is a logout on both', async () => {
    const first = await site.play(undefined, [{ insert: ['user', 'ann'] }])
    const ended = await rust(pair(first.setCookie), ['destroy'])
    assert.match(ended.setCookie, /^connect\.sid=; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly$/)
    const anonymous = await site.play(pair(first.setCookie), [{ insert: ['a', 1] }])
    assert.equal(anonymous.data.user, undefined)
    assert.notEqual(anonymous.id, first.id)

    const second = await rust(undefined, [{ insert: ['user', 'bob'] }], POLICY, ['second'])
    await site.play(pair(second.setCookie), ['destroy'])
    const late = await rust(pair(second.setCookie), [{ insert: ['a', 1] }], POLICY, ['third'])
    assert.equal(late.isNew, true)
    assert.equal(late.data.user, undefined)
    assert.ok(!('second' in late.records), 'nothing is revived')
  })

  test('a new id is the id for both, and the old one is dead', async () => {
    const began = await site.play(undefined, [{ insert: ['cart', 3] }])
    const renewed = await rust(pair(began.setCookie), ['renew'], POLICY, ['renewed'])
    const seen = await site.play(pair(renewed.setCookie))
    assert.equal(seen.id, 'renewed')
    assert.deepEqual(seen.data, { cart: 3 })
    assert.equal((await site.play(pair(began.setCookie))).data.cart, undefined)

    const regenerated = await site.play(pair(renewed.setCookie), ['regenerate', { insert: ['user', 'ann'] }])
    const read = await rust(pair(regenerated.setCookie))
    assert.deepEqual(read.data, { user: 'ann' })
    assert.equal((await rust(pair(renewed.setCookie))).isNew, true)
  })

  test('whom a session belongs to survives a write of Node\'s', async () => {
    const began = await rust(undefined, [{ login: 'ann' }, { insert: ['a', 1] }], POLICY, ['owned'])
    const cookie = pair(began.setCookie)
    assert.equal((await site.play(cookie, [{ insert: ['a', 2] }])).data.a, 2)
    const read = await rust(cookie)
    assert.equal(read.owner, 'ann')
    assert.deepEqual(read.data, { a: 2 })
  })

  test('a record that is no session to Node is none to Rust, and is left as it is', async () => {
    for (const payload of ['{"user":"ann"}', '[]', '{"cookie":null}']) {
      const cookie = `connect.sid=${await peer.seal(POLICY, 'odd')}`
      const records = { odd: { payload, expiresAt: Date.now() + MINUTE } }
      const read = await peer.request({ policy: POLICY, cookies: [cookie], records, script: [{ insert: ['a', 1] }], ids: ['another'] })
      assert.equal(read.isNew, true)
      assert.equal(read.records.odd.payload, payload)
      assert.ok('another' in read.records)
    }
  })
})
