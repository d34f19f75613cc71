# The service on Node 24, as an ordinary user. Give it a database (and Redis for more than one machine):
#
#   docker run -p 8080:8080 -v ./volley.yaml:/app/volley.yaml:ro -e VOLLEY_HOST=0.0.0.0 volley

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir .volley && chown node:node .volley
USER node
VOLUME /app/.volley
EXPOSE 8080
# Ready means: database, engine and workers are up.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/src/cli.js"]
CMD ["start"]
