// The scripted handler: the same steps as `tests/conformance/src/script/step.rs`, played on `req.session`.
import { gate } from './gate.js'

const BODILESS = new Set([204, 304])

/** Plays the steps of a request, and fills `answer`. */
export class Play {
  seen = []
  status = 200
  headers = []
  body = null
  location = null
  streamed = []

  constructor (request) {
    this.request = request
  }

  async all (steps) {
    for (const step of steps) await this.step(step)
  }

  async step (step) {
    const [[what, argument]] = Object.entries(typeof step === 'string' ? { [step]: null } : step)
    if (what === 'attempt') {
      try {
        await this.step(argument)
      } catch (error) {
        this.seen.push({ error: error.kind ?? 'other' })
      }
      return
    }
    if (!(what in steps)) throw new Error(`no such step: ${what}`)
    this.seen.push((await steps[what].call(this, argument)) ?? null)
  }

  takeSeen () {
    const seen = this.seen
    this.seen = []
    return seen
  }

  /** Sends the answer. */
  send (response) {
    response.statusCode = this.status
    for (const [name, value] of this.headers) response.appendHeader(name, value)
    if (this.location !== null) return response.redirect(303, this.location)
    const body = this.body ?? (BODILESS.has(this.status) ? Buffer.alloc(0) : Buffer.from(JSON.stringify(this.seen)))
    if (body.length > 0 && !response.hasHeader('content-type')) response.setHeader('content-type', 'application/json')
    if (this.status !== 204 && this.status !== 304) response.setHeader('content-length', body.length)
    if (body.length > 0) response.end(body)
    else response.end()
  }

  /** Sends the answer's head, then plays the steps that belong to its body, each with a line of its own. */
  async stream (response) {
    response.statusCode = this.status
    for (const [name, value] of this.headers) response.appendHeader(name, value)
    this.takeSeen()
    for (const step of this.streamed) {
      try {
        await this.step(step)
      } catch (error) {
        this.seen.push({ error: error.kind ?? 'other' })
      }
      response.write(JSON.stringify(this.takeSeen()) + '\n')
    }
    response.end()
  }

  get session () {
    const { session } = this.request
    if (!session) throw Object.assign(new Error('the session has ended'), { kind: 'ended' })
    return session
  }

  call (method) {
    return new Promise((resolve, reject) => {
      this.session[method]((error) => {
        if (!error) return resolve()
        error.kind ??= error.message === 'failed to load session' ? 'gone' : undefined
        reject(error)
      })
    })
  }
}

const keys = (session) => Object.keys(session).filter((key) => key !== 'cookie')

const steps = {
  get (key) { return this.session[key] },
  insert ([key, value]) { this.session[key] = value },
  count (key) { return (this.session[key] = (this.session[key] ?? 0) + 1) },
  take (key) {
    const value = this.session[key]
    delete this.session[key]
    return value
  },
  remove (key) {
    const was = key in this.session
    delete this.session[key]
    return was
  },
  clear () { for (const key of keys(this.session)) delete this.session[key] },
  contains (key) { return Object.hasOwn(this.session, key) },
  keys () { return keys(this.session) },
  fill ([key, length]) { this.session[key] = 'x'.repeat(length) },
  id () { return this.request.sessionID },
  regenerate () { return this.call('regenerate') },
  destroy () { return this.call('destroy') },
  unset () { this.request.session = null },
  save () { return this.call('save') },
  reload () { return this.call('reload') },
  touch () { this.session.touch() },
  max_age (ms) { this.session.cookie.maxAge = ms },
  expires ([at]) { this.session.cookie.expires = new Date(at) },
  set_cookie (change) {
    const names = { path: 'path', domain: 'domain', http_only: 'httpOnly', secure: 'secure', same_site: 'sameSite' }
    for (const [name, value] of Object.entries(change)) this.session.cookie[names[name]] = value
  },
  cookie () {
    const { maxAge, path, domain, httpOnly, secure, sameSite } = this.session.cookie
    return {
      max_age: maxAge,
      path,
      domain: domain ?? null,
      http_only: Boolean(httpOnly),
      secure: Boolean(secure),
      same_site: sameSite || null
    }
  },
  status (status) { this.status = status },
  header (header) { this.headers.push(header) },
  redirect (to) { this.location = to },
  pad (length) { this.body = Buffer.alloc(length, '.') },
  stream (steps) { this.streamed = steps },
  has_session () { return Boolean(this.request.session) },
  body_length () { return this.request.body.length },
  pause (name) { return gate(name).pass() },
  keep ([name, later]) {
    const { session, sessionID } = this.request
    const kept = new Play({ session, sessionID, body: '' })
    gate(name).pass().then(async () => {
      for (const step of later) await kept.step({ attempt: step })
      gate(name).leave(kept.seen)
    })
  }
}
