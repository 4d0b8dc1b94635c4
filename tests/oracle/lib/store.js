// express-session's MemoryStore, which counts what is asked of it and can be told to fail or to wait.
import session from 'express-session'
import { Semaphore } from './gate.js'

const NONE = { read: 0, write: 0, touch: 0, destroy: 0 }

export class ProbeStore extends session.MemoryStore {
  failing = new Set()
  holding = null
  #calls = { ...NONE }
  #arrived = new Semaphore()
  #leave = new Semaphore()
  #waiting = 0

  get (id, callback) { this.#note('read', callback, () => super.get(id, callback)) }

  set (id, data, callback) {
    // What is stored is what the session is now, also if the store is told to wait.
    const now = JSON.parse(JSON.stringify(data))
    this.#note('write', callback, () => super.set(id, now, callback))
  }

  touch (id, data, callback) { this.#note('touch', callback, () => super.touch(id, data, callback)) }

  destroy (id, callback) { this.#note('destroy', callback, () => super.destroy(id, callback)) }

  takeCalls () {
    const calls = this.#calls
    this.#calls = { ...NONE }
    return calls
  }

  held (count) { return this.#arrived.take(count) }

  release () {
    this.holding = null
    this.#leave.add(this.#waiting)
    this.#waiting = 0
  }

  async #note (verb, callback, act) {
    this.#calls[verb]++
    const failing = this.failing.has(verb)
    if (this.holding === verb) {
      this.#waiting++
      this.#arrived.add(1)
      await this.#leave.take(1)
    }
    if (!failing) return act()
    setImmediate(() => callback?.(Object.assign(new Error('the test has switched the store off'), { kind: 'store' })))
  }
}
