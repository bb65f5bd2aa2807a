import { readFileSync } from 'node:fs'

const ESTABLISHED = '01'

/**
 * The bytes that wait, unread, in the kernel on the server's side of each connection, by the client's port: the only
 * way to see from outside whether a server reads a client, since the kernel acknowledges what nobody reads.
 */
export function unreadBytesByClientPort(serverPort: number): ReadonlyMap<number, number> {
  const [, ...lines] = readFileSync('/proc/net/tcp', 'utf8').trimEnd().split('\n')
  const connections = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === ESTABLISHED && portOf(local) === serverPort)
  return new Map(
    connections.map(([, , remote, , queues]) => [
      portOf(remote),
      Number.parseInt(queues?.split(':')[1] ?? '', 16),
    ]),
  )
}

/** Addresses are written `0100007F:0438`. */
function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '', 16)
}
