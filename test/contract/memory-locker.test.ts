import { createMemoryLocker } from '../../src/locks/memory-locker.ts'
import { lockerContract } from './locker-contract.ts'

lockerContract('memory', (timeoutMs) => createMemoryLocker({ timeoutMs }))
