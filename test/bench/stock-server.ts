import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'
import express from 'express'

// The published tus server for Node with its S3 store, at its defaults: `node stock-server.js PORT S3_ENDPOINT BUCKET`.

const [, , port = '', endpoint = '', bucket = ''] = process.argv

const datastore = new S3Store({
  s3ClientConfig: {
    bucket,
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  },
})
const tus = new Server({ path: '/files', datastore })

const app = express()
app.all('/files{/*path}', (request, response) => void tus.handle(request, response))
app.listen(Number(port), '127.0.0.1')
