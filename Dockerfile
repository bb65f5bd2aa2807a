# syntax=docker/dockerfile:1

# Builds the server and the page; nothing of this stage but dist/ reaches the image.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json vite.config.ts ./
COPY src ./src
COPY public ./public
RUN npm run build

# What the server needs to run, without the tools that build and test it.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Tusker" \
      org.opencontainers.image.description="Resumable uploads (tus 1.0.0) into the object storage you already have" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
COPY --from=dependencies /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
# ./data of the default location `local`, ./spill for uploads that find no room in memory: all that is ever written to,
# so the rest can be read-only.
RUN mkdir data spill && chown node:node data spill
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=1080 \
    UPLOAD_SPILL_DIRECTORY=/app/spill
# The user "node" of the base image, by number, so that a cluster can see that it is not root.
USER 1000:1000
VOLUME ["/app/data", "/app/spill"]
EXPOSE 1080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# node itself is process 1, so that SIGTERM reaches the server and running uploads are flushed.
CMD ["node", "dist/main.js", "serve"]
