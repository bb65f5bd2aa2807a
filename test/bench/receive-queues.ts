import { readFileSync } from 'node:fs'

const ESTABLISHED = '01'

/**
 * The bytes on their way from each client, by its port, that the server has not read: in the kernel, on either side.
 * It is the only way to see from outside whether a server reads a client, since the kernel takes what nobody reads.
 */
export function unreadBytesByClientPort(serverPort: number): ReadonlyMap<number, number> {
  const [, ...lines] = readFileSync('/proc/net/tcp', 'utf8').trimEnd().split('\n')
  const unreadBytes = new Map<number, number>()
  const add = (clientPort: number, bytes: number): void => {
    unreadBytes.set(clientPort, (unreadBytes.get(clientPort) ?? 0) + bytes)
  }
  for (const line of lines) {
    const [, local, remote, state, queues] = line.trim().split(/\s+/)
    if (state !== ESTABLISHED) continue
    const [toSendBytes, toReadBytes] = hexPair(queues)
    const [, localPort] = hexPair(local)
    const [, remotePort] = hexPair(remote)
    // Both ends are on this machine: each connection is listed twice.
    if (localPort === serverPort) add(remotePort, toReadBytes)
    if (remotePort === serverPort) add(localPort, toSendBytes)
  }
  return unreadBytes
}

/** Addresses are written `0100007F:0438`, queues `00000000:00000000`. */
function hexPair(text = ''): readonly [number, number] {
  const [first = '', second = ''] = text.split(':')
  return [Number.parseInt(first, 16), Number.parseInt(second, 16)]
}
