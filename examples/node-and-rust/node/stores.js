// The session store that a URL stands for, as each Node package is set up to share its records.
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import MongoStore from 'connect-mongo'
import mysqlSession from 'express-mysql-session'
import session from 'express-session'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { createClient } from 'redis'

/**
 * Opens the store at `url`. `name` keeps its records apart: a prefix, a table or a collection. `objects` is for MongoDB: sessions
 * are then objects there, not strings.
 */
export async function openStore (url, name, objects) {
  const { protocol } = new URL(url.replace(/,[^/]*/, ''))
  switch (protocol) {
    case 'redis:': return openRedis(url, name)
    case 'postgres:': return openPostgres(url, name)
    case 'mysql:': return openMysql(url, name)
    case 'mongodb:': return openMongo(url, name, objects)
    default: throw new Error(`no store for ${protocol} URLs; take redis, postgres, mysql or mongodb`)
  }
}

async function openRedis (url, name) {
  const client = await createClient({ url }).connect()
  return { store: new RedisStore({ client, prefix: `${name}:` }), close: () => client.close() }
}

async function openPostgres (url, name) {
  const PgStore = connectPgSimple(session)
  // The column `expire` has no time zone: every connection that writes it must be in the same one.
  const pool = new pg.Pool({ connectionString: url, options: '-c TimeZone=UTC' })
  const store = new PgStore({ pool, tableName: name, createTableIfMissing: true, pruneSessionInterval: false })
  return { store, close: () => pool.end() }
}

async function openMysql (url, name) {
  const MysqlStore = mysqlSession(session)
  const { hostname: host, port, username: user, password, pathname } = new URL(url)
  const store = new MysqlStore({
    host,
    port,
    user: decodeURIComponent(user),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
    clearExpired: false,
    schema: { tableName: name }
  })
  await store.onReady()
  return { store, close: () => store.close() }
}

async function openMongo (url, name, objects) {
  const client = await new MongoClient(url).connect()
  const store = MongoStore.create({
    client,
    dbName: 'test',
    collectionName: name,
    autoRemove: 'disabled',
    stringify: !objects
  })
  return { store, close: () => client.close() }
}
