// Places in a script where a request waits until the test lets it go on.

/** Permits that are added and taken. */
export class Semaphore {
  #permits = 0
  #waiting = []

  add (count) {
    this.#permits += count
    while (this.#waiting.length > 0 && this.#waiting[0].count <= this.#permits) {
      const { count, resolve } = this.#waiting.shift()
      this.#permits -= count
      resolve()
    }
  }

  take (count) {
    return new Promise((resolve) => {
      this.#waiting.push({ count, resolve })
      this.add(0)
    })
  }
}

class Gate {
  #arrived = new Semaphore()
  #open = new Semaphore()
  #report = new Promise((resolve) => { this.leave = resolve })

  pass () {
    this.#arrived.add(1)
    return this.#open.take(1)
  }

  arrived (count) { return this.#arrived.take(count) }

  open (count) { this.#open.add(count) }

  report () { return this.#report }
}

const gates = new Map()

/** The gate of that name; made when it is first asked for. */
export function gate (name) {
  if (!gates.has(name)) gates.set(name, new Gate())
  return gates.get(name)
}

/** Takes down the gates whose names begin so. */
export function forgetGates (prefix) {
  for (const name of gates.keys()) if (name.startsWith(prefix)) gates.delete(name)
}
