// Cookies, both ways: signed here and opened there.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import signature from 'cookie-signature'
import { pair, secrets, startPeer } from '../lib/peer.js'
import { startSite } from '../lib/site.js'

const golden = (name) => JSON.parse(readFileSync(new URL(`../../../session-core/tests/golden/${name}.json`, import.meta.url))).vectors
const SECRET = 'a secret that both servers know, of some length'
const MIGRATION = { signature: 'perNameAcceptingRaw' }
const nodeCookie = (id, secret) => `connect.sid=${encodeURIComponent(`s:${signature.sign(id, secret)}`)}`
const unsign = (value, secret) => {
  const decoded = decodeURIComponent(value)
  assert.ok(decoded.startsWith('s:'))
  return signature.unsign(decoded.slice(2), secret)
}
// cookie-signature 1.2 takes the keys that node:crypto takes.
const secretOf = (vector) => vector.secret ?? Buffer.from(vector.secret_hex, 'hex')

describe('cookies', () => {
  let peer
  before(() => { peer = startPeer() })
  after(() => peer.stop())

  test('every golden id and secret: what Rust signs, cookie-signature verifies', async () => {
    let checked = 0
    for (const vector of golden('signing')) {
      const value = await peer.seal({ secrets: secrets(secretOf(vector)) }, vector.sid)
      assert.equal(value, vector.cookie_value)
      assert.equal(unsign(value, secretOf(vector)), vector.sid)
      checked++
    }
    assert.equal(checked, 149)
  })

  test('every golden id and secret: what cookie-signature signs, Rust opens, with the preset and during a migration', async () => {
    for (const vector of golden('signing')) {
      const cookie = nodeCookie(vector.sid, secretOf(vector))
      for (const policy of [{}, MIGRATION, { signature: 'raw' }]) {
        assert.deepEqual(await peer.lookUp({ ...policy, secrets: secrets(secretOf(vector)) }, cookie), [vector.sid])
      }
    }
  })

  test('random ids of every length and alphabet go both ways', async () => {
    const policy = { secrets: secrets(SECRET) }
    for (let length = 1; length <= 60; length++) {
      for (const id of [
        randomBytes(length).toString('base64url'),
        randomBytes(length).toString('base64'),
        [...randomBytes(length)].map((byte) => String.fromCodePoint(0x21 + byte % 94)).join(''),
        [...randomBytes(length)].map((byte) => String.fromCodePoint(0x4e00 + byte)).join('')
      ]) {
        const value = await peer.seal(policy, id)
        assert.equal(unsign(value, SECRET), id)
        assert.equal(`connect.sid=${value}`, nodeCookie(id, SECRET), 'encoded alike, too')
        assert.deepEqual(await peer.lookUp(policy, nodeCookie(id, SECRET)), [id])
      }
    }
  })

  test('no changed character is accepted by either', async () => {
    const policy = { secrets: secrets(SECRET) }
    const signed = `s:${signature.sign('an.id', SECRET)}`
    for (let at = 0; at < signed.length; at++) {
      for (const put of ['', 'A', '.', '=', '-', signed[at].toLowerCase(), signed[at].toUpperCase(), signed[at] + signed[at]]) {
        const changed = signed.slice(0, at) + put + signed.slice(at + 1)
        if (changed === signed) continue
        const byNode = changed.startsWith('s:') && signature.unsign(changed.slice(2), SECRET)
        assert.equal(byNode, false)
        assert.deepEqual(await peer.lookUp(policy, `connect.sid=${encodeURIComponent(changed)}`), [], changed)
      }
    }
  })

  test('every golden Cookie header leads a live express-session and Rust to the same id', async () => {
    // Rust goes on to the next cookie of the name where Node gives up.
    const further = ['first of two: bad first', 'first of two: unsigned first', 'first of two: empty first']
    let checked = 0
    for (const { why, cookie_header: header, name, secrets: all, sid } of golden('verify')) {
      const site = await startSite({ secret: all, name })
      await site.play(header)
      site.stop()
      const [byRust] = await peer.lookUp({ secrets: secrets(...all), name }, header)
      assert.deepEqual(site.lookedUp, sid === null ? [] : [sid], why)
      assert.equal(byRust ?? null, further.includes(why) ? 'apple' : sid, why)
      checked++
    }
    assert.equal(checked, 74)
  })

  test('percent-encoding: whatever decodes to the cookie is the cookie, once', async () => {
    const site = await startSite({ secret: SECRET })
    const policy = { secrets: secrets(SECRET) }
    const raw = `s:${signature.sign('an-id', SECRET)}`
    const encodings = {
      'as Node writes it': [encodeURIComponent(raw), true],
      'not at all': [raw, true],
      'all of it': [[...raw].map((char) => `%${char.charCodeAt(0).toString(16)}`).join(''), true],
      'lower case': [encodeURIComponent(raw).replace(/%../g, (escape) => escape.toLowerCase()), true],
      quoted: [`"${encodeURIComponent(raw)}"`, true],
      twice: [encodeURIComponent(encodeURIComponent(raw)), false],
      'broken at the end': [`${encodeURIComponent(raw)}%`, false],
      'broken UTF-8 at the end': [`${encodeURIComponent(raw)}%ff`, false]
    }
    for (const [how, [value, accepted]] of Object.entries(encodings)) {
      site.lookedUp.length = 0
      await site.play(`connect.sid=${value}`)
      assert.deepEqual(site.lookedUp, accepted ? ['an-id'] : [], `Node, ${how}`)
      assert.deepEqual(await peer.lookUp(policy, `connect.sid=${value}`), accepted ? ['an-id'] : [], `Rust, ${how}`)
    }
    site.stop()
  })

  test('rotation: a cookie of the retired secret is taken by both, and Rust signs it anew', async () => {
    const [current, old] = ['the secret of this year', 'the secret of last year']
    const site = await startSite({ secret: [current, old] })
    const began = await peer.request({
      policy: { secrets: secrets(old) }, ids: ['rotated'], script: [{ insert: ['user', 'ann'] }]
    })
    site.hold(began.records)
    assert.equal((await site.play(pair(began.setCookie))).data.user, 'ann', 'Node takes it')

    const both = { secrets: secrets(current, old) }
    const read = await peer.request({ policy: both, cookies: [pair(began.setCookie)], records: site.records() })
    assert.equal(read.data.user, 'ann')
    const value = pair(read.setCookie).slice('connect.sid='.length)
    assert.equal(unsign(value, current), 'rotated', 'signed by the current secret')
    assert.equal(unsign(value, old), false)

    // After the rotation the old cookie is dead for both, and the new one is not.
    const done = await startSite({ secret: current })
    done.hold(read.records)
    assert.equal((await done.play(pair(read.setCookie))).data.user, 'ann')
    assert.equal((await done.play(pair(began.setCookie))).data.user, undefined)
    assert.deepEqual(await peer.lookUp({ secrets: secrets(current) }, pair(began.setCookie)), [])
    assert.deepEqual(await peer.lookUp({ secrets: secrets(current) }, pair(read.setCookie)), ['rotated'])
    site.stop()
    done.stop()
  })

  test('migration: Node\'s cookie is taken and signed anew per name, which Node no longer takes', async () => {
    const site = await startSite({ secret: SECRET })
    const began = await site.play(undefined, [{ insert: ['user', 'ann'] }])
    const policy = { ...MIGRATION, secrets: secrets(SECRET) }
    const read = await peer.request({ policy, cookies: [pair(began.setCookie)], records: site.records() })
    assert.equal(read.isNew, false)
    assert.equal(read.data.user, 'ann')
    assert.notEqual(pair(read.setCookie), pair(began.setCookie))
    assert.deepEqual(await peer.lookUp(policy, pair(read.setCookie)), [began.id])
    assert.equal(unsign(pair(read.setCookie).slice('connect.sid='.length), SECRET), false)

    // Once the migration is over, only the new signature counts.
    const after = { signature: 'perName', secrets: secrets(SECRET) }
    assert.deepEqual(await peer.lookUp(after, pair(began.setCookie)), [])
    assert.deepEqual(await peer.lookUp(after, pair(read.setCookie)), [began.id])

    // A server that signs as Node does can be put beside a Node server for as long as one likes.
    const raw = await peer.request({ policy: { ...policy, signature: 'raw' }, cookies: [pair(began.setCookie)], records: site.records(), script: [{ insert: ['a', 1] }] })
    assert.equal(pair(raw.setCookie), pair(began.setCookie))
    site.stop()
  })
})
