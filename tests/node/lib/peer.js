// The Rust side: one process, to which each request is a line and each answer a line.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Starts `node-peer`: the binary that NODE_PEER names, or with cargo. */
export function startPeer () {
  const binary = process.env.NODE_PEER
  const child = binary
    ? spawn(binary, [], { stdio: ['pipe', 'pipe', 'inherit'] })
    : spawn('cargo', ['run', '--quiet', '--package', 'node-peer'], { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = []
  let failure
  const fail = (error) => {
    failure ??= error
    for (const { reject } of waiting.splice(0)) reject(failure)
  }
  child.on('error', (error) => {
    if (error.code !== 'ENOENT') return fail(error)
    fail(new Error(binary
      ? `NODE_PEER names ${binary}, which is not there: build it with \`cargo build -p node-peer\``
      : 'cargo was not found: install Rust, or build node-peer elsewhere and set NODE_PEER to the path of the binary'))
  })
  child.on('exit', (code) => fail(new Error(`node-peer ended (exit code ${code}); its messages stand above`)))
  child.stdin.on('error', fail)
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { resolve, reject } = waiting.shift()
    const answer = JSON.parse(line)
    if (answer.error) reject(new Error(answer.error))
    else resolve(answer)
  })
  const request = (line) => new Promise((resolve, reject) => {
    if (failure) return reject(failure)
    waiting.push({ resolve, reject })
    child.stdin.write(JSON.stringify({ now: Date.now(), ...line }) + '\n')
  })
  return {
    /** One request to a Rust server; see `peer/src/main.rs`. */
    request,
    /** The value of the cookie that a Rust server sets for an id. */
    async seal (policy, id) {
      const { setCookie } = await request({ policy, ids: [id], script: [{ insert: ['a', 1] }] })
      return pair(setCookie).slice(pair(setCookie).indexOf('=') + 1)
    },
    /** The ids that a Rust server looks up for a `Cookie` header, in turn. */
    async lookUp (policy, header) {
      return (await request({ policy, cookies: [header] })).lookedUp
    },
    /** Lets the process end. */
    stop () {
      child.stdin.end()
    }
  }
}

/** A policy's secrets, as bytes; strings are UTF-8, as in Node. */
export function secrets (...all) {
  return all.map((secret) => [...Buffer.from(secret)])
}

/** `name=value` of a Set-Cookie line. */
export function pair (setCookie) {
  return setCookie.split(';')[0]
}
